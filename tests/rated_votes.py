"""Rated utterances of invented votes, for tests."""

import itertools
from collections.abc import Sequence

import numpy as np
from scipy.optimize import minimize
from scipy.special import entr

from core.distribution import EMOTIONS, EmotionDistribution
from offline_eval.labels.annotation import AnnotatedUtterance
from offline_eval.labels.rated import Agreement, RatedUtterance

UTTERANCES, UNANIMOUS, TIES = 4_420, 2_351, 300
SHARES = {"anger": 0.109, "happiness": 0.458, "sadness": 0.159, "neutral": 0.274}
MEAN_ENTROPY_NATS = 0.311
_MIXES = {(2, 1): 1.0, (1, 1): 0.2, (1, 1, 1): 0.2, (3, 1): 0.5, (2, 1, 1): 0.3}
_TO_NEUTRAL = 10
"""How much likelier a mix with neutral is than one without: people are torn between an emotion and none."""


def rated_utterance(
    votes: Sequence[int], *, name: str = "u", cluster: str = "d", session: str | None = None
) -> RatedUtterance:
    """An utterance with so many votes, of a rater each, for each of EMOTIONS."""
    most, total = max(votes), sum(votes)
    tied = tuple(votes).count(most) > 1
    agreement: Agreement = (
        "unanimous" if most == total else "tie" if tied else "majority" if 2 * most > total else "plurality"
    )
    return RatedUtterance(
        utterance=AnnotatedUtterance(
            utterance_id=name,
            corpus="invented",
            path=None,
            speaker=f"{cluster}s",
            ratings=(),
            dialogue=cluster,
            session=session,
        ),
        human=EmotionDistribution.from_weights(votes),
        votes=tuple(tuple(row) for row in np.repeat(np.eye(len(EMOTIONS)), votes, axis=0).tolist()),
        hard_label=None if tied else EMOTIONS[int(np.argmax(votes))],
        agreement=agreement,
    )


def random_rated(seed: int, number: int = 60, clusters: int = 6) -> list[RatedUtterance]:
    """Utterances of two to five votes in named clusters, two to a session."""
    generator = np.random.default_rng(seed)
    found = []
    for at in range(number):
        votes = generator.multinomial(generator.integers(2, 6), generator.dirichlet(np.ones(4)))
        cluster = int(generator.integers(clusters))
        found.append(
            rated_utterance(votes.tolist(), name=f"u{at}", cluster=f"d{cluster}", session=f"{cluster // 2 + 1}")
        )
    return found


def described_votes() -> list[tuple[int, ...]]:
    """The likeliest votes with what is published of IEMOCAP's four-emotion utterances.

    That is their number, SHARES, UNANIMOUS and TIES, and the mean entropy. An utterance is taken to be heard alike by
    all, or by each independently but for _TO_NEUTRAL; this is tilted (maximum entropy) until it meets all of these.
    """
    kinds = sorted({votes for pattern in [(3,), *_MIXES] for votes in _placed(pattern)})
    counts = np.array(kinds, dtype=float)
    human = counts / counts.sum(1, keepdims=True)
    top = human.max(1)
    unanimous, tied = top == 1, (human == top[:, None]).sum(1) > 1
    base = np.prod(np.array(list(SHARES.values())) ** np.where(unanimous[:, None], human, counts), axis=1)
    base *= [_MIXES.get(tuple(sorted((n for n in kind if n), reverse=True)), 1.0) for kind in kinds]
    base *= np.where((counts[:, 3] > 0) & ~unanimous, _TO_NEUTRAL, 1)
    facts = np.array([*human.T, unanimous, tied, entr(human).sum(1)])
    known = np.array([*SHARES.values(), UNANIMOUS / UTTERANCES, TIES / UTTERANCES, MEAN_ENTROPY_NATS])

    def dual(tilt: np.ndarray) -> tuple[float, np.ndarray]:
        weights = base * np.exp(facts.T @ tilt)
        return weights.sum() - known @ tilt, facts @ weights - known

    weights = base * np.exp(facts.T @ minimize(dual, np.zeros(len(known)), jac=True, options={"gtol": 1e-9}).x)
    numbers = np.zeros(len(kinds), dtype=int)
    rest = ~unanimous & ~tied
    for group, size in ((unanimous, UNANIMOUS), (tied, TIES), (rest, UTTERANCES - UNANIMOUS - TIES)):
        numbers[group] = _whole(weights[group], size)
    return [kind for kind, number in zip(kinds, numbers, strict=True) for _ in range(number)]


def _placed(pattern: tuple[int, ...]) -> set[tuple[int, ...]]:
    padded = pattern + (0,) * (len(EMOTIONS) - len(pattern))
    return set(itertools.permutations(padded))


def _whole(weights: np.ndarray, total: int) -> np.ndarray:
    """Whole numbers in proportion to weights, of the given total (largest remainders)."""
    exact = weights / weights.sum() * total
    numbers = np.floor(exact).astype(int)
    numbers[np.argsort(numbers - exact)[: total - numbers.sum()]] += 1
    return numbers
