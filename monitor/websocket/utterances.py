"""A stream's events as a client is told them: utterances that start, are measured, and end. No I/O."""

from bisect import bisect_right, insort
from collections import deque
from dataclasses import dataclass

from core.model import SAMPLE_RATE_HZ
from core.sound.segmenter import OVERFLOW, PAUSED, TOO_SHORT
from core.wire.events import DropEvent, Event, LevelEvent, UtteranceEvent
from core.wire.health import HealthEvent
from monitor.websocket.messages import Drop, Measurement, ServerMessage, UtteranceEnd, UtteranceStart

LOST = "lost"
"""Reason of an end: the reading was awaited and never came."""
_SETTLED = 2
"""So many health events in a row without anything to read: what has no reading by then gets none."""
_LONGEST_CLOCK = 1000


class AudioClock:
    """From places in the stream to milliseconds of the sound that a client has sent.

    The stream goes on while a client sends nothing, so both clocks agree only from one such gap to the next.
    """

    def __init__(self) -> None:
        self._stream: deque[int] = deque(maxlen=_LONGEST_CLOCK)
        self._audio: deque[int] = deque(maxlen=_LONGEST_CLOCK)

    @property
    def began_s(self) -> float | None:
        """Where in the stream the client's sound begins; None before it does."""
        return self._stream[0] / SAMPLE_RATE_HZ if self._stream else None

    def resume(self, stream: int, audio: int) -> None:
        """Sample `audio` of the client is sample `stream` of the stream."""
        self._stream.append(stream)
        self._audio.append(audio)

    def audio_ms(self, stream_s: float) -> int:
        """The client's time of a place in the stream; 0 for what comes before its sound."""
        at = round(stream_s * SAMPLE_RATE_HZ)
        piece = max(bisect_right(self._stream, at) - 1, 0)
        audio = self._audio[piece] + max(at - self._stream[piece], 0)
        if piece + 1 < len(self._audio):  # in a gap the client's clock stands still
            audio = min(audio, self._audio[piece + 1])
        return round(audio * 1000 / SAMPLE_RATE_HZ)


@dataclass(slots=True)
class _Open:
    """An utterance that was told to have started. `event` is its number in the stream, once that is known."""

    number: int
    at_s: float
    event: int | None = None


class Utterances:
    """Follows the events of one stream for one client.

    Every start gets exactly one end, whatever becomes of the utterance. What was said before this client's sound began
    is somebody else's and is not told.

    Args:
        source: Name of the source; events of others are ignored.

    Attributes:
        clock: Of the client's sound; whoever plays the sound sets it.
        told: Utterances so far.
    """

    def __init__(self, source: str) -> None:
        self.clock = AudioClock()
        self.told = 0
        self._source = source
        self._open: list[_Open] = []  # in the order of the stream
        self._speaking = False
        self._quiet = 0

    @property
    def settled(self) -> bool:
        """Whether nothing is being spoken, read or waiting to be read."""
        return self._quiet >= _SETTLED

    def push(self, event: Event) -> list[ServerMessage]:
        """What the client is to be told about an event."""
        if self.clock.began_s is None:
            return []
        match event:
            case HealthEvent():
                return self._health(event)
            case LevelEvent() if event.source == self._source:
                return self._level(event)
            case UtteranceEvent() if event.source == self._source and event.end_s > self.clock.began_s:
                return self._reading(event)
            case DropEvent() if event.source == self._source and event.end_s > self.clock.began_s:
                return self._drop(event)
        return []

    def sound_ended(self) -> None:
        """No more sound comes, and what was being spoken is over: what health events say counts from now on."""
        self._speaking = False
        self._quiet = 0

    def _level(self, event: LevelEvent) -> list[ServerMessage]:
        began = event.speaking and not self._speaking
        self._speaking = event.speaking
        return [self._start(event.at_s)[1]] if began else []

    def _reading(self, event: UtteranceEvent) -> list[ServerMessage]:
        self._quiet = 0
        messages = self._end_before(event)
        one = next((one for one in self._open if one.event == event.utterance), None)
        if one is None:
            one = next((one for one in self._open if one.event is None and one.at_s <= event.end_s), None)
        if one is None:  # speech that went on after a cut
            one, start = self._start(event.start_s)
            messages.append(start)
        one.event = event.utterance
        start_ms, end_ms = self.clock.audio_ms(event.start_s), self.clock.audio_ms(event.end_s)
        if not event.final:
            measurement = Measurement(utterance=one.number, audio_start_ms=start_ms, audio_end_ms=end_ms, reading=event)
            return [*messages, measurement]
        self._open.remove(one)
        end = UtteranceEnd(
            utterance=one.number, audio_start_ms=start_ms, audio_end_ms=end_ms, reading=event, reason=event.reason
        )
        return [*messages, end]

    def _end_before(self, event: UtteranceEvent) -> list[ServerMessage]:
        """Ends what will get no reading any more, since a later utterance gets one."""
        messages: list[ServerMessage] = []
        while self._open:
            first = self._open[0]
            if first.event is None and first.at_s < event.start_s:
                messages.append(self._end_first(TOO_SHORT))
            elif first.event is not None and first.event < event.utterance:
                messages.append(self._end_first(LOST))
            else:
                break
        return messages

    def _drop(self, event: DropEvent) -> list[ServerMessage]:
        start_ms, end_ms = self.clock.audio_ms(event.start_s), self.clock.audio_ms(event.end_s)
        if event.reason in {OVERFLOW, PAUSED}:
            return [Drop(reason=event.reason, audio_start_ms=start_ms, audio_end_ms=end_ms)]
        self._quiet = 0
        messages: list[ServerMessage] = []
        while self._open and self._open[0].at_s < event.start_s:
            messages.append(self._end_first(LOST if self._open[0].event is not None else TOO_SHORT))
        if not self._open or self._open[0].at_s > event.end_s:
            messages.append(self._start(event.start_s)[1])
        return [*messages, self._end_first(event.reason, start_ms, end_ms)]

    def _health(self, event: HealthEvent) -> list[ServerMessage]:
        stream = next((s for s in reversed(event.streams) if s.source == self._source), None)
        if stream is None or self._speaking or stream.in_flight:
            self._quiet = 0
            return []
        self._quiet += 1
        if not self.settled:
            return []
        return [self._end_first(LOST if one.event is not None else TOO_SHORT) for one in list(self._open)]

    def _start(self, at_s: float) -> tuple[_Open, UtteranceStart]:
        self._quiet = 0
        self.told += 1
        one = _Open(self.told, at_s)
        insort(self._open, one, key=lambda other: other.at_s)
        return one, UtteranceStart(utterance=one.number, audio_ms=self.clock.audio_ms(at_s))

    def _end_first(self, reason: str, start_ms: int | None = None, end_ms: int | None = None) -> UtteranceEnd:
        one = self._open.pop(0)
        return UtteranceEnd(
            utterance=one.number, audio_start_ms=start_ms, audio_end_ms=end_ms, reading=None, reason=reason
        )
