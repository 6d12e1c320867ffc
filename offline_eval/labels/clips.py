"""A labelled clip, and the rule that no speaker is on both sides of a split."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from core.distribution import EMOTIONS, EmotionDistribution
from core.errors import UsageError
from offline_eval.labels.spelling import unknown_labels

Split = Literal["train", "dev"]
SPLITS: tuple[Split, ...] = ("train", "dev")

UNLABELLED = "unlabelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """One recording of one speaker, whatever it expresses.

    Attributes:
        path: The sound file.
        clip_id: Unique within its corpus.
        corpus: Name of the corpus; scores and balancing are per corpus.
        speaker: Unique over all corpora, such as `ravdess_07`.
        split: `train`, or `dev` for early stopping and scores.
        language: ISO 639-1 code, where the corpus is of one language or states it.
        gender: Of the speaker: F, M or what the corpus states, if it does.
        words_tell: Whether the corpus has its words in this one emotion only, so that they give it away.
    """

    path: Path
    clip_id: str
    corpus: str
    speaker: str
    split: Split
    language: str | None = None
    gender: str | None = None
    words_tell: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip(Recording):
    """A recording that expresses the four emotions.

    Attributes:
        target: What the model should answer: all mass on one emotion for a single label, the shares of the listeners'
            votes where there are votes.
    """

    target: EmotionDistribution

    @property
    def emotion(self) -> str:
        """The most likely emotion of the target."""
        return self.target.dominant


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherClip(Recording):
    """A recording of something else than the four emotions.

    Attributes:
        label: Such as fear, disgust, surprise or boredom; spelled alike over all corpora. UNLABELLED, of speech that
            nobody was asked to colour.
    """

    label: str


def expressed(recording: Recording) -> str | None:
    """What is heard in it: the emotion of a clip, the label of another one."""
    if isinstance(recording, Clip):
        return recording.emotion
    return recording.label if isinstance(recording, OtherClip) else None


AnyRecording = TypeVar("AnyRecording", bound=Recording)


def one_hot(emotion: str) -> EmotionDistribution:
    """All probability on one of the four emotions."""
    return EmotionDistribution(*(float(emotion == e) for e in EMOTIONS))


def targets_of(clips: Sequence[Clip]) -> NDArray[np.float64]:
    """[N, 4] target distributions."""
    return np.array([list(clip.target) for clip in clips], dtype=np.float64).reshape(-1, len(EMOTIONS))


def in_split(clips: Iterable[AnyRecording], split: Split) -> list[AnyRecording]:
    """The clips of one split, in their order."""
    return [clip for clip in clips if clip.split == split]


_SAME_RECORDINGS = ("emodb", "emodb_full")
"""One is a degraded copy of the other."""


def require_distinct(clips: Iterable[Recording]) -> None:
    """Refuses recordings that are there twice.

    Raises:
        UsageError: Two clips of a corpus share an id, or a corpus is there beside a copy of it.
    """
    clips = tuple(clips)
    if {clip.corpus for clip in clips}.issuperset(_SAME_RECORDINGS):
        msg = f"{' and '.join(_SAME_RECORDINGS)} are the same recordings"
        raise UsageError(msg, hint=f"leave one out, such as --without {_SAME_RECORDINGS[0]}")
    require_distinct_ids((clip.corpus, clip.clip_id) for clip in clips)


def require_distinct_ids(ids: Iterable[tuple[str, str]]) -> None:
    """Refuses a recording, by corpus and id, that is there twice and would count twice.

    Raises:
        UsageError: Two are the same.
    """
    seen: set[tuple[str, str]] = set()
    for corpus, clip_id in ids:
        if (corpus, clip_id) in seen:
            msg = f"two clips of {corpus} have the id {clip_id}"
            hint = "was the same data, or a row, given twice? what several listeners heard goes into columns of votes"
            raise UsageError(msg, hint=hint)
        seen.add((corpus, clip_id))


def require_trainable(clips: Sequence[Clip], others: Sequence[OtherClip] = ()) -> None:
    """Refuses clips from which no honest score can come.

    Args:
        clips: What is trained and scored on.
        others: What else is heard in training; its speakers are held to the same split.

    Raises:
        UsageError: A speaker is in both splits, a split is empty, two clips share an id, or no training clip shows
            one of the four emotions.
    """
    everything: list[Recording] = [*clips, *others]
    unknown = unknown_labels((clip.label for clip in others), but=UNLABELLED)
    not_known = f"labels that are not known: {unknown}" if unknown else None
    speakers = {split: {clip.speaker for clip in in_split(everything, split)} for split in SPLITS}
    if both := sorted(speakers["train"] & speakers["dev"]):
        msg = f"{len(both)} speaker(s) are both in train and in dev, first {both[0]}"
        raise UsageError(msg, hint="put all clips of a speaker into one split; scores would flatter the model")
    for split in SPLITS:
        if not in_split(clips, split):
            msg = f"no clip of the four emotions is in split {split}"
            hint = "training needs train speakers, and other speakers as dev to stop and score on"
            raise UsageError(msg, hint=not_known or hint)
    require_distinct(everything)
    missing = sorted(set(EMOTIONS) - {clip.emotion for clip in in_split(clips, "train")})
    if missing:
        msg = f"no training clip shows {', '.join(missing)}"
        raise UsageError(msg, hint=not_known or "each of anger, happiness, sadness and neutral needs examples")
