"""What a measurement came to: printed, kept with where it was made, and checked.

Two things are checked. Faults are what must hold on every machine, such as that nothing was dropped. Ratios compare two
times of one run, so that a limit holds on other machines too; which limit, whoever checks says.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from core.errors import UsageError
from core.wire.events import ModelStamp
from monitor.bench.machine import conditions

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


@dataclass(frozen=True, slots=True)
class Ratio:
    """Two times, or rates, of one run, one through the other; and which way it gets better."""

    value: float
    better: Literal["less", "more"] = "less"

    def keeps(self, limit: float) -> bool:
        """Whether it is at most the limit, or at least where more is better."""
        return self.value <= limit if self.better == "less" else self.value >= limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a measurement found.

    Attributes:
        bench: Its name.
        measured: Everything, for JSON.
        text: The same for people.
        ratios: What limits may be set for.
        faults: What is not as it must be on every machine, in words.
        model: What was at work, if any was.
    """

    bench: str
    measured: "DataclassInstance"
    text: str
    ratios: Mapping[str, Ratio]
    faults: Sequence[str] = ()
    model: ModelStamp | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """What is done with an outcome.

    Attributes:
        as_json: Print JSON in place of a table.
        check: Limits on ratios, as NAME=LIMIT; None: nothing is checked.
        keep: Folder in which it is kept as NAME.json.
    """

    as_json: bool = False
    check: Sequence[str] | None = None
    keep: Path | None = None


def tell(outcome: Outcome, telling: Telling) -> int:
    """Prints, keeps and checks; the exit status is 1 if a check failed.

    Raises:
        UsageError: A limit is none, or there is no such ratio; the result cannot be kept.
    """
    limits = [_limit(text, outcome) for text in telling.check or ()]
    failed = [*outcome.faults, *(said for name, limit in limits for said in _missed(name, limit, outcome))]
    record = _record(outcome, failed)
    if telling.keep is not None:
        _write(telling.keep / f"{outcome.bench}.json", record)
    print(json.dumps(record, indent=2) if telling.as_json else _text(outcome, failed, telling))
    return int(bool(failed) and telling.check is not None)


def _limit(text: str, outcome: Outcome) -> tuple[str, float]:
    name, _, limit = text.partition("=")
    if name not in outcome.ratios:
        msg = f"--check: bench {outcome.bench} has no ratio {name!r}"
        raise UsageError(msg, hint=f"ratios: {', '.join(outcome.ratios) or 'none'}")
    try:
        return name, float(limit)
    except ValueError:
        msg = f"--check {text}: {limit!r} is not a number"
        raise UsageError(msg, hint=f"for example --check {name}=1.5") from None


def _missed(name: str, limit: float, outcome: Outcome) -> list[str]:
    ratio = outcome.ratios[name]
    if ratio.keeps(limit):
        return []
    return [f"{name} is {ratio.value:.3g}, {'above' if ratio.better == 'less' else 'below'} {limit:g}"]


def _record(outcome: Outcome, failed: Sequence[str]) -> dict[str, Any]:
    return {
        "bench": outcome.bench,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "conditions": conditions(),
        "model": None if outcome.model is None else asdict(outcome.model),
        "measured": asdict(outcome.measured),
        "ratios": {name: round(ratio.value, 4) for name, ratio in outcome.ratios.items()},
        "failed": list(failed),
    }


def _write(path: Path, record: Mapping[str, Any]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        msg = f"--keep: cannot write {path}: {error.strerror}"
        raise UsageError(msg) from error


def _text(outcome: Outcome, failed: Sequence[str], telling: Telling) -> str:
    ratios = [f"{name} {ratio.value:.3g} ({ratio.better} is better)" for name, ratio in outcome.ratios.items()]
    lines = [outcome.text, "", *(["ratios: " + ", ".join(ratios)] if ratios else [])]
    if telling.check is not None or failed:
        lines += failed or ["nothing amiss"]
    return "\n".join(lines)
