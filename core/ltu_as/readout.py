"""How logits, or an answer's text, become a distribution over the four emotions.

After "Token-Level Logits Matter" (arXiv 2505.18484). For the K pieces of emotion word e at J generated tokens:

    (1)  z_j^e = 1/K sum_k z_{j,k}^e,    z^e = 1/J sum_j z_j^e
    (2)  phi^e = z^e / sum_n z^n

The linear kinds follow equation (2), which depends on the logits' zero point; the softmax kinds do not.
"""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from core.distribution import EMOTIONS, EmotionDistribution
from core.errors import EmotionMonitorError, UsageError
from core.ltu_as.steps import StepLogits
from core.ltu_as.verbalizer import EMOTION_OF, EMOTION_WORD

Kind = Literal[
    "seq_logprob", "paper_linear", "paper_linear_strict", "shifted_linear",
    "softmax_mean", "mean_softmax", "vocab_prob", "first_piece",
]  # fmt: skip
Pool = Literal["mean", "sum", "first"]
Scope = Literal["all", "emotion_tokens", "answer_position"]

NOT_FINITE = "not finite"
"""The reason of a model that is broken, not of a sound that says nothing."""

Floats = NDArray[np.float64]


class InvalidReading(EmotionMonitorError):  # noqa: N818 - a reading that says nothing is a result, not a fault
    """There is no valid distribution; `reason` says why in a few words."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def readout(steps: StepLogits, *, kind: Kind, pool: Pool = "mean", scope: Scope = "all") -> EmotionDistribution:
    """Reads the distribution out of an answer's logits.

    Kinds over the pieces of the canonical words, in the verbalizer's context:

    - `paper_linear`: equation (2) with negative z^e clipped to 0.
    - `paper_linear_strict`: equation (2) to the letter; a negative z^e makes the reading invalid.
    - `shifted_linear`: equation (2) over z - min, each step's smallest logit of the vocabulary.
    - `softmax_mean`: softmax of z^e.
    - `mean_softmax`: softmax of z_j^e at each step, averaged over the steps.
    - `vocab_prob`: the pieces' probabilities in the whole vocabulary, averaged over the steps, renormalised.

    Kinds over the words that the prompt offers, at the answer position; `scope` has nothing to choose there:

    - `seq_logprob`: softmax of the teacher-forced log-probability of each answer's pieces: their mean, so that
      answers of more pieces are not punished, or their sum, the log-probability of the answer itself.
    - `first_piece`: softmax of the logits of the first piece that tells an answer from the others. Where answers
      begin alike, the log-probabilities of the pieces up to there are added up, given those before them.

    Args:
        steps: The kept logits.
        kind: See above.
        pool: How the pieces of a word are joined. `sum` favours words of more pieces; `first` takes the first one.
        scope: The steps averaged over: all, those whose token is part of an emotion word, or step 0.

    Raises:
        InvalidReading: No valid distribution comes out.
        UsageError: The options do not fit each other.
    """
    check_options(kind, pool, scope)
    _require(is_finite(steps), NOT_FINITE)
    if kind in _ANSWER_KINDS:
        return EmotionDistribution.from_log_weights(_ANSWER_KINDS[kind](steps, pool))
    return _PIECE_KINDS[kind](_pieces(steps, pool, scope))


def check_options(kind: str, pool: str, scope: str) -> None:
    """Refuses a combination that `readout` cannot take, before any model is run.

    Raises:
        UsageError: An unknown name, or options that make no sense together.
    """
    known = {"readout": (kind, [*_PIECE_KINDS, *_ANSWER_KINDS]), "pool": (pool, _POOLS), "scope": (scope, _SCOPES)}
    for name, (value, choices) in known.items():
        if value not in choices:
            msg = f"unknown {name} {value!r}"
            raise UsageError(msg, hint=f"known: {', '.join(choices)}")
    if kind == "seq_logprob" and pool == "first":
        msg = "seq_logprob cannot pool the first piece only"
        raise UsageError(msg, hint="that is the read-out first_piece")
    if kind in _ANSWER_KINDS and scope == "emotion_tokens":
        msg = f"{kind} reads the answer position, not the emotion tokens of an answer"
        raise UsageError(msg, hint="leave scope at all")


def read_text(answer: str) -> EmotionDistribution:
    """Reads the distribution that an answer states: "Happiness: 0%, Neutral: 0%, Sadness: 35%, Anger: 65%".

    Any order, aliases (Angry, Happy, Sad), letter case, decimals; also "35% sadness". An emotion without a number
    counts as 0 and the rest is normalised. An answer without digits that names one emotion gives it everything.

    Raises:
        InvalidReading: Neither percentages nor a single emotion are found, or they make no distribution.
    """
    word_first = _WORD_NUMBER.findall(answer)
    number_first = [(word, number) for number, word in _NUMBER_WORD.findall(answer)]
    if len(word_first) == len(number_first):  # none, or unclear which number belongs to which word
        return _one_word(answer)
    pairs = max(word_first, number_first, key=len)
    shares = {EMOTION_OF[word.casefold()]: float(number.replace(",", ".")) for word, number in pairs}
    _require(len(shares) == len(pairs), "an emotion is given twice")
    weights = [shares.get(emotion, 0.0) for emotion in EMOTIONS]
    _require(min(weights) >= 0, "negative percentage")
    _require(any(weights), "all percentages are zero")
    _require(math.isfinite(sum(weights)), NOT_FINITE)
    return EmotionDistribution.from_weights(weights)


def _one_word(answer: str) -> EmotionDistribution:
    named = {EMOTION_OF[word.casefold()] for word in EMOTION_WORD.findall(answer)}
    _require(bool(named), "no emotion in the answer")
    _require(not re.search(r"\d", answer), "unclear percentages")
    _require(len(named) == 1, "several emotions, no percentages")
    return EmotionDistribution.from_weights([float(emotion in named) for emotion in EMOTIONS])


_NUMBER = r"(?<!\d)(?<!\d[.,])[-+]?\d+(?:[.,]\d+)?(?![.,]?\d|\s*[-–—/]\s*\d)"  # noqa: RUF001 - no ranges, no fractions
_WORD_NUMBER = re.compile(
    rf"({EMOTION_WORD.pattern})(?:[^\w,;%]|\b(?:is|at|about|around|approximately)\b)*?({_NUMBER})", re.IGNORECASE
)
_NUMBER_WORD = re.compile(rf"({_NUMBER})(?:%|[ ]*percent)?[ ]*(?:of[ ])?({EMOTION_WORD.pattern})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Pieces:
    """The scope's J logits of the K pieces of each word, and the vocabulary's logsumexp and minimum beside them."""

    logits: tuple[Floats, ...]
    log_normalizer: Floats
    minimum: Floats
    join: Callable[[Floats], Floats]

    def pooled(self, transform: Callable[[Floats], Floats] = lambda z: z) -> Floats:
        """[J, 4]: the transformed logits, pieces joined (equation 1, inner sum)."""
        return np.stack([self.join(transform(z)) for z in self.logits], axis=1)


def _pieces(steps: StepLogits, pool: str, scope: str) -> _Pieces:
    rows = _SCOPES[scope](steps)
    _require(bool(rows.any()), "no emotion token in the answer")
    taken = slice(1) if pool == "first" else slice(None)
    return _Pieces(
        tuple(steps.columns(ids[taken])[rows].astype(np.float64) for ids in steps.verbalizer.canonical),
        steps.log_normalizer[rows, None].astype(np.float64),
        steps.minimum[rows, None].astype(np.float64),
        _POOLS[pool],
    )


def is_finite(steps: StepLogits) -> bool:
    """Whether every number is: one that is not is enough, since a model that gives it cannot be trusted elsewhere."""
    kept = (steps.logits, steps.log_normalizer, steps.minimum, *steps.answer_logprobs)
    return all(bool(np.isfinite(values).all()) for values in kept)


def _require(fulfilled: bool, reason: str) -> None:  # noqa: FBT001 - reads as a sentence
    if not fulfilled:
        raise InvalidReading(reason)


def _linear(weights: Floats) -> EmotionDistribution:
    _require(weights.sum() > 0, "no positive logit")
    return EmotionDistribution.from_weights(weights.tolist())


def _paper_linear(pieces: _Pieces) -> EmotionDistribution:
    return _linear(pieces.pooled().mean(axis=0).clip(min=0))


def _paper_linear_strict(pieces: _Pieces) -> EmotionDistribution:
    weights = pieces.pooled().mean(axis=0)
    _require(weights.min() >= 0, "negative logit")
    return _linear(weights)


def _shifted_linear(pieces: _Pieces) -> EmotionDistribution:
    return _linear(pieces.pooled(lambda z: (z - pieces.minimum).clip(min=0)).mean(axis=0))


def _softmax_mean(pieces: _Pieces) -> EmotionDistribution:
    return EmotionDistribution.from_log_weights(pieces.pooled().mean(axis=0).tolist())


def _mean_softmax(pieces: _Pieces) -> EmotionDistribution:
    logits = pieces.pooled()
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    return EmotionDistribution.from_weights((weights / weights.sum(axis=1, keepdims=True)).mean(axis=0).tolist())


def _vocab_prob(pieces: _Pieces) -> EmotionDistribution:
    # Relative to the likeliest piece, so that the tiny masses of four words cannot all underflow.
    top = max((z - pieces.log_normalizer).max() for z in pieces.logits)
    weights = pieces.pooled(lambda z: np.exp(z - pieces.log_normalizer - top)).mean(axis=0)
    return EmotionDistribution.from_weights(weights.tolist())


def _seq_logprob(steps: StepLogits, pool: str) -> list[float]:
    _require(bool(steps.answer_logprobs), "the answers were not run")
    join = np.sum if pool == "sum" else np.mean
    return [float(join(logprobs, dtype=np.float64)) for logprobs in steps.answer_logprobs]


def _first_piece(steps: StepLogits, _: str) -> list[float]:
    answers = list(steps.verbalizer.answers(steps.prompt).values())
    weights = steps.columns(tuple(ids[0] for ids in answers))[0].astype(np.float64)
    shared = [_shared(answers, n) for n in range(len(answers))]
    if any(shared):
        _require(bool(steps.answer_logprobs), "the answers begin alike and were not run")
        weights += [logprobs[1 : n + 1].sum() for n, logprobs in zip(shared, steps.answer_logprobs, strict=True)]
    return [float(weight) for weight in weights]


def _shared(answers: Sequence[tuple[int, ...]], n: int) -> int:
    """How many leading pieces answer `n` has in common with another one."""
    others = [answer for i, answer in enumerate(answers) if i != n]
    return sum(any(o[:k] == answers[n][:k] for o in others) for k in range(1, len(answers[n]) + 1))


_PIECE_KINDS: dict[str, Callable[[_Pieces], EmotionDistribution]] = {
    "paper_linear": _paper_linear,
    "paper_linear_strict": _paper_linear_strict,
    "shifted_linear": _shifted_linear,
    "softmax_mean": _softmax_mean,
    "mean_softmax": _mean_softmax,
    "vocab_prob": _vocab_prob,
}
_ANSWER_KINDS: dict[str, Callable[[StepLogits, str], list[float]]] = {
    "seq_logprob": _seq_logprob,
    "first_piece": _first_piece,
}
_POOLS: dict[str, Callable[[Floats], Floats]] = {
    "mean": lambda z: z.mean(axis=-1),
    "sum": lambda z: z.sum(axis=-1),
    "first": lambda z: z[..., 0],
}
_SCOPES: dict[str, Callable[[StepLogits], NDArray[np.bool_]]] = {
    "all": lambda steps: np.ones(len(steps.logits), dtype=np.bool_),
    "emotion_tokens": StepLogits.emotion_tokens,
    "answer_position": lambda steps: np.arange(len(steps.logits)) == 0,
}
