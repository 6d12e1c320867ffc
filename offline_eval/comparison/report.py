"""A comparison as Markdown for people, and as JSON for programs."""

import json
from collections.abc import Callable
from dataclasses import asdict

from offline_eval.comparison.compare import Comparison
from offline_eval.scoring.bootstrap import Interval
from offline_eval.scoring.scores import MEASURES, OVERALL

SCHEMA = "emotion-eval/compare/1"
SHOWN = {"macro_f1": "macro-F1", "nll": "NLL", "brier": "Brier", "ece": "ECE"}
"""Measures of the Markdown tables; the JSON has all."""
_FEW_SPEAKERS = 10


def as_markdown(comparison: Comparison, *, about: str) -> str:
    """Tables of scores and of differences for each corpus; `about` says what was compared."""
    parts = [f"# {comparison.first} beside {len(comparison.scores) - 1} other system(s)", about, _explained(comparison)]
    for corpus in comparison.corpora:
        parts += [_heading(comparison, corpus), _scores(comparison, corpus)]
        if comparison.differences:
            parts += [f"{comparison.first} minus each other system:", _differences(comparison, corpus)]
    return "\n\n".join(parts) + "\n"


def as_json(comparison: Comparison, *, about: str) -> str:
    """Every score and difference with its interval; null where there is no interval."""
    others = list(comparison.differences)
    content = {
        "schema": SCHEMA,
        "about": about,
        "first": comparison.first,
        "bootstrap": {"cluster": "speaker", "level": 0.95, "draws": comparison.draws, "seed": comparison.seed},
        "speakers": dict(comparison.speakers),
        "clips": {corpus: score.clips for corpus, score in comparison.scores[comparison.first].items()},
        "scores": {
            system: {
                corpus: {
                    measure: _entry(getattr(score, measure), comparison.intervals[system][corpus][measure])
                    for measure in MEASURES
                }
                for corpus, score in by_corpus.items()
            }
            for system, by_corpus in comparison.scores.items()
        },
        "differences": {
            other: {
                corpus: {
                    measure: _entry(
                        comparison.difference(other, corpus, measure), comparison.differences[other][corpus][measure]
                    )
                    for measure in MEASURES
                }
                for corpus in comparison.corpora
            }
            for other in others
        },
    }
    return json.dumps(content, indent=1, allow_nan=False) + "\n"


def _explained(comparison: Comparison) -> str:
    few = [corpus for corpus, speakers in comparison.speakers.items() if speakers < _FEW_SPEAKERS]
    text = (
        "macro-F1: higher is better; NLL (nats), Brier and ECE: lower is better. In brackets: 95 % interval, "
        f"{comparison.draws} draws of speakers with replacement within each corpus, the same draws for every system."
    )
    if few:
        text += (
            f" Intervals from fewer than {_FEW_SPEAKERS} speakers ({', '.join(few)}) are narrower than they should be."
        )
    return text


def _heading(comparison: Comparison, corpus: str) -> str:
    clips = comparison.scores[comparison.first][corpus].clips
    speakers = sum(comparison.speakers.values()) if corpus == OVERALL else comparison.speakers[corpus]
    return f"## {corpus}: {clips} clips of {speakers} speaker(s)"


def _scores(comparison: Comparison, corpus: str) -> str:
    def cell(system: str, measure: str) -> str:
        value = getattr(comparison.scores[system][corpus], measure)
        return _cell(value, comparison.intervals[system][corpus][measure], "")

    return _table("system", list(comparison.scores), cell)


def _differences(comparison: Comparison, corpus: str) -> str:
    def cell(other: str, measure: str) -> str:
        value = comparison.difference(other, corpus, measure)
        return _cell(value, comparison.differences[other][corpus][measure], "+")

    return _table("minus", list(comparison.differences), cell)


def _table(corner: str, systems: list[str], cell: Callable[[str, str], str]) -> str:
    lines = [f"| {corner} | {' | '.join(SHOWN.values())} |", f"|---|{'---|' * len(SHOWN)}"]
    lines += [f"| {system} | {' | '.join(cell(system, measure) for measure in SHOWN)} |" for system in systems]
    return "\n".join(lines)


def _cell(value: float, interval: Interval | None, sign: str) -> str:
    if interval is None:
        return f"{value:{sign}.3f} [one speaker]"
    return f"{value:{sign}.3f} [{interval.low:{sign}.3f}, {interval.high:{sign}.3f}]"


def _entry(value: float, interval: Interval | None) -> dict[str, float | None]:
    return {"value": value} | (asdict(interval) if interval else {"low": None, "high": None})
