"""What a stream may have been heard as before, drawn anew for each training example.

A model that gets to know voices and rooms is to read well before it has heard anything, after a few utterances and
after many. So what is taken off the features of an example, as an anchor would be, differs each time it is drawn.
"""

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import astuple, dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from core.distribution import EMOTIONS

UNKNOWN = -1
"""The emotion of speech without a label, which is taken for neutral."""

_NEUTRAL = EMOTIONS.index("neutral")
_MOST_UTTERANCES = 40
_MOSTLY_NEUTRAL = np.where(np.arange(len(EMOTIONS)) == _NEUTRAL, 7.0, 1.0)
_MISTAKEN = 0.1

Vectors = NDArray[np.float16]
Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchors:
    """How often an example is heard with each kind of anchor, in any unit.

    Attributes:
        missing: Nothing was heard before.
        corpus: The neutral speech of the example's corpus.
        few: 1 to 40 other recordings of the same voice in the same channel, half the time mostly neutral ones, else of
            any mix of emotions, weighted as by a model that is often but not always right about what is neutral.
        own: All other neutral speech of the same voice in the same channel; the corpus's where there is none.
        moved: The same, and part of another voice's offset is put on: so offsets come to say nothing.
        pseudo_utterances: See `core.ltu_as.config.AnchorConfig`; what `few` are held back by.
    """

    missing: float = 0.3
    corpus: float = 0.1
    few: float = 0.3
    own: float = 0.1
    moved: float = 0.2
    pseudo_utterances: float = 3.0

    def __post_init__(self) -> None:
        if min(astuple(self)) < 0 or sum(self.shares) <= 0 or self.pseudo_utterances == 0:
            msg = "shares of anchors are not negative and not all zero, and pseudo_utterances is above zero"
            raise ValueError(msg)

    @property
    def shares(self) -> tuple[float, ...]:
        """Of missing, corpus, few, own, moved."""
        return self.missing, self.corpus, self.few, self.own, self.moved


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Voices:
    """Who speaks in each example, and how.

    Attributes:
        corpora: Of each example.
        speakers: The same.
        emotions: Index in EMOTIONS, or UNKNOWN.
        channels: For each variant, the voice and the channel of each example: recordings of one are of one stream.
    """

    corpora: Sequence[str]
    speakers: Sequence[str]
    emotions: NDArray[np.int64]
    channels: Sequence[Sequence[Hashable]]


class Shifts:
    """Draws what is taken off the features of training examples.

    Args:
        anchors: How often what.
        variants: Means over each example, float16 [N, K], in each variant; the first is the recordings as they are.
        voices: Of the examples.
        mean: What anchors are told apart from, [K]; None: the neutral speech of the corpora, each alike, and in it the
            speakers alike.
    """

    def __init__(
        self,
        anchors: Anchors,
        variants: Sequence[Vectors],
        voices: Voices,
        mean: NDArray[np.float32] | None = None,
    ) -> None:
        self._anchors = anchors
        self._shares = np.array(anchors.shares) / sum(anchors.shares)
        self._variants = variants
        self._emotions = np.where(voices.emotions == UNKNOWN, _NEUTRAL, voices.emotions)
        self._corpora = voices.corpora
        self._channels = voices.channels
        of_corpus = _corpus_means(variants[0], voices)
        of_emotion = zip(voices.corpora, voices.emotions.tolist(), strict=True)
        labelled = {corpus for corpus, emotion in of_emotion if emotion == _NEUTRAL} or set(of_corpus)
        self.mean = np.mean([of_corpus[name] for name in sorted(labelled)], axis=0) if mean is None else mean
        """What is taken for neutral speech of nobody in particular: float32 [K]."""
        self._of_corpus = {corpus: value - self.mean for corpus, value in of_corpus.items()}
        neutral = np.flatnonzero(voices.emotions == _NEUTRAL)
        self._rows = [_grouped(keys, range(len(keys))) for keys in voices.channels]
        self._own = [
            {key: value - self.mean for key, value in _means(vectors, keys, neutral).items()}
            for vectors, keys in zip(variants, voices.channels, strict=True)
        ]
        self._neutral = [Counter(keys[row] for row in neutral.tolist()) for keys in voices.channels]

    def draw(self, row: int, variant: int, rng: np.random.Generator) -> NDArray[np.float32]:
        """What is taken off one example this time: float32 [K]."""
        kind = ("missing", "corpus", "few", "own", "moved")[rng.choice(len(self._shares), p=self._shares)]
        if kind == "few":
            return self._few(row, variant, rng)
        nothing = np.zeros_like(self.mean)
        if kind == "missing":
            return nothing
        corpus = self._of_corpus.get(self._corpora[row], nothing)
        if kind == "corpus":
            return corpus
        own = self._of_voice(row, variant, corpus)
        others = list(self._own[variant].values())
        if kind == "own" or not others:
            return own
        return own - np.float32(rng.uniform()) * others[rng.integers(len(others))]

    def _of_voice(self, row: int, variant: int, otherwise: NDArray[np.float32]) -> NDArray[np.float32]:
        """The offset of an example's voice, without the example itself: it would be taken off to nothing."""
        key = self._channels[variant][row]
        number = self._neutral[variant][key]
        if self._emotions[row] != _NEUTRAL or not number:
            return self._own[variant].get(key, otherwise)
        if number == 1:
            return otherwise
        itself = self._variants[variant][row].astype(np.float32) - self.mean
        others: NDArray[np.float32] = np.float32(number) * self._own[variant][key] - itself
        return others / np.float32(number - 1)

    def _few(self, row: int, variant: int, rng: np.random.Generator) -> NDArray[np.float32]:
        """What an anchor is after some utterances, never of the example itself."""
        rows = self._rows[variant][self._channels[variant][row]]
        rows = rows[rows != row]
        if not len(rows):
            return np.zeros_like(self.mean)
        number = round(np.exp(rng.uniform(0, np.log(_MOST_UTTERANCES))))
        mostly_neutral = rng.random() < 0.5  # noqa: PLR2004
        likely = _MOSTLY_NEUTRAL if mostly_neutral else rng.dirichlet(np.ones(len(EMOTIONS))) + 0.01
        emotions = self._emotions[rows]
        chances = likely[emotions] / np.bincount(emotions, minlength=len(EMOTIONS))[emotions]
        chosen = rng.choice(rows, size=min(number, len(rows)), p=chances / chances.sum())
        weights = _heard_as_neutral(self._emotions[chosen], rng) ** 2
        mass = weights.sum()
        mean = weights.astype(np.float32) @ self._variants[variant][chosen].astype(np.float32) / np.float32(mass)
        shift: NDArray[np.float32] = np.float32(mass / (mass + self._anchors.pseudo_utterances)) * (mean - self.mean)
        return shift


def _heard_as_neutral(emotions: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.float64]:
    """What a model might read: p(neutral), high for neutral speech and low for other, and now and then mistaken."""
    number = len(emotions)
    right = np.where(emotions == _NEUTRAL, rng.beta(4, 2, number), rng.beta(1.2, 6, number))
    return np.maximum(np.where(rng.random(number) < _MISTAKEN, 1 - right, right), 1e-6)


def _corpus_means(vectors: Vectors, voices: Voices) -> dict[str, NDArray[np.float32]]:
    """What neutral speech of each corpus sounds like, its speakers alike; unlabelled speech is taken for neutral."""
    neutral = np.flatnonzero(np.isin(voices.emotions, (_NEUTRAL, UNKNOWN)))
    speakers = _means(vectors, list(zip(voices.corpora, voices.speakers, strict=True)), neutral)
    corpora = sorted({corpus for corpus, _ in speakers})
    return {corpus: np.mean([value for key, value in speakers.items() if key[0] == corpus], 0) for corpus in corpora}


def _means(vectors: Vectors, keys: Sequence[Key], rows: Iterable[int]) -> dict[Key, NDArray[np.float32]]:
    return {key: vectors[chosen].astype(np.float32).mean(0) for key, chosen in _grouped(keys, rows).items()}


def _grouped(keys: Sequence[Key], rows: Iterable[int]) -> dict[Key, NDArray[np.int64]]:
    groups: dict[Key, list[int]] = {}
    for row in rows:
        groups.setdefault(keys[row], []).append(row)
    return {key: np.array(members) for key, members in groups.items()}
