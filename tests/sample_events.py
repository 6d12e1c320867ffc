"""Events of every kind, valid and short to write."""

import time
import uuid
from typing import Any

from core.distribution import EmotionDistribution
from core.wire.events import (
    DropEvent,
    ErrorEvent,
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

MODEL = ModelStamp(name="ltu-as-mini", sha256="0" * 64, prompt="single", readout="seq_logprob")
SAD = EmotionDistribution(0.1, 0.1, 0.6, 0.2)


def utterance(seq: int = 0, **changes: Any) -> UtteranceEvent:
    """A final, valid reading."""
    values: dict[str, Any] = {
        "id": str(uuid.uuid5(uuid.NAMESPACE_OID, f"utterance {seq}")),
        "seq": seq,
        "stream": "s1",
        "source": "file:talk.wav",
        "utterance": seq,
        "started_at": timestamp(1_800_000_000 + seq),
        "start_s": float(seq),
        "end_s": seq + 0.9,
        "final": True,
        "status": "ok",
        "reason": None,
        "distribution": SAD,
        "smoothed": SAD,
        "entropy": SAD.entropy,
        "margin": SAD.margin,
        "dominant": "sadness",
        "model": MODEL,
        "transcript": None,
        "truncated_s": 0.0,
        "latency_ms": LatencyMs(hangover=600, queue=1, features=20, llm=50, total=671),
    }
    return UtteranceEvent(**{**values, **changes})


def state(seq: int = 0, *, valid_s: float = 120.0, stream: str = "s1") -> StateEvent:
    """The latest reading of a stream, valid from now on."""
    now = time.time()
    return StateEvent(
        stream=stream,
        source="file:talk.wav",
        seq=seq,
        at=timestamp(now),
        valid_until=timestamp(now + valid_s),
        final=True,
        distribution=SAD,
        smoothed=SAD,
        entropy=SAD.entropy,
        margin=SAD.margin,
        dominant="sadness",
    )


def health(
    *, worker: str = "ready", stream_state: str = "listening", sinks: tuple[SinkHealth, ...] = (), uptime_s: float = 1.0
) -> HealthEvent:
    """A node with one stream."""
    return HealthEvent(
        node="desk",
        at=timestamp(time.time()),
        uptime_s=uptime_s,
        streams=(StreamHealth(stream="s1", source="file:talk.wav", state=stream_state),),  # type: ignore[arg-type]
        worker=WorkerHealth(
            state=worker,  # type: ignore[arg-type]
            model="ltu-as-mini",
            device="cpu",
            generation=1,
            queued=0,
            rss_mb=500.0,
        ),
        sinks=sinks,
        latency_p50_ms=None,
        latency_p95_ms=None,
    )


def level() -> LevelEvent:
    """What the microphone hears."""
    return LevelEvent(stream="s1", source="mic", at_s=1.0, rms_dbfs=-30.0, peak_dbfs=-20.0, voiced=True, speaking=False)


def drop() -> DropEvent:
    """An utterance that waited too long."""
    return DropEvent(
        stream="s1", source="mic", at=timestamp(time.time()), reason="waited_too_long", start_s=1.0, end_s=2.0
    )


def error() -> ErrorEvent:
    """Something that failed."""
    return ErrorEvent(at=timestamp(time.time()), where="worker", message="it is slow")


def tokens(seq: int = 0, **changes: Any) -> TokensEvent:
    """How the reading of the same number came about: an answer of two tokens."""
    steps = [
        TokenStep(
            token=token,
            emotion_word=True,
            log_probabilities={"anger": -4.0, "happiness": -6.0, "sadness": -0.1, "neutral": -2.5},
        )
        for token in ("Sad", "ness")
    ]
    values: dict[str, Any] = {
        "stream": "s1",
        "source": "file:talk.wav",
        "seq": seq,
        "utterance": seq,
        "prompt": "single",
        "answer": "Sadness",
        "steps": tuple(steps),
        "readouts": {"seq_logprob": SAD, "paper_linear_strict": None},
    }
    return TokensEvent(**{**values, **changes})


def note(text: str = "the door") -> NoteEvent:
    """A moment that someone marked."""
    return NoteEvent(id=str(uuid.uuid4()), at=timestamp(time.time()), text=text, positions_s={"s1": 12.5})
