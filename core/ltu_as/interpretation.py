"""What a model's kept logits come to: the read-out, its correction, and when there is no reading.

One thing for every model that answers in words, whatever it hears with.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.ltu_as.abstention import TOO_SHORT, Abstention, active_sound
from core.ltu_as.calibration import load_calibration
from core.ltu_as.decode import Decoding
from core.ltu_as.ensemble import read_members
from core.ltu_as.explanation import explain as explanation_of
from core.ltu_as.features import MIN_SAMPLES
from core.ltu_as.readout import NOT_FINITE, InvalidReading, Kind, Pool, Scope, check_options
from core.ltu_as.steps import StepLogits
from core.ltu_as.wordings import members
from core.model import Reading
from core.settings import Ensemble
from core.wire.events import ModelStamp

WRITTEN = Decoding()
"""How an answer is written out."""

_AT_ANSWER_POSITION = ("seq_logprob", "first_piece")
"""Read-outs that need no generated token."""


class Interpretation:
    """Turns `StepLogits` into readings.

    Args:
        folder: Model folder, for its calibration.json.
        sha256: Of its weights.
        d_model: Numbers of a `StepLogits.feature_mean`.
        prompt: What is asked.
        kind: How logits become a distribution; see `core.ltu_as.readout.readout`.
        pool: The same.
        scope: The same.
        ensemble: In which ways the prompt is asked; see `core.ltu_as.wordings.members`.
        calibrate: Correct readings as the folder's calibration.json says, if it holds this prompt, read-out and
            ensemble.
        abstain: Give no reading where that file's thresholds say so.
        neutral_odds: See `EmotionDistribution.expecting`; None: what the calibration says, and without one 1.

    Attributes:
        abstention: When there is no reading.
        members: What is to be asked, the prompt itself first.
        at_answer_position: Whether no token need be written.
        decoding: How the answer is to be written for this read-out.

    Raises:
        ModelError: The calibration is broken or that of other weights.
        UsageError: The options do not fit each other.
    """

    def __init__(
        self,
        folder: Path,
        *,
        sha256: str,
        d_model: int,
        prompt: str,
        kind: Kind,
        pool: Pool = "mean",
        scope: Scope = "all",
        ensemble: Ensemble = "off",
        calibrate: bool = True,
        abstain: bool = True,
        neutral_odds: float | None = None,
    ) -> None:
        check_options(kind, pool, scope)
        self._prompt, self._kind, self._pool, self._scope = prompt, kind, pool, scope
        self._sha256, self._ensemble = sha256, ensemble
        self.members = members(prompt, ensemble)
        self.at_answer_position = kind in _AT_ANSWER_POSITION or scope == "answer_position"
        self.decoding = Decoding(max_new_tokens=1) if self.at_answer_position else WRITTEN
        loaded = None
        if calibrate or abstain:
            loaded = load_calibration(folder, model_sha256=sha256, d_model=d_model)
        self.abstention = (loaded and abstain and loaded.calibration.abstention) or Abstention()
        self._correction = None
        if loaded and calibrate:
            self._correction = loaded.calibration.entry(prompt, kind, pool, scope, ensemble)
        applied = loaded if self._correction else None
        self._calibration = applied.identifier if applied and applied.calibration.labelled else None
        self._prior = applied.identifier if applied and not applied.calibration.labelled else None
        self._expected = loaded.calibration.neutral_odds if loaded and self._correction else 1.0
        self._neutral_odds = self._expected if neutral_odds is None else neutral_odds

    def stamp(self, name: str, options: Sequence[str] = ()) -> ModelStamp:
        """What stands in events: name, hash, prompt, read-out with what of it is not as usual, and calibration."""
        unusual: list[str] = [] if (self._pool, self._scope) == ("mean", "all") else [self._pool, self._scope]
        unusual += [] if self._ensemble == "off" else [self._ensemble]
        unusual += [f"prior={self._prior}"] if self._prior else []
        unusual += [] if self._neutral_odds == self._expected else [f"neutral_odds={self._neutral_odds:g}"]
        return ModelStamp(
            name=name,
            sha256=self._sha256,
            prompt=self._prompt,
            readout="/".join([self._kind, *unusual, *options]),
            calibration=self._calibration,
        )

    def readings(
        self,
        waveforms: Sequence[NDArray[np.int16]],
        explain: Sequence[bool],
        read: Callable[[Sequence[int], Decoding], list[Reading]],
    ) -> list[Reading]:
        """One reading per waveform, in order: of those worth it, by the way their answers are to be written.

        Args:
            waveforms: int16, 16 kHz mono, any length.
            explain: Says for each, by default for none, whether its answer is to be written out in any case.
            read: The readings of the waveforms of these numbers; called once for each way of writing.
        """
        readings = [Reading(distribution=None, reason=self._unreadable(waveform)) for waveform in waveforms]
        wanted = [WRITTEN if written else self.decoding for written in explain or [False] * len(waveforms)]
        for decoding in dict.fromkeys((self.decoding, WRITTEN)):
            rows = [n for n, one in enumerate(wanted) if one == decoding and readings[n].reason is None]
            for n, reading in zip(rows, read(rows, decoding) if rows else (), strict=True):
                readings[n] = reading
        return readings

    def _unreadable(self, waveform: NDArray[np.int16]) -> str | None:
        return TOO_SHORT if len(waveform) < MIN_SAMPLES else self.abstention.before(active_sound(waveform))

    def reading(self, asked: Sequence[StepLogits], decoding: Decoding, *, weight: float = 0.0) -> Reading:
        """The reading of one utterance; why there is none, and the explanation, are about the prompt itself.

        Args:
            asked: The kept logits of each of `members`.
            decoding: How the answers were written; the explanation tells them where they were written out.
            weight: Of the anchor that it was heard with.
        """
        steps = asked[0]
        distribution, spread, reason = None, None, None
        try:
            distribution, spread = read_members(asked, kind=self._kind, pool=self._pool, scope=self._scope)
        except InvalidReading as error:
            reason = error.reason
        else:
            reason = self.abstention.after(steps)
            if self._correction is not None:
                distribution = self._correction.apply(distribution, weight)
            distribution = distribution.expecting(self._neutral_odds)
        return Reading(
            distribution=None if reason else distribution,
            reason=reason,
            failed=reason == NOT_FINITE,
            transcript=steps.transcript,
            truncated_s=steps.truncated_s,
            features_ms=sum(one.features_ms for one in asked),
            llm_ms=sum(one.llm_ms for one in asked),
            explanation=explanation_of(steps, written=decoding == WRITTEN),
            prompt_spread=None if reason else spread,
        )
