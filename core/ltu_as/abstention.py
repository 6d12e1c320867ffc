"""When to say "no reading": sounds that a model was not made for.

Two checks look at the sound before the model runs, two at what the model made of it. Their thresholds are measured
(`emotion-eval calibrate`) and stand in the model folder's calibration.json; a check without a threshold is not made.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar

import numpy as np
from annotated_types import Interval
from numpy.typing import NDArray

from core.ltu_as.steps import StepLogits
from core.model import SAMPLE_RATE_HZ
from core.sound.level import measure_level

TOO_SHORT = "too short"
TOO_QUIET = "too quiet"
NOT_SPEECH = "not speech"
UNLIKE_TRAINING = "unlike training"
REASONS = (TOO_QUIET, TOO_SHORT, NOT_SPEECH, UNLIKE_TRAINING)
"""What a reading says in place of a distribution, in the order in which it is decided."""

FRAME_S = 0.02
ACTIVE_RANGE_DB = 30.0
"""Frames no further than this below the loudest one hold the sound; the others are the silence around it."""

_FRAME = round(FRAME_S * SAMPLE_RATE_HZ)
_STRICT = {"extra": "forbid", "allow_inf_nan": False}

Finite = Annotated[float, Interval(gt=-math.inf, lt=math.inf)]
Positive = Annotated[float, Interval(gt=0, lt=math.inf)]


@dataclass(frozen=True, slots=True)
class ActiveSound:
    """The sound of an utterance without the silence that a segmenter leaves around it: how long and how loud."""

    duration_s: float
    level_dbfs: float


def active_sound(waveform: NDArray[np.int16]) -> ActiveSound:
    """Measures the 20 ms frames within 30 dB of the loudest one; digital silence has none.

    Args:
        waveform: int16 [n], 16 kHz.
    """
    frames = np.pad(waveform, (0, -len(waveform) % _FRAME)).reshape(-1, _FRAME)
    power = np.square(frames.astype(np.float64)).mean(axis=1)
    loudest = power.max(initial=0.0)
    active = power >= loudest * 10 ** (-ACTIVE_RANGE_DB / 10) if loudest else np.zeros(len(power), np.bool_)
    duration_s = min(int(active.sum()) * FRAME_S, len(waveform) / SAMPLE_RATE_HZ)
    return ActiveSound(duration_s, measure_level(frames[active].ravel()).rms_dbfs)


def answer_mass(steps: StepLogits) -> float:
    """How probable it is, in the whole vocabulary, that the answer begins as one of the four offered ones does."""
    first_pieces = {pieces[0] for pieces in steps.verbalizer.answers(steps.prompt).values()}
    logits = steps.columns(tuple(sorted(first_pieces)))[0].astype(np.float64)
    return float(np.exp(logits - steps.log_normalizer[0]).sum())


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlier:
    """How far the mean features of an utterance may lie from those of the training speech.

    They are those of the Whisper encoder, in which noise, hum and keys lie far from speech; the projected audio tokens,
    made to tell emotions apart, do not tell them.

    Attributes:
        mean: Of the mean features, [d_model].
        inverse_std: One over their standard deviations, [d_model].
        max_distance: Largest root mean square of the standardised differences; about 1 for training speech itself.

    Raises:
        ValueError: The two lists differ in length, or are empty.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    mean: tuple[Finite, ...]
    inverse_std: tuple[Positive, ...]
    max_distance: Positive

    def __post_init__(self) -> None:
        if not 0 < len(self.mean) == len(self.inverse_std):
            msg = f"mean has {len(self.mean)} numbers, inverse_std has {len(self.inverse_std)}"
            raise ValueError(msg)

    def distance(self, feature_mean: NDArray[np.floating]) -> NDArray[np.float64]:
        """Distances [...] of mean features [..., d_model]; see `StepLogits.feature_mean`."""
        z = (feature_mean.astype(np.float64) - np.array(self.mean)) * np.array(self.inverse_std)
        distances: NDArray[np.float64] = np.sqrt(np.square(z).mean(axis=-1))
        return distances


@dataclass(frozen=True, slots=True, kw_only=True)
class Abstention:
    """The thresholds of one model; None, or no entry for a prompt, leaves a check out.

    Attributes:
        min_speech_s: Least duration of the active sound.
        min_level_dbfs: Least level of the active sound.
        min_answer_mass: Prompt to the least `answer_mass`.
        outlier: Greatest distance from the training speech.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    min_speech_s: Positive | None = None
    min_level_dbfs: Finite | None = None
    min_answer_mass: Mapping[str, Annotated[float, Interval(ge=0, le=1)]] = field(default_factory=dict)
    outlier: Outlier | None = None

    def before(self, sound: ActiveSound) -> str | None:
        """Why a sound is not worth reading, if it is not."""
        if self.min_level_dbfs is not None and sound.level_dbfs < self.min_level_dbfs:
            return TOO_QUIET
        if self.min_speech_s is not None and sound.duration_s < self.min_speech_s:
            return TOO_SHORT
        return None

    def after(self, steps: StepLogits) -> str | None:
        """Why what the model made of a sound says nothing about emotion, if so."""
        if answer_mass(steps) < self.min_answer_mass.get(steps.prompt, 0.0):
            return NOT_SPEECH
        if self.outlier is None or steps.feature_mean is None:
            return None
        return UNLIKE_TRAINING if self.outlier.distance(steps.feature_mean) > self.outlier.max_distance else None
