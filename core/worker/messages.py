"""Values that cross the pipe: waveforms and anchors one way, readings and errors the other."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.anchor import Anchor, Heard
from core.distribution import EmotionDistribution
from core.errors import EmotionMonitorError, ModelError, UsageError
from core.model import Explanation, Reading
from core.wire.events import Adaptation, TokenStep
from core.worker.pipe import FrameError

Waveform = NDArray[np.int16]


def waveforms_to_payload(waveforms: Sequence[Waveform]) -> tuple[list[int], bytes]:
    """Length of each waveform in samples, and all samples as little-endian int16.

    Raises:
        ValueError: A waveform is not one-dimensional int16.
    """
    for waveform in waveforms:
        if waveform.dtype != np.int16 or waveform.ndim != 1:
            msg = f"a waveform must be one-dimensional int16, not {waveform.ndim}-dimensional {waveform.dtype}"
            raise ValueError(msg)
    return [len(w) for w in waveforms], b"".join(w.astype("<i2", copy=False).tobytes() for w in waveforms)


def waveforms_from_payload(lengths: Sequence[int], payload: bytearray) -> list[Waveform]:
    """The waveforms again, as writable views of the payload.

    Raises:
        FrameError: The lengths do not add up to the payload.
    """
    if any(n < 0 for n in lengths) or 2 * sum(lengths) != len(payload):
        msg = f"{len(payload)} bytes of sound for waveforms of {sum(lengths)} samples"
        raise FrameError(msg)
    samples = np.frombuffer(payload, dtype="<i2").astype(np.int16, copy=False)
    return np.split(samples, np.cumsum(lengths)[:-1]) if lengths else []


def anchor_to_json(anchor: Anchor | None) -> dict[str, Any] | None:
    """An anchor as plain JSON values."""
    return None if anchor is None else asdict(anchor) | {"mean": _packed(anchor.mean)}


def anchor_from_json(values: Mapping[str, Any] | None) -> Anchor | None:
    """The anchor again."""
    return None if values is None else Anchor(**dict(values) | {"mean": _unpacked(values["mean"])})


def reading_to_json(reading: Reading) -> dict[str, Any]:
    """A reading as plain JSON values; distributions are lists in the order of EMOTIONS."""
    distribution, explanation = reading.distribution, reading.explanation
    plain = asdict(replace(reading, distribution=None, explanation=None, model=None, heard=None))
    del plain["model"]  # the other side knows whom it has asked
    return plain | {
        "distribution": None if distribution is None else list(distribution),
        "explanation": None if explanation is None else _explanation_to_json(explanation),
        "heard": reading.heard and {"encoder": reading.heard.encoder, "features": _packed(reading.heard.features)},
    }


def _packed(values: NDArray[np.float32]) -> str:
    return base64.b64encode(values.astype("<f4", copy=False).tobytes()).decode("ascii")


def _unpacked(text: str) -> NDArray[np.float32]:
    return np.frombuffer(base64.b64decode(text), dtype="<f4").astype(np.float32, copy=False)


def _explanation_to_json(explanation: Explanation) -> dict[str, Any]:
    readouts = {kind: None if heard is None else list(heard) for kind, heard in explanation.readouts.items()}
    return {
        "prompt": explanation.prompt,
        "answer": explanation.answer,
        "steps": [asdict(step) for step in explanation.steps],
        "readouts": readouts,
    }


def reading_from_json(values: Mapping[str, Any]) -> Reading:
    """The reading again; probabilities that are no distribution, NaN for one, become a reading without one."""
    fields = dict(values)
    probabilities, explanation = fields.pop("distribution"), fields.pop("explanation")
    heard, adaptation = fields.pop("heard"), fields.pop("adaptation")
    fields["heard"] = heard and Heard(heard["encoder"], _unpacked(heard["features"]))
    fields["adaptation"] = adaptation and Adaptation(**adaptation)
    try:
        fields["explanation"] = None if explanation is None else _explanation_from_json(explanation)
        distribution = None if probabilities is None else EmotionDistribution(*probabilities)
    except (TypeError, ValueError) as error:
        return Reading(distribution=None, **(fields | {"reason": f"no valid distribution: {error}", "failed": True}))
    return Reading(distribution=distribution, **fields)


def _explanation_from_json(values: Mapping[str, Any]) -> Explanation:
    readouts = values["readouts"]
    return Explanation(
        prompt=values["prompt"],
        answer=values["answer"],
        steps=tuple(TokenStep(**step) for step in values["steps"]),
        readouts={kind: None if heard is None else EmotionDistribution(*heard) for kind, heard in readouts.items()},
    )


def error_to_json(error: EmotionMonitorError) -> dict[str, Any]:
    """What a user needs of an error."""
    return {"type": type(error).__name__, "message": str(error), "hint": error.hint}


def error_from_json(values: Mapping[str, Any]) -> EmotionMonitorError:
    """The error again; kinds that only the inference process knows become ModelError."""
    kind = UsageError if values["type"] == UsageError.__name__ else ModelError
    return kind(values["message"], hint=values["hint"])
