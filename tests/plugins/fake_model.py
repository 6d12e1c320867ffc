"""A model that needs no weights, for tests: a plug-in as users may install theirs, found through the folder beside.

Chosen by name: `fake`, or with options, `fake:read_s=0.5,load_s=2`. Its readings are a hash of the samples: the same
sound gives the same distribution, and they mean nothing.
"""

import hashlib
import math
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal, Self, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from core.anchor import Anchor
from core.distribution import EmotionDistribution
from core.errors import ModelError, UsageError
from core.model import SAMPLE_RATE_HZ, Explanation, Reading
from core.settings import ModelSettings
from core.wire.events import ModelStamp, TokenStep
from core.wire.values import Emotion

Fault: TypeAlias = Literal["crash", "exit", "hang", "nan", "raise", "out of memory", "cuda error", "print"]


def faulty(fault: Fault, *, samples: int = SAMPLE_RATE_HZ) -> NDArray[np.int16]:
    """Sound (int16 [samples]) that makes the fake model fail in the way named."""
    spelled = f"{_MARK}: {fault}".encode("ascii")
    waveform = np.zeros(samples, dtype="<i2")
    waveform[: len(spelled)] = np.frombuffer(spelled, dtype=np.uint8)
    return waveform.astype(np.int16)


def load(settings: ModelSettings) -> "FakeModel":
    """What the entry point names."""
    asked = {"prompt": settings.prompt, "readout": settings.readout}
    return FakeModel.from_name(settings.name, **{key: word for key, word in asked.items() if word != "auto"})


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeModel:
    """An `EmotionModel` of which every trouble can be ordered."""

    load_s: float = 0.0
    load_mb: int = 0
    """Memory taken for a moment while loading."""
    read_s: float = 0.0
    """Time slept for each utterance."""
    max_batch: int = 1_000_000
    """Larger batches are out of memory."""
    broken_while: str = ""
    """Loading crashes while this path exists."""
    refused_while: str = ""
    """Loading ends with a ModelError while this path exists."""
    fails_while: str = ""
    """Reading ends with an error while this path exists."""
    hold_while: str = ""
    """Reading goes on and on while this path exists."""
    wordless: int = 0
    """1: it has no transcriber."""
    prompt: str = "none"
    """For the stamp; it changes nothing else."""
    readout: str = "hash"
    """Likewise."""

    @classmethod
    def from_name(cls, name: str, **defaults: str) -> Self:
        """Reads the options after `fake:`, which go before `defaults`, and loads.

        Raises:
            UsageError: Unknown or unfit option.
            ModelError: Refused, as ordered.
        """
        known = {f.name: f.type for f in fields(cls)}
        options: dict[str, object] = dict(defaults)
        for option in filter(None, name.removeprefix("fake").removeprefix(":").split(",")):
            key, _, text = option.partition("=")
            try:
                options[key] = known[key](text)  # type: ignore[operator]
            except (KeyError, ValueError) as error:
                msg = f"{name}: the fake model cannot take {option!r}"
                raise UsageError(msg, hint=f"options: {', '.join(known)}") from error
        model = cls(**options)  # type: ignore[arg-type]
        model._load()
        return model

    def _load(self) -> None:
        time.sleep(self.load_s)
        bytearray(1_000_000 * self.load_mb)
        if self.broken_while and Path(self.broken_while).exists():
            os._exit(70)
        if self.refused_while and Path(self.refused_while).exists():
            msg = f"{self.refused_while}: the fake model\nwas told to refuse"
            raise ModelError(msg, hint="remove the file")

    @property
    def stamp(self) -> ModelStamp:
        """Its name is `fake`, so that no reading of it is taken for real."""
        return ModelStamp(name="fake", sha256="", prompt=self.prompt, readout=self.readout)

    @property
    def device(self) -> str:
        """Always the CPU."""
        return "cpu"

    @property
    def window_s(self) -> float:
        """As LTU-AS."""
        return 10.0

    @property
    def transcribes(self) -> bool:
        """Whether readings have a transcript."""
        return not self.wordless

    def read(
        self,
        waveforms: Sequence[NDArray[np.int16]],
        *,
        explain: Sequence[bool] = (),
        anchors: Sequence[Anchor | None] = (),  # noqa: ARG002 - it knows no voices
    ) -> list[Reading]:
        """One reading per waveform, in order."""
        if len(waveforms) > self.max_batch:
            raise MemoryError
        written = explain or [False] * len(waveforms)
        return [self._read(waveform, written=one) for waveform, one in zip(waveforms, written, strict=True)]

    def _read(self, waveform: NDArray[np.int16], *, written: bool) -> Reading:
        _misbehave(waveform)
        if self.fails_while and Path(self.fails_while).exists():
            msg = "log-weights must be finite"
            raise ValueError(msg)
        started_s = time.perf_counter()
        time.sleep(self.read_s)
        while self.hold_while and Path(self.hold_while).exists():
            time.sleep(0.002)
        digest = hashlib.blake2b(waveform.tobytes(), digest_size=4).digest()
        distribution = EmotionDistribution.from_weights([1.0 + byte for byte in digest])
        return Reading(
            distribution=distribution,
            transcript=f"{len(waveform)} samples" if self.transcribes else None,
            truncated_s=max(len(waveform) / SAMPLE_RATE_HZ - self.window_s, 0.0),
            llm_ms=1000 * (time.perf_counter() - started_s),
            explanation=self._explain(distribution, written=written),
        )

    def _explain(self, distribution: EmotionDistribution, *, written: bool) -> Explanation:
        """Its answer is the dominant emotion, in one token."""
        step = TokenStep(
            token=distribution.dominant if written else "",
            emotion_word=written,
            log_probabilities={
                emotion: round(math.log(share), 4)
                for emotion, share in zip(get_args(Emotion), distribution, strict=True)
            },
        )
        answer = distribution.dominant if written else None
        return Explanation(prompt=self.prompt, answer=answer, steps=(step,), readouts={self.readout: distribution})


def _misbehave(waveform: NDArray[np.int16]) -> None:
    head = waveform[:64]
    if (head >= 0).all() and (head < 128).all():
        mark, _, fault = head.astype(np.uint8).tobytes().rstrip(b"\0").decode("ascii").partition(": ")
        if mark == _MARK:
            _FAULTS[fault]()


def _hang() -> None:
    while True:
        time.sleep(1)


def _raise(error: Exception) -> None:
    raise error


def _print() -> None:
    print("a library greets", flush=True)  # noqa: T201
    os.write(1, b"a C library greets\n")


_MARK = "FAKE FAULT"
_FAULTS: dict[str, Callable[[], object]] = {
    "crash": lambda: os._exit(70),
    "exit": lambda: sys.exit("a library gives up"),
    "hang": _hang,
    "nan": lambda: EmotionDistribution.from_log_weights([math.nan] * 4),
    "raise": lambda: _raise(LookupError("a bug")),
    "out of memory": lambda: _raise(MemoryError()),
    "cuda error": lambda: _raise(RuntimeError("CUDA error: device-side assert triggered")),
    "print": _print,
}
