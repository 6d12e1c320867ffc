"""Named scenes: the wire events that lead to each state of the dashboard, for tests and for the README's pictures.

Times are fixed, and so is every number, so that a scene always paints the same picture.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from core.distribution import EMOTIONS, EmotionDistribution
from core.wire.events import (
    DropEvent,
    ErrorEvent,
    Event,
    HealthEvent,
    LatencyMs,
    LevelEvent,
    ModelStamp,
    NoteEvent,
    SinkHealth,
    StateEvent,
    StreamHealth,
    TokensEvent,
    TokenStep,
    Tuning,
    UtteranceEvent,
    WorkerHealth,
    timestamp,
)

EPOCH = 1_767_261_600.0
STAMP = ModelStamp(name="ltu-as-mini", sha256="0" * 64, prompt="single", readout="seq_logprob")

Shares = tuple[float, float, float, float]

REFUSAL = "the broker refuses us: wrong user or password (mqtt://localhost:1883)"

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
                smoothed=self.smooth.get(stream),
                entropy=raw.entropy if raw else None,
                margin=raw.margin if raw else None,
                dominant=raw.dominant if raw else None,  # type: ignore[arg-type]
                model=STAMP,
                transcript=None,
                truncated_s=0.0,
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


def starting() -> Script:
    """The model is loading."""
    script = Script()
    script.health(worker="starting", state="opening", mqtt="starting", measured=False)
    return script


def listening() -> Script:
    """Ready, and nothing was said yet."""
    script = Script()
    script.health(measured=False)
    script.level(3.1)
    return script


def speaking() -> Script:
    """Someone speaks for the first time; no reading yet."""
    script = Script()
    script.health(measured=False)
    script.level(4.2, rms=-21.5, speaking=True)
    return script


def interim() -> Script:
    """A long utterance with a reading of what was said so far."""
    script = Script()
    script.health(worker="busy")
    script.talk(count=6)
    script.utterance(27.9, 30.9, (0.14, 0.04, 0.52, 0.30), final=False)
    script.level(31.2, rms=-19.0, speaking=True)
    return script


def clear() -> Script:
    """A reading with one emotion far ahead."""
    script = Script()
    script.health()
    script.talk(count=6)
    return script


def mixed() -> Script:
    """A reading in which two emotions are close, after a whole conversation."""
    script = Script()
    script.health()
    script.talk()
    script.drop(45.0, 45.3, "too_short")
    return script


def unclear() -> Script:
    """A reading that says almost nothing."""
    script = Script()
    script.health()
    script.talk(count=3)
    script.utterance(14.0, 15.3, (0.24, 0.27, 0.23, 0.26))
    script.level(16.0)
    return script


def no_reading() -> Script:
    """The model gave no valid reading."""
    script = Script()
    script.health()
    script.talk(count=4)
    script.utterance(17.0, 17.6, None, reason="speech shorter than 1 s")
    script.level(19.0)
    return script


def paused() -> Script:
    """The user paused."""
    script = Script()
    script.talk(count=5)
    script.health(state="paused")
    script.drop(22.0, 31.5, "paused")
    return script


def file_ended() -> Script:
    """A file was played to its end."""
    script = Script(sources={"s1": "file:two_cities.flac"})
    script.talk(count=7)
    script.health(state="ended")
    return script


def source_failed() -> Script:
    """The only microphone vanished, and is not looked for."""
    script = microphone_awaited()
    script.health(state="failed", worker="stopped")
    return script


def microphone_awaited() -> Script:
    """The only microphone vanished."""
    script = Script()
    script.talk(count=3)
    script.error("source", "microphone Desk microphone stopped delivering sound", "it may be unplugged", stream="s1")
    script.health(state="failed")
    return script


def broker_lost() -> Script:
    """The MQTT broker is away; events wait."""
    script = Script()
    script.talk(count=7)
    script.health(mqtt="degraded", waiting=12)
    return script


def worker_restarting() -> Script:
    """The inference process died and is being started again."""
    script = Script()
    script.talk(count=5)
    script.health(worker="restarting", queued=2, generation=2)
    script.level(26.0, rms=-23.0, speaking=True)
    return script


def overload() -> Script:
    """More speech than the model can read."""
    script = Script()
    script.talk(count=5)
    script.health(worker="busy", queued=4)
    for start_s in (22.0, 26.5, 31.0):
        script.drop(start_s, start_s + 4.2, "overload")
    script.level(35.4, rms=-17.0, speaking=True)
    return script


def error() -> Script:
    """Something failed once, and the program goes on."""
    script = Script()
    script.talk(count=5)
    script.health()
    script.error("sink", "events.jsonl: no space left on device", "free some space; writing goes on by itself")
    return script


def two_microphones() -> Script:
    """Two people, a microphone each."""
    script = Script(sources={"s1": "mic:Desk microphone", "s2": "mic:Headset"})
    script.health()
    script.talk(count=4)
    script.utterance(17.4, 21.8, (0.06, 0.58, 0.05, 0.31), stream="s2")
    script.utterance(19.2, 21.9, (0.08, 0.41, 0.10, 0.41))
    script.utterance(23.0, 25.2, (0.12, 0.66, 0.04, 0.18), stream="s2")
    script.level(26.0, rms=-24.0, speaking=True)
    script.level(26.0, rms=-49.0, stream="s2")
    return script


def one_source_failed() -> Script:
    """One of two microphones vanished."""
    script = two_microphones()
    script.error("source", "microphone Headset stopped delivering sound", "it may have been unplugged", stream="s2")
    script.sinks()
    return script.streams(s2="failed")


def switched() -> Script:
    """Another microphone has taken the place of the first."""
    script = two_microphones()
    script.sinks()
    return script.streams(s1="ended")


def worker_failed() -> Script:
    """The inference process kept dying and is left alone for a while."""
    script = Script()
    script.talk(count=5)
    script.error("worker", "the inference process ended: killed by signal 9")
    script.health(worker="failed", generation=5)
    return script


def broker_refuses() -> Script:
    """The broker wants another password."""
    script = Script()
    script.talk(count=5)
    return script.sinks(SinkHealth(name="mqtt", state="degraded", detail=REFUSAL, queued=3, dropped=0))


def outbox_full() -> Script:
    """Connected, but the outbox cannot be written."""
    script = Script()
    script.talk(count=5)
    detail = "connected mqtt://localhost:1883 (MQTT 5); outbox: disk full, 40 in memory only"
    return script.sinks(SinkHealth(name="mqtt", state="degraded", detail=detail, queued=40, dropped=0))


def disk_full() -> Script:
    """A file of events cannot be written."""
    script = Script()
    script.talk(count=5)
    sink = SinkHealth(
        name="jsonl:events.jsonl", state="degraded", detail="no space left on device", queued=1000, dropped=57
    )
    return script.sinks(sink)


def overflow() -> Script:
    """Sound was lost before it could be heard."""
    script = Script()
    script.health()
    script.talk(count=5)
    script.drop(22.0, 22.4, "overflow")
    return script


def muted() -> Script:
    """The microphone is switched off."""
    script = Script()
    script.health()
    script.talk(count=5)
    for number in range(50):
        script.level(24.0 + number / 10, rms=-120.0)
    return script


def clipping() -> Script:
    """Someone shouts into the microphone."""
    script = Script()
    script.health()
    script.talk(count=5)
    script.level(24.1, rms=-2.0, speaking=True)
    script.events.append(replace(script.events.pop(), peak_dbfs=0.0, clipped=True, noise_floor_dbfs=-57.0))  # type: ignore[call-arg]
    return script


def sums_differ() -> Script:
    """A stream whose sums do not add up, which must never be."""
    script = Script()
    script.talk(count=5)
    return script.sinks().streams(s1="listening", captured=16_000)


def explained() -> Script:
    """A conversation whose last reading came with the answer, token by token, and every read-out."""
    script = Script()
    script.health()
    script.talk()
    script.note(27.0, "the other one comes in")
    script.drop(45.0, 45.3, "too_short")
    script.tokens(
        len(TALK),
        "The speaker sounds sad, and a little neutral.",
        [
            ("The", False, (0.0004, 0.0003, 0.0009, 0.0006)),
            (" speaker", False, (0.0001, 0.0001, 0.0002, 0.0002)),
            (" sounds", False, (0.002, 0.001, 0.006, 0.004)),
            (" sad", True, (0.04, 0.02, 0.48, 0.41)),
            (",", False, (0.0006, 0.0002, 0.002, 0.002)),
            (" and", False, (0.0002, 0.0002, 0.0003, 0.0003)),
            (" a", False, (0.003, 0.002, 0.005, 0.004)),
            (" little", False, (0.008, 0.004, 0.02, 0.03)),
            (" neutral", True, (0.11, 0.05, 0.09, 0.66)),
            (".", False, (0.00005, 0.00005, 0.0001, 0.0001)),
        ],
    )
    return script


def answer_position() -> Script:
    """A reading whose answer was not written: one step, and the read-outs that need no more."""
    script = Script()
    script.health()
    script.talk(count=6)
    script.tokens(6, None, [("", False, (0.31, 0.01, 0.04, 0.06))])
    return script


def tuned(recording: str | None = None) -> Script:
    """A monitor that says what can be changed while it runs, and how it is now."""
    script = Script()
    script.talk(count=6)
    script.health()
    health = script.events.pop()
    assert isinstance(health, HealthEvent)
    tuning = Tuning(vad_mode=2, tau_s=7.0, model="ltu-as-mini", prompt="single", readout="seq_logprob", explain=False)
    script.events.append(replace(health, tuning=tuning, recording=recording))
    return script


def recording() -> Script:
    """Events are being recorded."""
    return tuned(recording="20260101-100000.jsonl")


def half_voiced() -> Script:
    """Five seconds of levels, every other one voiced."""
    script = tuned()
    for number in range(50):
        script.level(50.0 + number / 10, rms=-30.0, speaking=number % 2 == 0)
    return script


def measured() -> Script:
    """A monitor at work that reports all it can."""
    script = Script()
    script.talk()
    script.level(46.0, rms=-31.0, speaking=True)
    level = script.events.pop()
    assert isinstance(level, LevelEvent)
    script.events.append(replace(level, noise_floor_dbfs=-57.0))
    script.health(worker="busy")
    health = script.events.pop()
    assert isinstance(health, HealthEvent)
    streams = StreamHealth(
        stream="s1",
        source=script.sources["s1"],
        state="listening",
        captured=736_000,
        silence=265_600,
        segmented=467_200,
        dropped={"too_short": 3_200},
        segments=9,
        published=9,
    )
    worker = replace(health.worker, restarts=0, cpu_percent=61.5, gpu_mb=512.0)
    sinks = (
        SinkHealth(name="mqtt", state="ok", detail="connected mqtt://localhost:1883 (MQTT 5)", queued=0, dropped=0),
        SinkHealth(name="jsonl:events.jsonl", state="ok", detail="writing to events.jsonl", queued=0, dropped=0),
        health.sinks[-1],
    )
    script.events.append(
        replace(
            health,
            streams=(streams,),
            worker=worker,
            sinks=sinks,
            latency_p99_ms=140.0,
            hangover_p50_ms=600.0,
            rss_mb=118.0,
            cpu_percent=4.2,
            recording="20260101-100000.jsonl",
        )
    )
    return script


def busy_hour() -> Script:
    """An hour of talk with every kind of trouble, for what scrolls."""
    script = Script()
    script.health()
    for minute in range(60):
        for number, (start_s, end_s, shares) in enumerate(TALK):
            if (minute + number) % 17 == 0:
                script.drop(60.0 * minute + start_s, 60.0 * minute + end_s, "overload")
            else:
                script.utterance(60.0 * minute + start_s, 60.0 * minute + end_s, shares)
        script.drop(60.0 * minute + 46, 60.0 * minute + 46.3, "too_short")
    script.note(3550.0, "here")
    script.level(3600.0)
    return script


SCENES: dict[str, Callable[[], Script]] = {
    scene.__name__: scene
    for scene in (
        starting, listening, speaking, interim, clear, mixed, unclear, no_reading, paused, file_ended, source_failed,
        microphone_awaited, switched,
        broker_lost, worker_restarting, overload, error, two_microphones, explained,
        answer_position, busy_hour, tuned, recording, half_voiced,
        one_source_failed, worker_failed, broker_refuses, outbox_full, disk_full, overflow, muted, clipping,
        sums_differ, measured,
    )
}  # fmt: skip


def events(name: str) -> list[Event]:
    """The events of a scene, in order."""
    return SCENES[name]().events
