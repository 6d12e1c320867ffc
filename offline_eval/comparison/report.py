"""A comparison as Markdown for people, and as JSON for programs."""

import json
from collections.abc import Mapping
from dataclasses import asdict

from offline_eval.comparison.compare import Comparison, Estimates
from offline_eval.scoring.resampling import Estimate
from offline_eval.scoring.scores import OVERALL

SCHEMA = "emotion-eval/compare/1"
SHOWN = {"macro_f1": "macro-F1", "nll": "NLL", "brier": "Brier", "ece": "ECE"}
"""Measures of the Markdown tables; the JSON has all."""
_FEW_SPEAKERS = 10


def as_markdown(comparison: Comparison, *, about: str) -> str:
    """Tables of scores and of differences for each corpus; `about` says what was compared."""
    parts = [f"# {comparison.first} beside {len(comparison.scores) - 1} other system(s)", about, _explained(comparison)]
    for corpus in comparison.clips:
        parts += [_heading(comparison, corpus), _table("system", comparison.scores, corpus)]
        if comparison.differences:
            differences = _table("minus", comparison.differences, corpus, "+")
            parts += [f"{comparison.first} minus each other system:", differences]
    return "\n\n".join(parts) + "\n"


def as_json(comparison: Comparison, *, about: str) -> str:
    """Every score and difference with its interval; null where there is no interval."""
    drawn = {"cluster": "speaker", "level": 0.95, "interval": "BCa", "draws": comparison.draws, "seed": comparison.seed}
    content = {
        "schema": SCHEMA,
        "about": about,
        "first": comparison.first,
        "bootstrap": drawn,
        "speakers": dict(comparison.speakers),
        "clips": dict(comparison.clips),
        "scores": {system: _plain(estimates) for system, estimates in comparison.scores.items()},
        "differences": {other: _plain(estimates) for other, estimates in comparison.differences.items()},
    }
    return json.dumps(content, indent=1, allow_nan=False) + "\n"


def _explained(comparison: Comparison) -> str:
    few = [corpus for corpus, speakers in comparison.speakers.items() if speakers < _FEW_SPEAKERS]
    text = (
        "macro-F1: higher is better; NLL (nats), Brier and ECE: lower is better. In brackets: 95 % interval (BCa), "
        f"{comparison.draws} draws of speakers with replacement within each corpus, the same draws for every system."
    )
    if few:
        text += (
            f" Intervals from fewer than {_FEW_SPEAKERS} speakers ({', '.join(few)}) are narrower than they should be."
        )
    return text


def _heading(comparison: Comparison, corpus: str) -> str:
    speakers = sum(comparison.speakers.values()) if corpus == OVERALL else comparison.speakers[corpus]
    return f"## {corpus}: {comparison.clips[corpus]} clips of {speakers} speaker(s)"


def _table(corner: str, systems: Mapping[str, Estimates], corpus: str, sign: str = "") -> str:
    lines = [f"| {corner} | {' | '.join(SHOWN.values())} |", f"|---|{'---|' * len(SHOWN)}"]
    for system, estimates in systems.items():
        cells = [_cell(estimates[corpus][measure], sign) for measure in SHOWN]
        lines.append(f"| {system} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(estimate: Estimate, sign: str) -> str:
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:{sign}.3f} [one speaker]"
    return f"{estimate.value:{sign}.3f} [{estimate.low:{sign}.3f}, {estimate.high:{sign}.3f}]"


def _plain(estimates: Estimates) -> dict[str, dict[str, dict[str, float | None]]]:
    return {
        corpus: {measure: asdict(estimate) for measure, estimate in by_measure.items()}
        for corpus, by_measure in estimates.items()
    }
