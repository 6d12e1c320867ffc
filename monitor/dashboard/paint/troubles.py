"""What is wrong right now, in plain words, and what to do about it: pure, from what the dashboard knows.

The same list feeds the message line, the health line and the health screen, so that they cannot disagree.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from core.wire.health import SinkHealth, WorkerHealth
from monitor.dashboard.paint import wording
from monitor.dashboard.state.view_model import DashboardState, Stream, one_line
from monitor.label import labelled
from monitor.losses import ABSENT, EXPECTED, reason_words

HEALED = EXPECTED | {ABSENT}
"""Reasons of losses that are no trouble afterwards: while a microphone is away, that is one."""
RECENT_S = 30.0
"""Sound that was lost so long ago is no trouble any more; its sum stays on the health screen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """One thing that is wrong."""

    about: str
    """The part concerned, in a word or two."""
    what: str
    """What happens, short and without a full stop."""
    todo: str
    """What to do, or that it heals by itself; a sentence."""
    detail: str = ""
    """What the part itself says."""
    grave: bool = True
    """Whether readings are missing or lost; else only something beside them."""


def troubles(state: DashboardState, now_s: float) -> tuple[Trouble, ...]:
    """All that is wrong, the graver ones first."""
    found = [
        *(_worker_trouble(state.worker) if state.worker and not state.ended else ()),
        *(trouble for stream in state.streams for trouble in _stream_troubles(state, stream, now_s)),
        *(trouble for sink in state.sinks for trouble in _sink_troubles(state, sink)),
        *_sum_troubles(state),
    ]
    return tuple(sorted(found, key=lambda trouble: not trouble.grave))


def recorded(found: Iterable[Trouble]) -> tuple[Trouble, ...]:
    """The same in a replay, where there is nothing to be done any more."""
    return tuple(replace(trouble, todo="So it was when this was recorded.") for trouble in found)


def _worker_trouble(worker: WorkerHealth) -> Iterator[Trouble]:
    waiting = f"; {worker.queued} waiting" if worker.queued else ""
    if worker.remote and wording.awaits_worker(worker):
        site, broker = one_line(worker.remote.site), one_line(worker.remote.broker)
        yield Trouble(
            about="worker",
            what=f"Waiting for a worker, none reads for site {site}{waiting}",
            todo="Start one: emotion-monitor worker. What waits for too long is not read, and counted.",
            detail=broker,
        )
    elif worker.state == "restarting":
        yield Trouble(
            about="model",
            what=f"The model's process died and is started again{waiting}",
            todo="Just wait a moment.",
        )
    elif worker.state == "failed":
        yield Trouble(
            about="model",
            what="The model keeps failing: no readings",
            todo="It is tried again; d: another model.",
        )
    elif worker.state == "stopped":
        yield Trouble(about="model", what="The model has ended: no readings", todo="q quits; then start again.")


def _stream_troubles(state: DashboardState, stream: Stream, now_s: float) -> Iterator[Trouble]:
    """Of what has ended nothing is wrong any more."""
    name = stream.label
    if stream.state == "failed":
        microphone = stream.source.startswith("mic")
        gone = "The microphone is gone" if microphone else "The sound has broken off"
        todo = "q quits; then start again." if state.ended else "The other sources go on; start again to bring it back."
        if state.is_awaited(stream):
            todo = "It is looked for. m: another one."
        yield Trouble(
            about=name, what=gone, todo=f"Plug it in. {todo}" if microphone else todo, detail=stream.trouble or ""
        )
    elif stream.state == "listening" and not state.is_paused(stream):
        yield from _sound_troubles(stream, now_s)
        yield from _losses(stream)


def _sound_troubles(stream: Stream, now_s: float) -> Iterator[Trouble]:
    name, level = stream.label, stream.level
    microphone = stream.source.startswith("mic")
    if stream.sound_stopped(now_s):
        yield Trouble(
            about=name,
            what=f"No sound has come for {wording.duration(stream.sound_age_s(now_s))}",
            todo="Is it plugged in? m: another one." if microphone else "Is whoever sends it still there?",
        )
    elif microphone and level and level.seems_muted:
        yield Trouble(
            about=name,
            what="The microphone gives no sound at all",
            todo=f"{'It is muted, or lets only speech through.' if level.sounded else 'Is it muted?'} m: another one.",
            grave=not level.sounded,
        )
    elif level and level.clipping:
        yield Trouble(
            about=name,
            what="Too loud: the sound is clipped",
            todo="Lower the input level, or speak from further away.",
            grave=False,
        )


LOSSES = {
    "overload": ("Too much speech", "Fewer sources, or a smaller model (d)."),
    "too_late": ("The model was late", "A smaller model (d), or a GPU."),
    "overflow": ("The computer was too busy to listen", "Close other programs."),
}
"""Why sound was lost, and what to do."""


def _losses(stream: Stream) -> Iterator[Trouble]:
    """Sound that was lost a moment ago, by reason."""
    seconds: dict[str, float] = {}
    for loss in reversed(stream.past.losses):
        if stream.past.now_s - loss.end_s >= RECENT_S:
            break
        if loss.reason not in HEALED:
            seconds[loss.reason] = seconds.get(loss.reason, 0.0) + loss.end_s - loss.start_s
    for reason, lost_s in seconds.items():
        what, todo = LOSSES.get(reason, (f"Not read ({reason_words(reason)})", "What comes next is read."))
        yield Trouble(about=stream.label, what=f"{what}: {lost_s:.1f} s lost just now", todo=todo)


BROKER = (
    ("runs already", "Another monitor has this name", "Stop it, or give this one another mqtt.node."),
    ("password", "The MQTT broker refuses us", "Check its user and password. Readings go on here."),
    ("refuse", "The MQTT broker refuses us", "Check its user and password. Readings go on here."),
    ("outbox", "The disk takes no events", "Free some space: what waits is in memory only."),
    ("", "No MQTT broker", "Start it, or check its address."),
)
"""What a part of the broker's detail means, and what to do."""


def _sink_troubles(state: DashboardState, sink: SinkHealth) -> Iterator[Trouble]:
    name, detail = one_line(sink.name), one_line(sink.detail)
    waiting = "" if not sink.queued else "; 1 event waits" if sink.queued == 1 else f"; {sink.queued} events wait"
    if sink.state == "degraded" and sink is state.mqtt:
        _, what, todo = next(entry for entry in BROKER if entry[0] in detail.lower().replace("connection refused", ""))
        yield Trouble(about="MQTT", what=f"{what}{waiting}", todo=todo, detail=detail, grave=False)
    elif sink.state == "degraded":
        lost = f", {sink.dropped} are lost" if sink.dropped else ""
        yield Trouble(
            about=name,
            what=f"{name.partition(':')[0]}: {detail}{waiting}{lost}",
            todo=f"{'Free some space' if 'space' in detail else 'Mend it'}. Writing then goes on by itself.",
            grave=False,
        )
    elif sink.state == "closed" and not state.ended and not sink.name.startswith("ws"):
        yield Trouble(
            about=name, what=f"{name} has ended", todo="Start again to bring it back.", detail=detail, grave=False
        )


def _sum_troubles(state: DashboardState) -> Iterator[Trouble]:
    for stream in state.health.streams if state.health else ():
        if not stream.adds_up:
            yield Trouble(
                about=one_line(labelled(stream.source, stream.name)),
                what="The sums of the sound do not add up",
                todo="That is a mistake in this program: please report it.",
                grave=False,
            )
