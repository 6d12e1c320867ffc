"""What the dashboard knows, as a pure fold over wire events.

`DashboardState.push(event, now_s=...)` returns the next state and never raises for an event, whatever its order. There
is no clock here: `now_s` is any steadily growing time of the caller and serves only to let notices fade and to see
that sound stopped arriving. Positions in a stream are seconds of the stream's own sample clock.
"""

from dataclasses import dataclass, field, replace
from typing import Self

from core.model import SAMPLE_RATE_HZ
from core.wire.events import (
    DropEvent,
    ErrorEvent,
    Event,
    LevelEvent,
    ModelStamp,
    NoteEvent,
    StateEvent,
    TokensEvent,
    UtteranceEvent,
)
from core.wire.health import HealthEvent, SinkHealth, StreamHealth, WorkerHealth
from monitor.dashboard.state.latencies import Latencies
from monitor.dashboard.state.level import Level, hear
from monitor.dashboard.state.past import Past, possible
from monitor.dashboard.state.rows import Heard, LostRow, ReadingRow, Row, with_loss, with_reading
from monitor.dashboard.state.tokens import Tokens
from monitor.dashboard.state.voicing import Voicing
from monitor.losses import ABSENT, Lost

STREAM_LIMIT = 8
"""Streams kept; beyond it the one that was silent longest is forgotten, or while all go on, a new one not taken in."""
REASON_LIMIT = 8
"""Reasons for drops told apart per stream; further ones count as `other`."""
NOTICE_S = 15.0
"""How long an error stays on the message line."""
SILENT_SOURCE_S = 3.0
"""A listening stream without a level for so long is not delivering sound."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """What is known before the first event; empty where it is not."""

    model: str = ""
    prompt: str = ""
    readout: str = ""
    watched: str = ""
    """The broker through which a monitor elsewhere is seen; it may send no levels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """One source of sound."""

    stream: str
    source: str
    name: str | None = None
    """What the user calls it."""
    state: str = "listening"
    level: Level | None = None
    heard: Heard | None = None
    told: dict[str, Lost] = field(default_factory=dict)
    """Losses by reason, as drop events told of them."""
    counted: dict[str, Lost] = field(default_factory=dict)
    """The same, as the stream itself counted them since its start: some are told late, or never."""
    trouble: str | None = None
    """The latest error of this stream, in one line."""
    touched_s: float = 0.0
    past: Past = field(default_factory=Past)
    """What the timeline draws."""
    voicing: Voicing = field(default_factory=Voicing)
    """What the choice of the sensitivity is shown by."""

    @property
    def label(self) -> str:
        """What it is called."""
        return self.name or self.source

    @property
    def lost(self) -> dict[str, Lost]:
        """What got no reading, by reason. The two counts are of the same sound, so that they are never added."""
        reasons = dict.fromkeys((*self.told, *self.counted))
        return {name: self.told.get(name, Lost()).raised_to(self.counted.get(name, Lost())) for name in reasons}

    def sound_age_s(self, now_s: float) -> float:
        """Seconds since sound arrived last; 0 before any did."""
        return 0.0 if self.level is None else max(now_s - self.level.received_s, 0.0)

    def sound_stopped(self, now_s: float) -> bool:
        """Whether a stream that should deliver sound does not."""
        return self.state == "listening" and self.sound_age_s(now_s) > SILENT_SOURCE_S

    @property
    def age_s(self) -> float | None:
        """Seconds of the stream's clock since the end of the latest reading."""
        if self.level is None or self.heard is None or self.heard.end_s is None:
            return None
        return max(self.level.at_s - self.heard.end_s, 0.0)

    @property
    def speaks_again(self) -> bool:
        """Whether someone speaks after the latest reading, in an utterance that has none yet."""
        going = self.past.speaking
        end_s = self.heard.end_s if self.heard else None
        return going is not None and (end_s is None or going.start_s > end_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """An error on the message line, or what became of a key."""

    text: str
    times: int
    received_s: float
    grave: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class DashboardState:
    """Everything the screen shows. Streams are in order of appearance, history from old to new."""

    session: Session = Session()
    streams: tuple[Stream, ...] = ()
    history: tuple[Row, ...] = ()
    health: HealthEvent | None = None
    stamp: ModelStamp | None = None
    """The model of the latest reading."""
    notice: Notice | None = None
    errors: int = 0
    last_error: str = ""
    """In one line; empty: there was none."""
    pause_wanted: bool | None = None
    """What a key asked for, until a health event says what is."""
    tokens: Tokens = field(default_factory=Tokens)
    """How the newest readings came about."""
    latencies: Latencies = field(default_factory=Latencies)

    def push(self, event: Event, *, now_s: float) -> Self:
        """The state after one event."""
        match event:
            case LevelEvent():
                return self._with_stream(_hear_level(self._stream(event), event, now_s), now_s)
            case UtteranceEvent():
                return self._push_utterance(event, now_s)
            case StateEvent():
                return self._push_latest(event, now_s)
            case DropEvent():
                return self._push_drop(event, now_s)
            case HealthEvent():
                return self._push_health(event, now_s)
            case ErrorEvent() | NoteEvent() | TokensEvent():
                return self._push_remark(event, now_s)

    def ask_pause(self, *, paused: bool) -> Self:
        """The state after someone asked to pause or to go on; the next health event settles it."""
        return replace(self, pause_wanted=paused)

    def say(self, text: str, now_s: float) -> Self:
        """The state with a message that is no error."""
        return replace(self, notice=Notice(text=one_line(text), times=1, received_s=now_s, grave=False))

    def dismiss_notice(self) -> Self:
        """The state without a message."""
        return replace(self, notice=None)

    @property
    def paused(self) -> bool:
        """Whether listening is paused, or about to be; of several monitors elsewhere, all of it."""
        if self.pause_wanted is not None:
            return self.pause_wanted
        states = {stream.state for stream in self.streams}
        return "paused" in states and "listening" not in states

    def is_paused(self, stream: Stream) -> bool:
        """Whether a stream that goes on is not listened to now, or about to be."""
        if stream.state not in {"listening", "paused"}:
            return False
        return stream.state == "paused" if self.pause_wanted is None else self.pause_wanted

    @property
    def ended(self) -> bool:
        """Whether no stream will deliver anything any more."""
        return bool(self.streams) and not self.going

    @property
    def going(self) -> tuple[Stream, ...]:
        """Streams that deliver sound, or may again."""
        return tuple(
            stream for stream in self.streams if stream.state not in {"ended", "failed"} or self.is_awaited(stream)
        )

    @property
    def present(self) -> tuple[Stream, ...]:
        """Streams that are shown: not those that have ended while another goes on, which may be in their place."""
        return tuple(stream for stream in self.streams if stream.state != "ended") or self.streams

    def is_awaited(self, stream: Stream) -> bool:
        """Whether a stream's microphone vanished and is being looked for, as a program that still reads does."""
        is_over = self.worker is not None and self.worker.state == "stopped"
        was_heard = stream.state == "failed" and stream.level is not None
        return was_heard and stream.source.startswith("mic:") and not is_over

    @property
    def worker(self) -> WorkerHealth | None:
        """The inference process, once its health is known."""
        return self.health.worker if self.health else None

    @property
    def mqtt(self) -> SinkHealth | None:
        """The MQTT sink, if there is one."""
        return next((sink for sink in self.sinks if sink.name.startswith("mqtt")), None)

    @property
    def sinks(self) -> tuple[SinkHealth, ...]:
        """Every sink but the dashboard itself."""
        return tuple(sink for sink in self.health.sinks if sink.name != "dashboard") if self.health else ()

    @property
    def lost(self) -> dict[str, Lost]:
        """What got no reading, by reason, over all streams."""
        total: dict[str, Lost] = {}
        for stream in self.streams:
            for reason, lost in stream.lost.items():
                before = total.get(reason, Lost())
                total[reason] = Lost(times=before.times + lost.times, seconds=before.seconds + lost.seconds)
        return total

    def current_notice(self, now_s: float) -> Notice | None:
        """The error to show now; it fades after a while."""
        return self.notice if self.notice and now_s - self.notice.received_s < NOTICE_S else None

    def _stream(self, of: UtteranceEvent | StateEvent | LevelEvent | DropEvent | StreamHealth) -> Stream:
        known = next((stream for stream in self.streams if stream.stream == of.stream), None)
        return known or Stream(stream=of.stream, source=one_line(of.source), name=of.name and one_line(of.name))

    def _with_stream(self, changed: Stream, now_s: float) -> Self:
        changed = replace(changed, touched_s=now_s)
        if any(stream.stream == changed.stream for stream in self.streams):
            streams = tuple(changed if stream.stream == changed.stream else stream for stream in self.streams)
        else:
            streams = self.streams
            if len(streams) >= STREAM_LIMIT:
                quietest = min(streams, key=lambda stream: stream.touched_s)
                if now_s - quietest.touched_s <= SILENT_SOURCE_S:
                    return self  # else streams that all go on would push each other out
                streams = tuple(stream for stream in streams if stream is not quietest)
            streams = (*streams, changed)
        return replace(self, streams=streams)

    def _push_utterance(self, event: UtteranceEvent, now_s: float) -> Self:
        if not possible(event.start_s, event.end_s):
            return self
        valid = event.status == "ok" and event.distribution is not None
        heard = Heard(
            seq=event.seq,
            utterance=event.utterance,
            start_s=event.start_s,
            end_s=event.end_s,
            final=event.final,
            raw=event.distribution if valid else None,
            smoothed=event.smoothed,
            reason=None if valid else one_line(event.reason or "the model gave none"),
            latency_ms=event.latency_ms.total,
            calibration=event.model.calibration,
            adaptation=event.adaptation,
        )
        stream = self._stream(event)
        if stream.heard is None or heard.order >= stream.heard.order:
            if stream.heard and not valid:  # what gave no reading leaves the moving average as it was
                heard = replace(heard, smoothed=stream.heard.smoothed)
            stream = replace(stream, heard=heard)
        stream = replace(stream, past=stream.past.hear_utterance(event))
        history = with_reading(self.history, ReadingRow(stream=event.stream, heard=heard))
        latencies = self.latencies.hear(event)
        return replace(self._with_stream(stream, now_s), history=history, stamp=event.model, latencies=latencies)

    def _push_latest(self, event: StateEvent, now_s: float) -> Self:
        stream = self._stream(event)
        if stream.heard is None or (event.seq, event.final) > stream.heard.order:
            heard = Heard(
                seq=event.seq,
                utterance=None,
                start_s=None,
                end_s=None,
                final=event.final,
                raw=event.distribution,
                smoothed=event.smoothed,
                calibration=event.calibration,
                adaptation=event.adaptation,
            )
            stream = replace(stream, heard=heard)
        return self._with_stream(stream, now_s)

    def _push_drop(self, event: DropEvent, now_s: float) -> Self:
        if not possible(event.start_s, event.end_s):
            return self
        stream = self._stream(event)
        reason = _bounded(one_line(event.reason), stream.lost)
        before = stream.told.get(reason, Lost())
        length_s = max(event.end_s - event.start_s, 0.0)
        told = Lost(times=before.times + 1, seconds=before.seconds + length_s)
        past = stream.past.hear_drop(replace(event, reason=reason))
        stream = replace(stream, told={**stream.told, reason: told}, past=past)
        row = LostRow(stream=event.stream, reason=reason, start_s=event.start_s, length_s=length_s)
        state = replace(self._with_stream(stream, now_s), history=with_loss(self.history, row))
        if reason != ABSENT:
            return state
        return state.say(f"{stream.label} was away: what was said meanwhile was not heard.", now_s)

    def _push_remark(self, event: ErrorEvent | NoteEvent | TokensEvent, now_s: float) -> Self:
        if isinstance(event, ErrorEvent):
            return self._push_error(event, now_s)
        if isinstance(event, TokensEvent):
            return replace(self, tokens=self.tokens.push(event))
        text = one_line(event.text)
        streams = tuple(
            replace(stream, past=stream.past.mark(event.positions_s[stream.stream], text))
            if stream.stream in event.positions_s
            else stream
            for stream in self.streams
        )
        return replace(self, streams=streams)

    def _push_error(self, event: ErrorEvent, now_s: float) -> Self:
        text = f"{event.message} ({event.hint})" if event.hint else event.message
        text = one_line(text)
        same = self.notice is not None and self.notice.text == text
        notice = Notice(text=text, times=self.notice.times + 1 if same and self.notice else 1, received_s=now_s)
        streams = tuple(
            replace(stream, trouble=text) if stream.stream == event.stream else stream for stream in self.streams
        )
        return replace(self, notice=notice, errors=self.errors + 1, last_error=text, streams=streams)

    def _push_health(self, event: HealthEvent, now_s: float) -> Self:
        state = replace(self, health=event, pause_wanted=None)
        for health in event.streams:
            stream = state._stream(health)  # noqa: SLF001 - same class
            if stream not in state.streams and len(state.streams) >= STREAM_LIMIT:
                continue  # it takes its place when something is heard of it
            known = replace(
                _with_state(stream, health.state, now_s),
                source=one_line(health.source),
                counted=_counted(health, stream.told),
            )
            state = state._with_stream(known, stream.touched_s if stream in state.streams else now_s)  # noqa: SLF001
        return state


def one_line(text: str) -> str:
    """Text from outside without line breaks, short enough to show."""
    return " ".join(text.split())[:200]


def _hear_level(stream: Stream, event: LevelEvent, now_s: float) -> Stream:
    state = "listening" if stream.state == "opening" else stream.state
    return replace(
        stream,
        level=hear(stream.level, event, now_s),
        state=state,
        past=stream.past.hear_level(event),
        voicing=stream.voicing.hear_level(event),
    )


def _with_state(stream: Stream, state: str, now_s: float) -> Stream:
    """The stream in a state of its health; one that listens again is not to blame for the silence until now."""
    level = stream.level
    if level is not None and state == "listening" and stream.state in {"paused", "failed"}:
        level = replace(level, received_s=now_s)
    return replace(stream, state=state, level=level)


def _counted(health: StreamHealth, told: dict[str, Lost]) -> dict[str, Lost]:
    """What a stream counted, by reason; of both counts together no more than REASON_LIMIT and `other`."""
    counted: dict[str, Lost] = {}
    for reason in dict.fromkeys((*health.segments_dropped, *health.dropped)):
        name = _bounded(one_line(reason), {**told, **counted})
        before = counted.get(name, Lost())
        counted[name] = Lost(
            times=before.times + health.segments_dropped.get(reason, 0),
            seconds=before.seconds + health.dropped.get(reason, 0) / SAMPLE_RATE_HZ,
        )
    return {reason: count for reason, count in counted.items() if count != Lost()}


def _bounded(reason: str, known: dict[str, Lost]) -> str:
    return reason if reason in known or len(known) < REASON_LIMIT else "other"
