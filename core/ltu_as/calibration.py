"""What a model folder's calibration.json says: how readings are corrected, and when there are none.

A reading p becomes q with log q = (log p - prior_strength * log p_content_free) / temperature + constant: what the
model says to silence and noise is what it says without hearing anything (contextual calibration, Zhao et al. 2021),
and the temperature undoes over- or under-confidence. A model that gets to know a voice and a room has two of them, for
a stream of which nothing was heard and for one that is wholly known; those of streams between lie between. All are
fitted by `emotion-eval calibrate`, on speakers that the
model was not trained on; or, without any labelled speech, the prior alone (`--content-free`).
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Literal, Self

import numpy as np
from annotated_types import Interval
from numpy.typing import ArrayLike, NDArray

from core.distribution import EmotionDistribution
from core.errors import ModelError
from core.json_file import read_json
from core.ltu_as.abstention import Abstention, Finite, Positive
from core.ltu_as.readout import Kind, Pool, Scope
from core.settings import Ensemble

CALIBRATION_NAME = "calibration.json"
FORMAT: Final = "emotion-monitor/calibration/1"

LEAST = 1e-10
"""Probabilities below count as this: a linear read-out's clipped zero is no certainty."""

Odds = Annotated[float, Interval(gt=0, le=100)]

_STRICT = {"extra": "forbid", "allow_inf_nan": False}
_FIT_AGAIN = "fit it again with `emotion-eval calibrate`, or remove the file"


def log_of(probabilities: ArrayLike) -> NDArray[np.float64]:
    """Natural logarithms, of LEAST where a probability is smaller."""
    logarithms: NDArray[np.float64] = np.log(np.maximum(np.asarray(probabilities, np.float64), LEAST))
    return logarithms


def corrected(
    log_probs: NDArray[np.float64], log_prior: ArrayLike, *, temperature: ArrayLike, prior_strength: float
) -> NDArray[np.float64]:
    """Corrected log-probabilities [..., 4] of log-probabilities [..., 4], given the content-free ones [4]."""
    scores = (log_probs - prior_strength * np.asarray(log_prior, np.float64)) / np.asarray(temperature)[..., None]
    scores = scores - scores.max(axis=-1, keepdims=True)
    normalised: NDArray[np.float64] = scores - np.log(np.exp(scores).sum(axis=-1, keepdims=True))
    return normalised


@dataclass(frozen=True, slots=True, kw_only=True)
class LogProbabilities:
    """Four finite log-probabilities, in the order of EMOTIONS."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    anger: Finite
    happiness: Finite
    sadness: Finite
    neutral: Finite

    def __iter__(self) -> Iterator[float]:
        return iter((self.anger, self.happiness, self.sadness, self.neutral))


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """A correction of readings.

    Attributes:
        temperature: Above 1 it evens out a reading, below 1 it sharpens it.
        adapted_temperature: The same for a stream that is wholly known, see `temperature_at`; None: `temperature`.
        prior: Log-probabilities read from content-free sound.
        prior_strength: How much of the prior is taken off, from 0 to 1.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    temperature: Positive
    prior: LogProbabilities
    prior_strength: Annotated[float, Interval(ge=0, le=1)]
    adapted_temperature: Positive | None = None

    def temperature_at(self, weight: ArrayLike) -> NDArray[np.float64]:
        """The temperature [...] of readings with such weights [...] of the anchor; see `core.anchor.Anchor.weight`."""
        known = self.temperature if self.adapted_temperature is None else self.adapted_temperature
        return self.temperature + (known - self.temperature) * np.asarray(weight, np.float64)

    def corrected(self, log_probs: NDArray[np.float64], weight: ArrayLike = 0.0) -> NDArray[np.float64]:
        """Corrected log-probabilities [..., 4], read with such weights [...] of the anchor."""
        return corrected(
            log_probs,
            tuple(self.prior),
            temperature=self.temperature_at(weight),
            prior_strength=self.prior_strength,
        )

    def apply(self, distribution: EmotionDistribution, weight: float = 0.0) -> EmotionDistribution:
        """The corrected reading, read with such a weight of the anchor."""
        return EmotionDistribution.from_log_weights(self.corrected(log_of(tuple(distribution)), weight).tolist())


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry(Correction):
    """The correction of one way of asking and reading."""

    prompt: str
    readout: Kind
    pool: Pool = "mean"
    scope: Scope = "all"
    ensemble: Ensemble = "off"

    @property
    def way(self) -> tuple[str, ...]:
        """Prompt, read-out, pool, scope and ensemble."""
        return self.prompt, self.readout, self.pool, self.scope, self.ensemble


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """A calibration.json.

    Attributes:
        model_sha256: The weights it was fitted for; see `folder_sha256`.
        fitted_on: Which speakers and how many clips, in a few words.
        labelled: Whether it was fitted on speech of which it is known what people heard. Otherwise it only takes off
            what the model says without hearing anything, and what it corrects is still uncalibrated.
        entries: Corrections; what has none is uncalibrated.
        abstention: When there is no reading; None: only when the model cannot take the sound.
        neutral_odds: How much likelier neutral speech is than each other emotion where the model is meant to listen,
            see `EmotionDistribution.expecting`; a choice, nothing that is fitted.

    Raises:
        ValueError: Two entries are for the same way of asking and reading.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    format: Literal["emotion-monitor/calibration/1"] = FORMAT
    model_sha256: str
    fitted_on: str
    labelled: bool = True
    entries: tuple[Entry, ...] = ()
    abstention: Abstention | None = None
    neutral_odds: Odds = 1.0

    def __post_init__(self) -> None:
        for way, times in Counter(entry.way for entry in self.entries).items():
            if times > 1:
                msg = f"{times} entries for {'/'.join(way)}"
                raise ValueError(msg)

    @classmethod
    def from_json(cls, path: Path) -> Self:
        """Reads and checks a calibration.json.

        Raises:
            ModelError: Not readable, no JSON, of another format, or a value does not fit; names the key.
        """
        from pydantic import TypeAdapter, ValidationError

        try:
            data = read_json(path)
        except (OSError, ValueError) as error:
            msg = f"{path}: not readable as JSON: {error}"
            raise ModelError(msg, hint=_FIT_AGAIN) from error
        if not isinstance(data, dict) or data.get("format") != FORMAT:
            msg = f"{path}: not a calibration (format {FORMAT!r} expected)"
            raise ModelError(msg, hint=_FIT_AGAIN)
        try:
            return TypeAdapter(cls).validate_python(data)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            msg = f"{path}: {where or 'calibration'}: {first['msg'].lower()}"
            raise ModelError(msg, hint=_FIT_AGAIN) from error

    def to_json(self, path: Path) -> None:
        """Writes the file that `from_json` reads; a reader never sees half of it."""
        partial = path.with_name(f"{path.name}.partial")
        partial.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")
        partial.replace(path)

    def entry(self, prompt: str, kind: str, pool: str, scope: str, ensemble: str = "off") -> Entry | None:
        """The correction of one way of asking and reading, if there is one."""
        way = prompt, kind, pool, scope, ensemble
        return next((entry for entry in self.entries if entry.way == way), None)


@dataclass(frozen=True, slots=True)
class LoadedCalibration:
    """A folder's calibration; `identifier` is 12 hex digits of its file's SHA-256."""

    calibration: Calibration
    identifier: str


def load_calibration(folder: Path, *, model_sha256: str, d_model: int) -> LoadedCalibration | None:
    """The calibration of a model folder, if it has one.

    Args:
        folder: The model folder.
        model_sha256: Of its weights; see `folder_sha256`.
        d_model: Of its encoder.

    Raises:
        ModelError: The file is broken, or was fitted for other weights.
    """
    path = folder / CALIBRATION_NAME
    if not path.exists():
        return None
    calibration = Calibration.from_json(path)
    if calibration.model_sha256 != model_sha256:
        msg = f"{path}: model_sha256: fitted for weights {calibration.model_sha256[:12]}, not {model_sha256[:12]}"
        raise ModelError(msg, hint=_FIT_AGAIN)
    outlier = calibration.abstention and calibration.abstention.outlier
    if outlier and len(outlier.mean) != d_model:
        msg = f"{path}: abstention.outlier.mean: {len(outlier.mean)} numbers, the model has {d_model}"
        raise ModelError(msg, hint=_FIT_AGAIN)
    return LoadedCalibration(calibration, hashlib.sha256(path.read_bytes()).hexdigest()[:12])
