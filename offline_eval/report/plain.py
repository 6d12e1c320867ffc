"""Findings as JSON, for programs: every number, unrounded; null where there is none."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from core.distribution import EMOTIONS
from offline_eval.report.findings import Findings
from offline_eval.runs.presets import PRESETS, Preset
from offline_eval.scoring.evaluation import Scores, SystemScores
from offline_eval.scoring.resampling import Estimate
from offline_eval.scoring.trial import Difference

SCHEMA = "emotion-eval/report/1"
_WORST = 20


def as_json(findings: Findings) -> str:
    """The report.json of a run."""
    return dumped(_plain(findings))


def dumped(content: Mapping[str, Any]) -> str:
    """JSON text; what is not finite becomes null."""
    return json.dumps(_finite(content), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def scores_of(scores: Scores) -> dict[str, Any]:
    """Counts, estimates and confusion."""
    counts = {name: getattr(scores, name) for name in ("n_total", "n_scored", "n_invalid", "n_clusters")}
    measures = {name: _estimate(estimate) for name, estimate in scores.estimates.items()}
    return counts | {"measures": measures, "confusion": scores.confusion}


def difference_of(difference: Difference) -> dict[str, Any]:
    """One paired difference."""
    return asdict(difference) | {"estimate": _estimate(difference.estimate)}


def _plain(findings: Findings) -> dict[str, Any]:
    evaluation, record = findings.evaluation, findings.record
    cut, known = findings.truncated
    people = findings.people
    return {
        "schema": SCHEMA,
        "run": asdict(record),
        "warnings": findings.warnings,
        "emotions": EMOTIONS,
        "bootstrap": {"level": 0.95, "interval": "BCa", "draws": evaluation.draws, "seed": evaluation.seed},
        "judged": findings.judged.name,
        "truncated": {"known": known, "truncated": cut},
        "unread": [asdict(question) for question in findings.unread],
        "views": {
            one.view.name: asdict(one.view)
            | {"level": one.view.level, "invalid": one.invalid}
            | {"spread": one.spread, "invalid_samples": one.invalid_samples}
            for one in findings.readings
        },
        "constants": [one.name for one in findings.constants],
        "levels": {name: asdict(level) for name, level in evaluation.levels.items()},
        "systems": {name: _system(system) for name, system in evaluation.systems.items()},
        "people": None if people is None else asdict(people),
        "differences": list(map(difference_of, findings.differences)),
        "paper": {name: _preset(preset, evaluation.systems) for name, preset in PRESETS.items()},
        "worst": [_utterance(findings, row, kl) for row, kl in findings.worst(_WORST)],
    }


def _system(system: SystemScores) -> dict[str, Any]:
    return {
        "scored": scores_of(system.scored),
        "penalised": scores_of(system.penalised),
        "by_agreement": {name: scores_of(scores) for name, scores in system.by_agreement.items()},
        "by_session": {name: scores_of(scores) for name, scores in system.by_session.items()},
    }


def _preset(preset: Preset, systems: Mapping[str, SystemScores]) -> dict[str, Any]:
    rows = []
    for row in preset.rows:
        system = systems.get(row.view.name) if row.view else None
        rows.append(
            {
                "title": row.title,
                "view": row.view.name if row.view else None,
                "published": row.published,
                "ours": {name: _estimate(system.scored.estimates[name]) for name in preset.measures}
                if system
                else None,
                "not_comparable": row.not_comparable,
            }
        )
    return {"title": preset.title, "note": preset.note, "rows": rows}


def _utterance(findings: Findings, row: int, kl: float) -> dict[str, Any]:
    rated = findings.rated[row]
    return {
        "utterance": rated.utterance.utterance_id,
        "corpus": rated.utterance.corpus,
        "kl_smoothed": kl,
        "human": list(rated.human),
        "model": findings.probabilities[row].tolist(),
    }


def _estimate(estimate: Estimate) -> dict[str, float | None]:
    return asdict(estimate)


def _finite(content: Any) -> Any:
    if isinstance(content, Mapping):
        return {str(key): _finite(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_finite(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content
