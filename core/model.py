"""What a model of heard emotion offers to the rest of the program."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from core.anchor import Anchor, Heard
from core.distribution import EmotionDistribution
from core.wire.events import Adaptation, ModelStamp, TokenStep

SAMPLE_RATE_HZ = 16_000
"""Rate of every waveform inside the program; sources resample to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """How a reading came about, small enough to send; see `core.wire.events.TokensEvent` for the fields."""

    prompt: str
    answer: str | None
    steps: tuple[TokenStep, ...]
    readouts: Mapping[str, EmotionDistribution | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a model heard in one utterance.

    `distribution` is None when there is no valid reading; `reason` then says why in a few words, and `failed` whether
    the model could not read what it may well have been meant for, rather than finding nothing in it. `truncated_s` is
    speech beyond the model's window. Times are wall-clock milliseconds of this utterance's share of the work.
    `explanation` is None where the model was not run to its end. `model` is what heard it, as far as that is known.
    `batch` is how many utterances were read at once, as far as that is known.
    `heard` is what the stream's anchor is to be made of, and `adaptation` says what anchor it was read with; both are
    None where the model has no use for one.
    `prompt_spread` is how far the ways of asking were apart; None where there was one.
    """

    distribution: EmotionDistribution | None
    reason: str | None = None
    failed: bool = False
    transcript: str | None = None
    truncated_s: float = 0.0
    features_ms: float = 0.0
    llm_ms: float = 0.0
    explanation: Explanation | None = None
    model: ModelStamp | None = None
    batch: int | None = None
    heard: Heard | None = None
    adaptation: Adaptation | None = None
    prompt_spread: float | None = None


class EmotionModel(Protocol):
    """Turns utterances into readings.

    One may also say, by `transcribes`, whether it gives transcripts: then someone who wants them of one that never does
    is told so.
    """

    @property
    def stamp(self) -> ModelStamp:
        """Name, hash, prompt, read-out and calibration, for events."""

    @property
    def device(self) -> str:
        """Where it runs: `cpu` or `cuda:0`."""

    @property
    def window_s(self) -> float:
        """Longest stretch of sound it hears, in seconds."""

    def read(
        self,
        waveforms: Sequence[NDArray[np.int16]],
        *,
        explain: Sequence[bool] = (),
        anchors: Sequence[Anchor | None] = (),
    ) -> list[Reading]:
        """One reading per waveform (int16, 16 kHz mono, any length), in order; never raises for bad sound.

        Args:
            waveforms: The utterances.
            explain: Says for each, by default for none, whether the model is to write its answer out for the
                explanation even where the distribution does not need it.
            anchors: What the stream of each sounds like when it is neutral; by default, and where None, nothing is
                known of it, nor to be learned.
        """
