"""`emotion-monitor bench soak`: whether the program can run for days: memory, descriptors, threads, accounts.

Each of its processes is judged by itself. So short a run says little about so small a growth, so every slope comes
with its interval, and "undecided" is an answer.
"""

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from core.model import SAMPLE_RATE_HZ
from core.wire.health import HealthEvent
from monitor.bench.footprint import Footprint, Series
from monitor.bench.growth import Trend, Verdict, rises, trend
from monitor.bench.machine import machine
from monitor.bench.trial import Heard, Plan, Trial, run
from monitor.vitals import account

LIMIT_MB = 1.0
"""A process may grow by so much a day once it is warm."""
WARM_UP_S = 3600.0
"""Of a shorter run, the first third."""
DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Range:
    """A quantity over a whole run, the warm-up included."""

    first: float
    last: float
    most: float

    def __str__(self) -> str:
        return " / ".join(f"{value:.1f}".removesuffix(".0") for value in (self.first, self.last, self.most))


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One process; whether something rises or grows is judged after the warm-up."""

    role: str
    pid: int
    samples: int
    lasted: bool
    """Whether it was there from beginning to end."""
    rss_mb: Range
    uss_mb: Range | None
    pss_mb: Range | None
    descriptors: Range
    threads: Range
    descriptors_rise: bool
    threads_rise: bool
    rss_mb_a_day: Trend | None
    """None: too few samples."""
    uss_mb_a_day: Trend | None
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What was measured, and where."""

    machine: str
    simulated: bool
    """Whether time is that of the sound, played as fast as it goes."""
    sound_s: float
    wall_s: float
    every_s: float
    warm_up_s: float
    limit_mb_a_day: float
    rows: tuple[Row, ...]
    accounts: tuple[str, ...]
    utterances: int
    drops: int
    errors: tuple[str, ...]
    messages: int | None
    """Got by a subscriber of the embedded broker, if there was one."""
    faults: tuple[str, ...]
    """What is not as it should be, in words; empty: nothing was found."""


def report(plan: Plan, flags: Sequence[str], *, as_json: bool) -> int:
    """Runs, prints; exit status 1 if something grows, rises, ended or does not add up."""
    measured = summary(plan, asyncio.run(run(plan, flags)))
    print(json.dumps(asdict(measured), indent=2) if as_json else _text(measured))
    return int(bool(measured.faults))


def summary(plan: Plan, trial: Trial) -> Report:
    """What a trial comes to."""
    warm_up_s, heard = min(WARM_UP_S, plan.sound_s / 3), trial.heard
    last_s = max((series.samples[-1].at_s for series in trial.series), default=0.0)
    first_s = min((series.samples[0].at_s for series in trial.series), default=0.0)
    rows = tuple(_row(series, warm_up_s, lasted=_lasted(series, first_s, last_s)) for series in trial.series)
    return Report(
        machine=machine(),
        simulated=plan.simulated,
        sound_s=heard.fed / SAMPLE_RATE_HZ,
        wall_s=round(trial.wall_s, 1),
        every_s=plan.every_s,
        warm_up_s=warm_up_s,
        limit_mb_a_day=LIMIT_MB,
        rows=rows,
        accounts=tuple(account(stream) for stream in heard.health.streams) if heard.health else (),
        utterances=heard.utterances,
        drops=heard.drops,
        errors=tuple(heard.errors),
        messages=heard.messages,
        faults=(*(fault for row in rows for fault in _faults(row)), *_unaccounted(heard)),
    )


def _lasted(series: Series, first_s: float, last_s: float) -> bool:
    return series.samples[0].at_s == first_s and series.samples[-1].at_s == last_s


def _row(series: Series, warm_up_s: float, *, lasted: bool) -> Row:
    warm = [sample for sample in series.samples if sample.at_s >= warm_up_s]

    def growth(of: Callable[[Footprint], float | None]) -> Trend | None:
        values = [value for sample in warm if (value := of(sample)) is not None]
        return trend([sample.at_s / DAY_S for sample in warm], values) if len(values) == len(warm) else None

    rss_growth = growth(lambda sample: sample.rss_mb)
    return Row(
        role=series.role,
        pid=series.pid,
        samples=len(series.samples),
        lasted=lasted,
        rss_mb=_range([sample.rss_mb for sample in series.samples]),
        uss_mb=_range_if_known([sample.uss_mb for sample in series.samples]),
        pss_mb=_range_if_known([sample.pss_mb for sample in series.samples]),
        descriptors=_range([sample.descriptors for sample in series.samples]),
        threads=_range([sample.threads for sample in series.samples]),
        descriptors_rise=rises([sample.descriptors for sample in warm]),
        threads_rise=rises([sample.threads for sample in warm]),
        rss_mb_a_day=rss_growth,
        uss_mb_a_day=growth(lambda sample: sample.uss_mb),
        verdict=rss_growth.verdict(LIMIT_MB) if rss_growth else "undecided",
    )


def _range(values: Sequence[float]) -> Range:
    return Range(*(round(value, 2) for value in (values[0], values[-1], max(values))))


def _range_if_known(values: Sequence[float | None]) -> Range | None:
    known = [value for value in values if value is not None]
    return _range(known) if known else None


def _faults(row: Row) -> list[str]:
    name = f"{row.role} ({row.pid})"
    said = {
        f"{name} grows by more than {LIMIT_MB:g} MB a day": row.verdict == "beyond",
        f"{name}: descriptors rise": row.descriptors_rise,
        f"{name}: threads rise": row.threads_rise,
        f"{name} was not there from beginning to end": not row.lasted and row.role in {"inference", "broker"},
    }
    return [fault for fault, holds in said.items() if holds]


def _unaccounted(heard: Heard) -> list[str]:
    """What was given, heard, read and told must be the same."""
    streams = heard.health.streams if isinstance(heard.health, HealthEvent) else ()
    captured, read = sum(stream.captured for stream in streams), sum(stream.published for stream in streams)
    said = {
        f"the sums did not hold in {heard.unequal} health events": heard.unequal > 0,
        f"{heard.fed} samples were given and {captured} captured": heard.fed != captured,
        f"{read} utterances were read and {heard.utterances} told": read != heard.utterances,
        "sound or utterances are still on their way": any(stream.pending or stream.in_flight for stream in streams),
    }
    return [*(fault for fault, holds in said.items() if holds), *heard.errors]


def _text(measured: Report) -> str:
    how = "as fast as it goes, times are those of the sound" if measured.simulated else "in real time"
    judged_s = measured.sound_s - measured.warm_up_s
    lines = [
        f"{_length(measured.sound_s)} of speech, {how}, in {_length(measured.wall_s)}",
        f"on {measured.machine}; a sample every {measured.every_s:g} s",
        "",
        _cells("", "RSS (MB)", "USS (MB)", "descriptors", "threads", "RSS, MB a day [95 %]", "verdict"),
        _cells("", *["first / last / most"] * 4, "after the warm-up", ""),
    ]
    for row in measured.rows:
        values = (row.rss_mb, row.uss_mb or "unknown", row.descriptors, row.threads, _slope(row.rss_mb_a_day))
        lines.append(_cells(f"{row.role} {row.pid}", *values, row.verdict))
    allowed_kb = LIMIT_MB * judged_s / DAY_S * 1000
    lines += [
        "",
        f"goal: after the warm-up of {_length(measured.warm_up_s)}, at most {LIMIT_MB:g} MB a day in each process;",
        f"over the {_length(judged_s)} that were left this is {allowed_kb:.0f} kB",
        "slope: median between stretches of time (Theil, Sen) with its interval; memory grows in steps, so the truth",
        "is less certain. within: the whole interval is. beyond: none of it is, and a day's growth is used up already.",
        "undecided: it was too short to tell growth from a buffer that fills up",
        "",
        *measured.accounts,
        f"{measured.utterances} utterances and {measured.drops} drops told",
        *(() if measured.messages is None else [f"{measured.messages} messages read along at the embedded broker"]),
        *(measured.faults or ("nothing amiss",)),
    ]
    return "\n".join(lines)


def _slope(grown: Trend | None) -> str:
    return "too few samples" if grown is None else f"{grown.slope:+.1f} [{grown.low:+.1f}, {grown.high:+.1f}]"


def _length(seconds: float) -> str:
    for unit, unit_s in (("h", 3600.0), ("min", 60.0)):
        if seconds >= 2 * unit_s:
            return f"{seconds / unit_s:.3g} {unit}"
    return f"{seconds:.3g} s"


def _cells(name: str, *values: object) -> str:
    return " ".join([f"{name:<20}", *(f"{value!s:>21}" for value in values)]).rstrip()
