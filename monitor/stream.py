"""One source's sound on its way to events: cutting, counting, smoothing. No I/O; time comes in as arguments."""

import math
import uuid
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Literal, cast

from core.adaptation import StreamAdaptation
from core.anchor import Anchor
from core.model import SAMPLE_RATE_HZ, Reading
from core.settings import Settings
from core.smoothing import Smoother
from core.sound.level import is_clipped, measure_level
from core.sound.noise_floor import NoiseFloor
from core.sound.segmenter import ABSENT, TOO_SHORT, Dropped, Output
from core.sound.speech_segmenter import SpeechSegmenter
from core.sound.utterance import Utterance
from core.wire.events import (
    DropEvent,
    Event,
    LatencyMs,
    LevelEvent,
    ModelStamp,
    StateEvent,
    TokensEvent,
    UtteranceEvent,
)
from core.wire.health import StreamHealth, Tuning
from core.wire.values import Emotion, timestamp
from core.worker.eager import EagerReading
from core.worker.queue import DroppedJob, Job
from monitor.sources.source import AudioBlock

LEVEL_EVERY_S = 0.1

StreamState = Literal["opening", "listening", "paused", "ended", "failed"]


@dataclass(frozen=True, slots=True)
class Pushed:
    """What sound led to: utterances to read, events to send now, and what may be read before it is over."""

    jobs: list[Job]
    events: list[Event]
    foreseen: Job | None = None


@dataclass(slots=True)
class _Segments:
    """Fate of a stream's utterances; interim versions do not count."""

    made: int = 0
    in_flight: int = 0
    published: int = 0
    failed: int = 0
    dropped: Counter[str] = field(default_factory=Counter)


class Stream:
    """State of one source: its clock, segmenter, early reading, smoother, anchor or mean reading, counters, numbers.

    Args:
        stream: Session id, unique per run and source.
        source: Where its sound comes from, for people.
        name: What the user calls it; None: nothing.
        paced: Whether the source goes on when the model is behind. One that waits gets no interim or early readings:
            nobody watches it live, and which of them are in time would differ from run to run.
        settings: All settings.
    """

    def __init__(self, *, stream: str, source: str, paced: bool, settings: Settings, name: str | None = None) -> None:
        self.stream = stream
        self.source = source
        self.name = name
        self.paced = paced
        self.state: StreamState = "opening"
        self._known = StreamAdaptation(settings.model)
        self.eager = EagerReading()
        self._opened_at = 0.0
        self._node = settings.mqtt.node
        self._valid_s = settings.mqtt.state_valid_s
        self._show_transcript = settings.model.transcript
        segmenter = settings.segmenter if paced else replace(settings.segmenter, interim_every_s=0, eager_after_s=0)
        self._segmenter = SpeechSegmenter(segmenter, settings.vad)
        self._smoother = Smoother(settings.smoothing)
        self._segments = _Segments()
        self._seq = 0
        self._next_level_s = 0.0
        self._noise_floor = NoiseFloor()
        self._clipped = False
        self._paused = False
        self._heard_s = 0.0  # when sound came last
        self._gone_s: float | None = None  # since when there is none

    def open(self, opened_at: float) -> None:
        """The first sample is about to come, at this wall time (seconds since the epoch)."""
        self._opened_at = opened_at
        self.state = "paused" if self._paused else "listening"

    def set_clock(self, by_s: float) -> None:
        """The wall clock was set by so much: what is stamped from now on goes by it, what was said before too."""
        self._opened_at += by_s

    def push(self, block: AudioBlock, now_s: float) -> Pushed:
        """Takes sound in. `now_s` is monotonic time, in seconds."""
        self._heard_s = now_s
        outputs = self._segmenter.push(block.samples, lost=block.lost)
        if block.ends:
            outputs += self._segmenter.flush()
        pushed = self._pushed(outputs, now_s)
        pushed.events.extend(self._levels(block))
        return pushed

    def lose(self, now_s: float) -> Pushed:
        """The source is gone and may come back; what was being spoken becomes an utterance."""
        self.state = "failed"
        self._gone_s = self._heard_s
        return self._pushed(self._segmenter.flush(), now_s)

    def find(self, now_s: float) -> Pushed:
        """The source is back. All else is as it was: smoothing takes the gap for silence, the anchor for time."""
        self.state = "paused" if self._paused else "listening"
        self._heard_s = now_s
        return self._pushed(self._gap(now_s), now_s)

    def end(self, state: StreamState, now_s: float) -> Pushed:
        """No more sound will come; what is still being spoken becomes an utterance."""
        self.state = state
        return self._pushed([*self._gap(now_s), *self._segmenter.flush()], now_s)

    def pause(self, now_s: float, *, waits: bool) -> Pushed:
        """Stops listening. Where the source `waits`, nothing is lost and what is being spoken goes on afterwards.

        Otherwise what was said until now is still read, and what follows is dropped.
        """
        self._paused = True
        if self.state == "listening":
            self.state = "paused"
        return self._pushed([] if waits else self._segmenter.pause(), now_s)

    def resume(self, now_s: float) -> Pushed:
        """Listens again."""
        self._paused = False
        if self.state == "paused":
            self.state = "listening"
        return self._pushed(self._segmenter.resume(), now_s)

    def tune(self, tuning: Tuning) -> None:
        """Another time constant of the moving average, from the next reading on, and sensitivity, from now on."""
        self.eager.forget()  # the model may be another
        self._smoother.tau_s = tuning.tau_s
        self._segmenter.set_vad_mode(tuning.vad_mode)

    @property
    def anchor(self) -> Anchor | None:
        """What the model is to know of the stream when it reads the next utterance."""
        return self._known.anchor

    @property
    def position_s(self) -> float:
        """How far the stream's own sound has come, in seconds."""
        return self._segmenter.position / SAMPLE_RATE_HZ

    def dropped(self, dropped: DroppedJob) -> list[Event]:
        """Counts and reports an utterance that will not be read; an interim version is merely skipped."""
        utterance = dropped.job.utterance
        if not utterance.final:
            return []
        self.eager.drop(utterance)
        self._segments.in_flight -= 1
        self._segments.dropped[dropped.reason] += 1
        return [self._drop_event(Dropped(utterance.start, utterance.end, dropped.reason))]

    def read(
        self, job: Job, reading: Reading, model: ModelStamp, *, started_s: float, now_s: float, read_at: float
    ) -> list[Event]:
        """Events of a reading: the utterance, if it is valid the stream's new state, and how it came about.

        Args:
            job: What was read.
            reading: What was heard in it.
            model: What heard it.
            started_s: Monotonic time at which the model was given it; before it was queued, if it was read early.
            now_s: Monotonic time.
            read_at: Wall time, in seconds since the epoch.
        """
        utterance = job.utterance
        reading = self._known.take(reading, model, at_s=utterance.end_s, final=utterance.final)
        if utterance.final:
            self._segments.in_flight -= 1
            self._segments.published += reading.distribution is not None
            self._segments.failed += reading.distribution is None
        event = self._utterance_event(job, reading, model, started_s=started_s, now_s=now_s)
        return [event, *self._state_events(event, read_at), *self._tokens_events(event, reading)]

    def health(self) -> StreamHealth:
        """The stream's two sums."""
        counts, segments = self._segmenter.counts, self._segments
        return StreamHealth(
            stream=self.stream,
            source=self.source,
            name=self.name,
            state=self.state,
            captured=counts.captured,
            silence=counts.silence,
            segmented=counts.segmented,
            pending=counts.pending,
            dropped=dict(counts.dropped),
            segments=segments.made,
            published=segments.published,
            failed=segments.failed,
            in_flight=segments.in_flight,
            segments_dropped=dict(segments.dropped),
            eager_begun=self.eager.begun,
            eager_used=self.eager.used,
            eager_discarded=self.eager.discarded,
            eager_discarded_s=round(self.eager.discarded_s, 3),
        )

    def _gap(self, now_s: float) -> list[Output]:
        """The time without the source, so that the stream's clock goes on as that on the wall does."""
        if self._gone_s is None:
            return []
        away_s, self._gone_s = max(now_s - self._gone_s, 0.0), None
        return self._segmenter.skip(round(away_s * SAMPLE_RATE_HZ), ABSENT)

    def _pushed(self, outputs: list[Output], now_s: float) -> Pushed:
        jobs: list[Job] = []
        events: list[Event] = []
        for output in outputs:
            if isinstance(output, Utterance):
                if output.final:
                    self.eager.end(output)
                self._segments.made += output.final
                self._segments.in_flight += output.final
                jobs.append(Job(stream=self.stream, utterance=output, queued_at=now_s, paced=self.paced))
            elif isinstance(output, Dropped) and output.reason != TOO_SHORT:  # like silence, it is only counted
                events.append(self._drop_event(output))
        # What is still to be read may change the anchor, with which the next utterance is read.
        foreseen = None if self._segments.in_flight else self._segmenter.foreseen
        self.eager.foresee(None if foreseen is None else Job(stream=self.stream, utterance=foreseen, queued_at=now_s))
        return Pushed(jobs, events, self.eager.offer)

    def _levels(self, block: AudioBlock) -> list[Event]:
        """The level, if it is time for it."""
        level = measure_level(block.samples)
        self._clipped |= is_clipped(block.samples)
        if not (self._segmenter.speaking or self._paused):
            self._noise_floor.push(level.rms_dbfs, len(block.samples) / SAMPLE_RATE_HZ)
        at_s = self.position_s
        if at_s < self._next_level_s:
            return []
        self._next_level_s = at_s + LEVEL_EVERY_S
        clipped, self._clipped = self._clipped, False
        return [
            LevelEvent(
                stream=self.stream,
                source=self.source,
                name=self.name,
                at_s=at_s,
                rms_dbfs=level.rms_dbfs,
                peak_dbfs=level.peak_dbfs,
                voiced=self._segmenter.voiced,
                speaking=self._segmenter.speaking,
                noise_floor_dbfs=self._noise_floor.dbfs,
                clipped=clipped,
            )
        ]

    def _drop_event(self, dropped: Dropped) -> DropEvent:
        return DropEvent(
            stream=self.stream,
            source=self.source,
            name=self.name,
            at=self._wall(dropped.end),
            reason=dropped.reason,
            start_s=dropped.start / SAMPLE_RATE_HZ,
            end_s=dropped.end / SAMPLE_RATE_HZ,
        )

    def _utterance_event(
        self, job: Job, reading: Reading, model: ModelStamp, *, started_s: float, now_s: float
    ) -> UtteranceEvent:
        utterance, heard = job.utterance, reading.distribution
        hangover_ms = utterance.hangover / SAMPLE_RATE_HZ * 1000
        smoothed = heard and self._smoother.push(utterance.start_s, utterance.end_s, heard, final=utterance.final)
        seq = self._seq + 1
        if utterance.final:
            self._seq = seq
        return UtteranceEvent(
            id=str(uuid.uuid5(uuid.NAMESPACE_URL, f"{self._node}/{self.stream}/{seq}/{utterance.end}")),
            seq=seq,
            stream=self.stream,
            source=self.source,
            name=self.name,
            utterance=utterance.number,
            started_at=self._wall(utterance.start),
            start_s=utterance.start_s,
            end_s=utterance.end_s,
            final=utterance.final,
            status="ok" if heard else "invalid",
            reason=reading.reason,
            distribution=heard,
            smoothed=smoothed,
            entropy=heard and heard.entropy,
            margin=heard and heard.margin,
            dominant=heard and cast("Emotion", heard.dominant),
            model=model,
            transcript=reading.transcript if self._show_transcript else None,
            truncated_s=reading.truncated_s,
            adaptation=reading.adaptation,
            batch=reading.batch,
            prompt_spread=reading.prompt_spread,
            latency_ms=LatencyMs(
                hangover=hangover_ms,
                queue=max(_ms(started_s - job.queued_at), 0.0),
                features=_ms(reading.features_ms / 1000),
                llm=_ms(reading.llm_ms / 1000),
                total=hangover_ms + _ms(now_s - job.queued_at),
            ),
        )

    def _state_events(self, event: UtteranceEvent, read_at: float) -> list[Event]:
        if event.distribution is None or event.smoothed is None:
            return []
        return [
            StateEvent(
                stream=self.stream,
                source=self.source,
                name=self.name,
                seq=event.seq,
                at=timestamp(read_at),
                valid_until=timestamp(read_at + self._valid_s),
                final=event.final,
                distribution=event.distribution,
                smoothed=event.smoothed,
                entropy=event.distribution.entropy,
                margin=event.distribution.margin,
                dominant=cast("Emotion", event.distribution.dominant),
                calibration=event.model.calibration,
                adaptation=event.adaptation,
            )
        ]

    def _tokens_events(self, event: UtteranceEvent, reading: Reading) -> list[Event]:
        explanation = reading.explanation
        if explanation is None or not event.final:
            return []
        return [
            TokensEvent(
                stream=self.stream,
                source=self.source,
                name=self.name,
                seq=event.seq,
                utterance=event.utterance,
                prompt=explanation.prompt,
                answer=explanation.answer,
                steps=explanation.steps,
                readouts=dict(explanation.readouts),
            )
        ]

    def _wall(self, sample: int) -> str:
        return timestamp(self._opened_at + sample / SAMPLE_RATE_HZ)


def _ms(seconds: float) -> float:
    """Milliseconds with a tenth, enough for people and short on the wire."""
    return math.floor(seconds * 10_000 + 0.5) / 10
