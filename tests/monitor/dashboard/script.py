"""Writes wire events as a monitor would: times are fixed, and so is every number."""

import math
from dataclasses import dataclass, field, replace

from core.distribution import EMOTIONS, EmotionDistribution
from core.wire.events import (
    Adaptation,
    DropEvent,
    ErrorEvent,
    Event,
    LatencyMs,
    LevelEvent,
    ModelStamp,
    NoteEvent,
    StateEvent,
    TokensEvent,
    TokenStep,
    UtteranceEvent,
)
from core.wire.health import HealthEvent, SinkHealth, StreamHealth, WorkerHealth
from core.wire.values import timestamp

EPOCH = 1_767_261_600.0
STAMP = ModelStamp(
    name="ltu-as-mini", sha256="0" * 64, prompt="single", readout="seq_logprob", calibration="0123456789ab"
)

Shares = tuple[float, float, float, float]

TALK: list[tuple[float, float, Shares]] = [
    (1.2, 3.9, (0.04, 0.09, 0.06, 0.81)),
    (5.1, 7.4, (0.05, 0.31, 0.05, 0.59)),
    (8.6, 12.9, (0.03, 0.71, 0.04, 0.22)),
    (14.0, 15.3, (0.09, 0.44, 0.06, 0.41)),
    (17.4, 21.8, (0.55, 0.12, 0.07, 0.26)),
    (23.0, 25.2, (0.78, 0.03, 0.08, 0.11)),
    (27.9, 31.4, (0.22, 0.03, 0.39, 0.36)),
    (33.6, 38.1, (0.05, 0.02, 0.64, 0.29)),
    (40.7, 43.4, (0.06, 0.03, 0.48, 0.43)),
]
"""Start, end and shares (anger, happiness, sadness, neutral) of the utterances of one conversation."""


@dataclass
class Script:
    """Writes the events of one scene, in order."""

    events: list[Event] = field(default_factory=list)
    seq: int = 0
    smooth: dict[str, EmotionDistribution] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=lambda: {"s1": "mic:Desk microphone"})

    def level(self, at_s: float, *, rms: float = -52.0, speaking: bool = False, stream: str = "s1") -> None:
        """A level; speaking ones are louder."""
        self.events.append(
            LevelEvent(
                stream=stream,
                source=self.sources[stream],
                at_s=at_s,
                rms_dbfs=rms,
                peak_dbfs=rms + 11,
                voiced=speaking,
                speaking=speaking,
            )
        )

    def utterance(
        self,
        start_s: float,
        end_s: float,
        shares: Shares | None,
        *,
        final: bool = True,
        reason: str | None = None,
        stream: str = "s1",
        number: int | None = None,
        adaptation: Adaptation | None = None,
        stamp: ModelStamp = STAMP,
    ) -> None:
        """A reading, smoothed over the earlier ones of its stream, and its state event."""
        self.seq += 1
        raw = EmotionDistribution(*shares) if shares else None
        if raw:
            before = self.smooth.get(stream, raw)
            self.smooth[stream] = EmotionDistribution.from_log_weights(
                [0.55 * math.log(b) + 0.45 * math.log(r) for b, r in zip(before, raw, strict=True)]
            )
        total = 690 + 37 * (self.seq % 5) if final else 121
        self.events.append(
            UtteranceEvent(
                id=f"00000000-0000-0000-0000-{self.seq:012}",
                seq=self.seq,
                stream=stream,
                source=self.sources[stream],
                utterance=self.seq if number is None else number,
                started_at=timestamp(EPOCH + start_s),
                start_s=start_s,
                end_s=end_s,
                final=final,
                status="ok" if raw else "invalid",
                reason=reason,
                distribution=raw,
                smoothed=self.smooth[stream] if raw else None,
                entropy=raw.entropy if raw else None,
                margin=raw.margin if raw else None,
                dominant=raw.dominant if raw else None,  # type: ignore[arg-type]
                model=stamp,
                transcript=None,
                truncated_s=0.0,
                adaptation=adaptation,
                latency_ms=LatencyMs(
                    hangover=600.0 if final else 0.0, queue=2.0, features=21.0, llm=64.0, total=float(total)
                ),
            )
        )
        if raw:
            self.events.append(
                StateEvent(
                    stream=stream,
                    source=self.sources[stream],
                    seq=self.seq,
                    at=timestamp(EPOCH + end_s),
                    valid_until=timestamp(EPOCH + end_s + 120),
                    final=final,
                    distribution=raw,
                    smoothed=self.smooth[stream],
                    entropy=raw.entropy,
                    margin=raw.margin,
                    dominant=raw.dominant,  # type: ignore[arg-type]
                    calibration=stamp.calibration,
                    adaptation=adaptation,
                )
            )

    def drop(self, start_s: float, end_s: float, reason: str, stream: str = "s1") -> None:
        """Sound without a reading."""
        self.events.append(
            DropEvent(
                stream=stream,
                source=self.sources[stream],
                at=timestamp(EPOCH + end_s),
                reason=reason,
                start_s=start_s,
                end_s=end_s,
            )
        )

    def error(self, where: str, message: str, hint: str | None = None, stream: str | None = None) -> None:
        """Something failed."""
        self.events.append(ErrorEvent(at=timestamp(EPOCH), where=where, message=message, hint=hint, stream=stream))

    def health(
        self,
        *,
        worker: str = "ready",
        state: str = "listening",
        queued: int = 0,
        generation: int = 1,
        mqtt: str = "ok",
        waiting: int = 0,
        measured: bool = True,
    ) -> None:
        """The node's health with one word for the worker, the streams and MQTT."""
        self.events.append(
            HealthEvent(
                node="desk",
                at=timestamp(EPOCH),
                uptime_s=60.0,
                streams=tuple(
                    StreamHealth(stream=stream, source=source, state=state)  # type: ignore[arg-type]
                    for stream, source in self.sources.items()
                ),
                worker=WorkerHealth(
                    state=worker,  # type: ignore[arg-type]
                    model="ltu-as-mini",
                    device="cpu",
                    generation=generation,
                    queued=queued,
                    rss_mb=642.0 if worker in {"ready", "busy"} else 0.0,
                ),
                sinks=(
                    SinkHealth(name="mqtt", state=mqtt, detail="localhost:1883", queued=waiting, dropped=0),  # type: ignore[arg-type]
                    SinkHealth(name="dashboard", state="ok", detail="this terminal", queued=0, dropped=0),
                ),
                latency_p50_ms=88.0 if measured else None,
                latency_p95_ms=131.0 if measured else None,
            )
        )

    def sinks(self, *sinks: SinkHealth) -> "Script":
        """The node's health with these sinks beside the dashboard."""
        self.health()
        health = self.events.pop()
        assert isinstance(health, HealthEvent)
        self.events.append(replace(health, sinks=(*sinks, *health.sinks[-1:])))
        return self

    def streams(self, *, captured: int = 0, **states: str) -> "Script":
        """The last health again with other states of streams, and samples captured."""
        health = self.events.pop()
        assert isinstance(health, HealthEvent)
        streams = tuple(
            replace(stream, state=states.get(stream.stream, stream.state), captured=captured)
            for stream in health.streams
        )
        self.events.append(replace(health, streams=streams))
        return self

    def talk(self, stream: str = "s1", count: int = len(TALK)) -> None:
        """The first utterances of the conversation, all read."""
        for start_s, end_s, shares in TALK[:count]:
            self.utterance(start_s, end_s, shares, stream=stream)
        self.level(TALK[count - 1][1] + 2.2, stream=stream)

    def tokens(self, seq: int, answer: str | None, steps: list[tuple[str, bool, Shares]], stream: str = "s1") -> None:
        """How the reading of that number came about; the shares of a step are probabilities of its emotion words."""
        logs = [tuple(math.log(share) for share in shares) for _, _, shares in steps]
        first = EmotionDistribution.from_log_weights(logs[0])
        means = [math.fsum(column) / len(logs) for column in zip(*logs, strict=True)]
        self.events.append(
            TokensEvent(
                stream=stream,
                source=self.sources[stream],
                seq=seq,
                utterance=seq,
                prompt="single",
                answer=answer,
                steps=tuple(
                    TokenStep(
                        token=token,
                        emotion_word=word,
                        log_probabilities=dict(zip(EMOTIONS, values, strict=True)),  # type: ignore[arg-type]
                    )
                    for (token, word, _), values in zip(steps, logs, strict=True)
                ),
                readouts={
                    "seq_logprob": first,
                    "first_piece": EmotionDistribution.from_log_weights([value * 0.8 for value in logs[0]]),
                    "paper_linear": EmotionDistribution.from_weights([value + 12 for value in means]),
                    "paper_linear_strict": None,
                    "shifted_linear": EmotionDistribution.from_weights([value + 20 for value in means]),
                    "softmax_mean": EmotionDistribution.from_log_weights(means),
                    "mean_softmax": EmotionDistribution.from_log_weights([value / 2 for value in means]),
                    "vocab_prob": EmotionDistribution.from_weights([math.exp(value) for value in logs[0]]),
                },
            )
        )

    def note(self, at_s: float, text: str, stream: str = "s1") -> None:
        """Someone marked a moment."""
        number = sum(isinstance(event, NoteEvent) for event in self.events) + 1
        self.events.append(
            NoteEvent(
                id=f"00000000-0000-0000-0001-{number:012}",
                at=timestamp(EPOCH + at_s),
                text=text,
                positions_s={stream: at_s},
            )
        )
