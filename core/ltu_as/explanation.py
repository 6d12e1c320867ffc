"""What an utterance's kept logits show of how its reading came about: token by token, and by every read-out."""

from typing import get_args

import numpy as np

from core.distribution import EMOTIONS, EmotionDistribution
from core.ltu_as.readout import InvalidReading, Kind, readout
from core.ltu_as.steps import StepLogits
from core.ltu_as.verbalizer import WORDS, Verbalizer
from core.model import Explanation
from core.wire.events import TokenStep
from core.wire.values import Emotion

_DECIMALS = 4
"""Of a natural logarithm; more would only make messages longer."""


def explain(steps: StepLogits, *, written: bool) -> Explanation | None:
    """The explanation of one utterance, or None where a logit is not finite.

    Args:
        steps: The kept logits.
        written: Whether the model was asked for an answer; otherwise only the answer position counts, and the token
            chosen there is not told: it begins an answer that nobody has asked for.
    """
    if not (np.isfinite(steps.logits).all() and np.isfinite(steps.log_normalizer).all()):
        return None
    kinds: tuple[Kind, ...] = get_args(Kind)
    return Explanation(
        prompt=steps.prompt,
        answer=steps.text if written else None,
        steps=_token_steps(steps, written=written),
        readouts={kind: _readout(steps, kind) for kind in kinds},
    )


def _token_steps(steps: StepLogits, *, written: bool) -> tuple[TokenStep, ...]:
    tokens = [piece.replace("▁", " ") for piece in steps.token_pieces] if written else []
    inside = steps.emotion_tokens() if written else np.zeros(len(steps.logits), dtype=np.bool_)
    by_emotion = [
        steps.columns(ids).max(axis=1).astype(np.float64) - steps.log_normalizer
        for ids in _pieces(steps.verbalizer).values()
    ]
    return tuple(
        TokenStep(
            token=tokens[j] if tokens else "",
            emotion_word=bool(inside[j]),
            log_probabilities={
                emotion: round(float(column[j]), _DECIMALS) + 0.0
                for emotion, column in zip(get_args(Emotion), by_emotion, strict=True)
            },
        )
        for j in range(len(steps.logits))
    )


def _pieces(verbalizer: Verbalizer) -> dict[str, tuple[int, ...]]:
    """Emotion to the ids of all pieces of all its words, in both contexts, in the order of EMOTIONS."""
    return {
        emotion: tuple(sorted({i for word in WORDS[emotion] for ids in verbalizer.pieces[word].values() for i in ids}))
        for emotion in EMOTIONS
    }


def _readout(steps: StepLogits, kind: Kind) -> EmotionDistribution | None:
    try:
        return readout(steps, kind=kind)
    except InvalidReading:
        return None
