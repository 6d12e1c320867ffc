"""Paints the health screen, block by block. Pure: from what is known and a width to styled text.

What a program does not report is left out: no number stands for one that is not known.
"""

import textwrap
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from textual.content import Content

from core.model import SAMPLE_RATE_HZ
from core.wire.health import RemoteHealth, SinkHealth, StreamHealth
from monitor.dashboard.paint import wording
from monitor.dashboard.paint.health_lines import TROUBLED, memory, restarted, verdict
from monitor.dashboard.paint.meter import NOISE, meter
from monitor.dashboard.paint.text import NARROW, lines
from monitor.dashboard.paint.troubles import Trouble
from monitor.dashboard.state.latencies import Wait
from monitor.dashboard.state.view_model import DashboardState, Stream, one_line
from monitor.label import labelled
from monitor.losses import ABSENT, EXPECTED, Lost, reason_words
from monitor.percentile import percentile

LABEL_WIDTH = 12
SPARKS = "▁▂▃▄▅▆▇█"
LONGEST_SPARKLINE = 60
PERCENTS = (50, 95, 99)
SPANS: tuple[tuple[str, Callable[[Wait], float], str], ...] = (
    ("pause", lambda wait: wait.pause_ms, "silence awaited"),
    ("queue", lambda wait: wait.queue_ms, "model was busy"),
    ("compute", lambda wait: wait.compute_ms, "model at work"),
    ("in all", lambda wait: wait.total_ms, ""),
)
LOST = {
    "too_short": "clicks and coughs; as it should be",
    "paused": "listening was paused; as it should be",
    "superseded": "early readings that the final one overtook; nothing is missing",
    "overload": "the model could not keep up: fewer sources, or a smaller model (d)",
    "too_late": "the model was late: it was restarting, or is too slow (d: a smaller one)",
    "overflow": "the computer was too busy to listen: close other programs",
    ABSENT: "it was unplugged, or its sound server had ended; it is listened to again once it is back",
    "shutdown": "the program was stopped first",
}
"""Why sound got no reading, and what to do."""

Row = tuple[str, Content | str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkup:
    """What is known, and what is wrong with it, at one moment by the clock of whoever folds the events."""

    state: DashboardState
    found: tuple[Trouble, ...]
    now_s: float


def summary(known: Checkup, width: int) -> Content:
    """Whether all is well, and whatever is not, with what to do."""
    state, found = known.state, known.found
    words, style = verdict(state, found)
    if state.health is None:
        return _folded("Nothing is known yet: the first report comes within seconds.", width, "$quiet")
    parts = [_folded(words, width, style)]
    if not found:
        parts.append(_folded(_all_well(state), width, "$quiet"))
    for trouble in found:
        ink = "$error" if trouble.grave else "$warning"
        parts.append(_folded(f"{TROUBLED} {trouble.what} ({trouble.about})", width, ink))
        said = "" if trouble.detail in trouble.what else trouble.detail
        parts += [_folded(f"  {text}", width, look) for text, look in ((trouble.todo, ""), (said, "$quiet")) if text]
    return lines(*parts)


def _all_well(state: DashboardState) -> str:
    listening = [stream.label for stream in state.streams if stream.state == "listening"]
    if state.ended:
        return "There is no more sound to come; what was heard stays on screen."
    if state.paused:
        return "Not listening: p goes on."
    worker = state.worker
    if worker and not worker.model:
        return "No monitor is heard from."
    if worker and worker.state == "starting":
        return "The model is being loaded; readings begin by themselves."
    return f"Listening to {', '.join(listening)}; the model is ready." if listening else "The model is ready."


def sound(known: Checkup, width: int) -> Content:
    """Every stream: its input level, the age of its sound, and its two sums."""
    blocks = []
    sums = {stream.stream: stream for stream in known.state.health.streams} if known.state.health else {}
    for stream in known.state.streams:
        rows: list[Row] = [("state", "paused" if known.state.is_paused(stream) else stream.state)]
        if stream.level and stream.state == "listening":
            rows += _level(stream, known.now_s, width)
        if stream.stream in sums:
            rows += _sums(sums[stream.stream])
        blocks.append(_section(f"sound: {labelled(stream.source, stream.name)}", rows, width))
    return lines(*_apart(blocks))


def _level(stream: Stream, now_s: float, width: int) -> list[Row]:
    level = stream.level
    assert level is not None  # noqa: S101 - the caller looked
    rows: list[Row] = [("input", meter(level, width if width < NARROW else width - LABEL_WIDTH))]
    if level.clipping:
        rows.append(("", Content.styled("clipping: lower the input level", "$warning")))
    if level.noise_floor_dbfs is not None:
        rows.append(("noise floor", f"{wording.decibels(level.noise_floor_dbfs)}, marked {NOISE}"))
    old = stream.sound_stopped(now_s)
    age = f"{stream.sound_age_s(now_s):.1f} s old"
    return [*rows, ("sound is", Content.styled(age + (": none comes any more" if old else ""), _bad(old)))]


def _sums(stream: StreamHealth) -> list[Row]:
    """The two sums; each says whether it adds up."""
    seconds = [
        (stream.silence, "quiet"),
        (stream.segmented, "speech"),
        (stream.pending, "undecided"),
        *((samples, reason_words(reason)) for reason, samples in stream.dropped.items()),
    ]
    utterances = [
        (stream.published, "read"),
        (stream.failed, "without reading"),
        (stream.in_flight, "being read"),
        *((times, reason_words(reason)) for reason, times in stream.segments_dropped.items()),
    ]
    heard = [f"{samples / SAMPLE_RATE_HZ:.1f} s {word}" for samples, word in seconds if samples]
    told = [f"{count} {word}" for count, word in utterances if count]
    return [
        _sum("heard", f"{stream.captured / SAMPLE_RATE_HZ:.1f} s", heard, sum(n for n, _ in seconds), stream.captured),
        _sum("utterances", f"{stream.segments}", told, sum(n for n, _ in utterances), stream.segments),
    ]


def _sum(label: str, whole: str, parts: Sequence[str], total: int, expected: int) -> Row:
    right = total == expected
    told = f"{whole} = {' + '.join(parts)}" if parts else whole
    return label, Content.styled(f"{told}, " + ("adds up" if right else "DOES NOT ADD UP"), _bad(not right))


def not_read(known: Checkup, width: int) -> Content:
    """What got no reading, by reason."""
    lost = known.state.lost
    if not lost:
        return _section("not read", [("", Content.styled("nothing was lost", "$quiet"))], width)
    return _section("not read, since the start", [_loss(reason, count) for reason, count in lost.items()], width)


def _loss(reason: str, count: Lost) -> Row:
    amount = [f"{wording.TIMES}{count.times}"] if count.times else []
    amount += [f"{count.seconds:.1f} s"] if count.seconds else []
    why = LOST.get(reason, "")
    text = f"{reason_words(reason)} {', '.join(amount)}" + (f": {why}" if why else "")
    return "", Content.styled(text, _bad(reason not in EXPECTED))


def model(known: Checkup, width: int) -> Content:
    """The inference process."""
    worker = known.state.worker
    if worker is None or not worker.model:
        return Content.empty()
    bad = worker.state in {"restarting", "failed", "stopped"} and not known.state.ended
    restarts = restarted(worker.restarts, worker.generation)
    again = (
        "never failed" if not restarts else "started again once" if restarts == 1 else f"started again {restarts} times"
    )
    load = [f"CPU {worker.cpu_percent:.0f}% of a core"] if worker.cpu_percent is not None else []
    load += [memory(worker.rss_mb)] if worker.rss_mb else []
    load += [f"GPU memory {memory(worker.gpu_mb)}"] if worker.gpu_mb is not None else []
    rows: list[Row] = [
        ("state", Content.styled(wording.worker_state(worker), _bad(bad))),
        ("model", f"{wording.model_name(known.state)} on {worker.device}"),
        ("process", Content.styled(f"number {worker.generation}, {again}", "$warning" if restarts else "")),
        ("queue", f"{worker.queued} utterance{'s wait' if worker.queued != 1 else ' waits'}"),
    ]
    if load:
        rows.append(("load", ", ".join(load)))
    if worker.remote:
        rows[2:3] = _remote(worker.remote)
    return _section("the model", rows, width)


def _remote(remote: RemoteHealth) -> list[Row]:
    """Who reads elsewhere, in place of the process here, and what became of what they were asked."""
    lost = remote.expired + remote.refused
    asked = [f"{remote.owned} asked", f"{remote.answered} read", f"{lost} not read in time"]
    again = [f"{remote.resent} asked again", f"{remote.declined} passed on"]
    again += [f"{remote.duplicates + remote.late} came twice or too late"]
    again += [f"{remote.strangers} strange results"] if remote.strangers else []
    return [
        ("workers", Content.styled(one_line(", ".join(remote.workers)) or "none", _bad(not remote.workers))),
        ("over", f"{one_line(remote.broker)}, site {one_line(remote.site)}"),
        ("utterances", Content.styled(", ".join(asked), "$warning" if lost else "")),
        ("delivery", Content.styled(", ".join(again), "$warning" if remote.strangers else "")),
    ]


def latency(known: Checkup, width: int) -> Content:
    """Percentiles of the last waits, split into pause, queue and compute, and how they went."""
    waits, event = known.state.latencies.waits, known.state.health
    title = "from the last sound to the reading"
    if not waits:
        pairs = [] if event is None else [
            ("pause", event.hangover_p50_ms, "half are below"), ("compute", event.latency_p50_ms, "half are below"),
            ("", event.latency_p95_ms, "95% are below"), ("", event.latency_p99_ms, "99% are below"),
        ]  # fmt: skip
        rows: list[Row] = [
            (label, f"{wording.milliseconds(value):>8}  {words}") for label, value, words in pairs if value is not None
        ]
        return _section(title, rows or [("", Content.styled("nothing was read yet", "$quiet"))], width)
    heads = "".join(f"{f'p{percent}':>9}" for percent in PERCENTS)
    remark = "  p95: 95% were faster" if width - LABEL_WIDTH - len(heads) >= len("  p95: 95% were faster") else ""
    rows = [("", Content.styled(heads + remark, "$quiet"))]
    for label, part, words in SPANS:
        values = [part(wait) for wait in waits]
        numbers = "".join(f"{wording.milliseconds(percentile(values, percent) or 0.0):>9}" for percent in PERCENTS)
        remark = f"  {words}" if words and LABEL_WIDTH + len(numbers) + len(words) + 2 <= width else ""
        rows.append((label, Content.assemble(numbers, (remark, "$quiet"))))
    room = min(width - (LABEL_WIDTH if width >= NARROW else 0), LONGEST_SPARKLINE)
    last = [wait.total_ms for wait in waits[-max(room, 1) :]]
    rows.append((f"last {len(last)}", Content.styled(sparkline(last), "$accent")))
    return _section(title, rows, width)


def sparkline(values: Sequence[float]) -> str:
    """One block per value, from 0 to the greatest."""
    top = max(values, default=0.0)
    return "".join(
        SPARKS[min(int(value / top * len(SPARKS)), len(SPARKS) - 1)] if top else SPARKS[0] for value in values
    )


def outputs(known: Checkup, width: int) -> Content:
    """Broker, files, and the recording."""
    state = known.state
    rows = [_sink(state, sink) for sink in state.sinks]
    if state.health and state.mqtt is None:
        rows.insert(0, ("MQTT", Content.styled("off", "$quiet")))
    if state.health:
        name = state.health.recording
        rows.append(("recording", Content.styled(one_line(name), "bold") if name else Content.styled("off", "$quiet")))
    return _section("where readings go", rows, width)


def _sink(state: DashboardState, sink: SinkHealth) -> Row:
    broker = sink is state.mqtt
    word, detail = wording.mqtt_state(sink) if broker else sink.state, one_line(sink.detail)
    text = detail if detail.startswith(word) else f"{word}: {detail}"
    if broker:
        text += f"; outbox: {sink.queued} kept until the broker has them" if sink.queued else "; outbox empty"
    elif sink.queued:
        text += f"; {sink.queued} wait"
    text += f"; {sink.dropped} lost" if sink.dropped else ""
    style = "$warning" if sink.state in {"degraded", "closed"} or sink.dropped else ""
    return "MQTT" if broker else one_line(sink.name).partition(":")[0], Content.styled(text, style)


def program(known: Checkup, width: int) -> Content:
    """The program itself: since when, its load, its errors."""
    event = known.state.health
    if event is None:
        return Content.empty()
    load = [f"CPU {event.cpu_percent:.0f}% of a core"] if event.cpu_percent is not None else []
    load += [memory(event.rss_mb)] if event.rss_mb is not None else []
    rows: list[Row] = [
        ("name", one_line(event.node)),
        ("running", f"{wording.position(event.uptime_s)}, its clock says {event.at[11:19]} UTC"),
    ]
    if load:
        rows.append(("load", ", ".join(load)))
    errors = known.state.errors
    if errors:
        rows.append(("errors", Content.styled(f"{errors}, the last: {known.state.last_error}", "$warning")))
    return _section("the program", rows, width)


def _section(title: str, rows: Iterable[Row], width: int) -> Content:
    """A title and rows of label and text, which is folded beside its label, or below it where it is narrow."""
    painted = [Content.styled(title, "bold $accent").truncate(max(width, 1), ellipsis=True)]
    beside = LABEL_WIDTH if width >= NARROW else 0
    for label, value in rows:
        text = value if isinstance(value, Content) else Content(value)
        style = str(text.spans[0].style) if text.spans else ""
        folded = text.cell_length > width - beside
        parts = textwrap.wrap(text.plain, max(width - beside, 1)) if folded else []
        told = [Content.styled(part, style) for part in parts] if folded else [text]
        if not beside and label:
            painted.append(Content.styled(label, "$quiet"))
        for place, part in enumerate(told):
            painted.append(Content.assemble((f"{label if not place else '':<{beside}}"[:beside], "$quiet"), part))
    return lines(*painted)


def _apart(blocks: Iterable[Content]) -> list[Content]:
    """Blocks with an empty line between."""
    parted: list[Content] = []
    for block in blocks:
        parted += [Content.empty(), block] if parted else [block]
    return parted


def _folded(text: str, width: int, style: str) -> Content:
    indent = " " * (len(text) - len(text.lstrip()))
    parts = textwrap.wrap(text, max(width, len(indent) + 1), subsequent_indent=indent) or [""]
    return lines(*(Content.styled(part, style) for part in parts))


def _bad(bad: bool) -> str:  # noqa: FBT001 - reads as a word
    return "$error" if bad else ""
