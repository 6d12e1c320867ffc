"""A distribution over the four emotions, and the measures that compare two of them."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Self, final

EMOTIONS = ("anger", "happiness", "sadness", "neutral")
"""The four classes, in the order used everywhere: arrays, tables, wire events."""

SUM_TOLERANCE = 1e-6
MIXED_MARGIN = 0.15
"""Emotions closer than this to the most likely one are named together, as mixed."""
UNCLEAR_ENTROPY = 0.95
"""From this normalised entropy on, nothing in particular is heard."""


@final
@dataclass(frozen=True, slots=True)
class EmotionDistribution:
    """How likely each emotion is to be heard; the four probabilities sum to 1.

    Raises:
        ValueError: A probability is not between 0 and 1, or the sum is off by more than 1e-6.
    """

    anger: float
    happiness: float
    sadness: float
    neutral: float

    def __post_init__(self) -> None:
        if not all(0 <= p <= 1 + SUM_TOLERANCE for p in self):
            msg = f"probabilities must lie between 0 and 1: {tuple(self)}"
            raise ValueError(msg)
        if abs(math.fsum(self) - 1) > SUM_TOLERANCE:
            msg = f"probabilities must sum to 1, not {math.fsum(self)}"
            raise ValueError(msg)

    @classmethod
    def from_weights(cls, weights: Sequence[float]) -> Self:
        """Normalises four weights (any positive scale, order of EMOTIONS)."""
        if len(weights) != len(EMOTIONS):
            msg = f"expected {len(EMOTIONS)} weights, got {len(weights)}"
            raise ValueError(msg)
        total = math.fsum(weights)
        if not math.isfinite(total) or total <= 0:
            msg = f"weights must have a positive finite sum, not {total}"
            raise ValueError(msg)
        return cls(*(float(w) / total for w in weights))

    @classmethod
    def from_log_weights(cls, log_weights: Sequence[float]) -> Self:
        """Softmax of four finite log-weights (order of EMOTIONS)."""
        if not all(math.isfinite(w) for w in log_weights):
            msg = f"log-weights must be finite: {tuple(log_weights)}"
            raise ValueError(msg)
        top = max(log_weights)
        return cls.from_weights([math.exp(w - top) for w in log_weights])

    @classmethod
    def uniform(cls) -> Self:
        """The distribution that says nothing."""
        return cls(*([1 / len(EMOTIONS)] * len(EMOTIONS)))

    def expecting(self, neutral_odds: float) -> Self:
        """The same reading where neutral is so much likelier than each other emotion, before anything is heard.

        A reading made for emotions that come alike, moved to another prior (Saerens et al. 2002).
        """
        if neutral_odds == 1:
            return self
        return type(self).from_weights([self.anger, self.happiness, self.sadness, self.neutral * neutral_odds])

    def __iter__(self) -> Iterator[float]:
        return iter((self.anger, self.happiness, self.sadness, self.neutral))

    def as_dict(self) -> dict[str, float]:
        """Emotion name to probability, in the order of EMOTIONS."""
        return dict(zip(EMOTIONS, self, strict=True))

    @property
    def ranked(self) -> list[tuple[str, float]]:
        """(emotion, probability), most likely first; ties keep the order of EMOTIONS."""
        return sorted(self.as_dict().items(), key=lambda item: -item[1])

    @property
    def dominant(self) -> str:
        """The most likely emotion."""
        return self.ranked[0][0]

    @property
    def margin(self) -> float:
        """Probability of the most likely emotion minus that of the second."""
        (_, first), (_, second), *_ = self.ranked
        return first - second

    @property
    def entropy(self) -> float:
        """Entropy divided by ln 4: 0 is certain, 1 is uniform."""
        nats = -math.fsum(p * math.log(p) for p in self if p > 0)
        return min(max(0.0, nats / math.log(len(EMOTIONS))), 1.0)  # in this order -0.0 becomes 0.0


def kl_divergence(p: Iterable[float], q: Iterable[float], *, epsilon: float = 1e-10) -> float:
    """KL(p || q) in nats, with q smoothed by epsilon and renormalised."""
    p, q = tuple(p), tuple(q)
    total = math.fsum(q) + epsilon * len(q)
    terms = (pi * math.log(pi * total / (qi + epsilon)) for pi, qi in zip(p, q, strict=True) if pi > 0)
    return math.fsum(terms)


def js_divergence(p: Iterable[float], q: Iterable[float]) -> float:
    """Jensen-Shannon divergence in nats: 0 for equal distributions, at most ln 2."""
    p, q = tuple(p), tuple(q)
    mid = [(pi + qi) / 2 for pi, qi in zip(p, q, strict=True)]
    halves = (_kl_to_mid(p, mid), _kl_to_mid(q, mid))
    return max(math.fsum(halves) / 2, 0.0)


def _kl_to_mid(p: Sequence[float], mid: Sequence[float]) -> float:
    return math.fsum(pi * math.log(pi / mi) for pi, mi in zip(p, mid, strict=True) if pi > 0 < mi)
