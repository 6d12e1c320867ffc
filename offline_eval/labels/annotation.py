"""What people said that they heard in a recording, rater by rater, before any rule turns it into a distribution."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

from offline_eval.labels.clips import UNLABELLED
from offline_eval.labels.spelling import unknown_labels
from offline_eval.labels.splits import find_speakers


@dataclass(frozen=True, slots=True)
class Rating:
    """What one rater said of one utterance.

    Attributes:
        rater: Who, such as `E2`; a name only within the corpus.
        labels: One or more, spelled as `offline_eval.labels.spelling.normalised` does.
        weights: Of the labels, where a source gives shares in place of votes; None: each label counts alike.
        self_report: Whether the speaker rates the own recording.
    """

    rater: str
    labels: tuple[str, ...]
    weights: tuple[float, ...] | None = None
    self_report: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnotatedUtterance:
    """One utterance of an evaluation corpus.

    Attributes:
        utterance_id: Unique within its corpus.
        corpus: Name of the corpus.
        path: The sound file; None where only the annotation is at hand.
        speaker: Unique over all corpora.
        ratings: In the order in which the source states them.
        dialogue: Unique over all corpora: what a cluster bootstrap draws, where there are dialogues.
        session: As the corpus counts.
        consensus: The corpus's own label, normalised; None where it states none, or no agreement.
        transcript: What was said.
        language: ISO 639-1 code.
        gender: Of the speaker, as stated.
    """

    utterance_id: str
    corpus: str
    path: Path | None
    speaker: str
    ratings: tuple[Rating, ...]
    dialogue: str | None = None
    session: str | None = None
    consensus: str | None = None
    transcript: str | None = None
    language: str | None = None
    gender: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnotatedCorpus:
    """What a reader found.

    Attributes:
        utterances: Sorted by id.
        skipped: Number of recordings, lines or files that are no utterance, by reason.
        licences: Corpus to the licence it states.
        notes: What else was decided on the way, in a line each.
    """

    utterances: tuple[AnnotatedUtterance, ...]
    skipped: Mapping[str, int] = field(default_factory=Counter)
    licences: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def lines(self) -> Iterator[str]:
        """For people: the notes, labels that mean nothing here, and what was left out in reading."""
        yield from self.notes
        labels = (label for one in self.utterances for rating in one.ratings for label in rating.labels)
        if unknown := unknown_labels(labels, but=UNLABELLED):
            yield f"labels that are not known, and so none of the four: {unknown}"
        if self.skipped:
            yield f"left out in reading: {', '.join(f'{why} {n:,}' for why, n in sorted(self.skipped.items()))}"

    def of_speakers(self, names: Iterable[str]) -> Self:
        """The same with these speakers' utterances only, such as those that a model has not learned from.

        Args:
            names: See `find_speakers`.

        Raises:
            UsageError: A name fits no speaker, or several.
        """
        corpora: dict[str, set[str]] = {}
        for utterance in self.utterances:
            corpora.setdefault(utterance.corpus, set()).add(utterance.speaker)
        speakers = find_speakers(names, corpora)
        note = f"only the speakers {', '.join(sorted(speakers))}"
        kept = tuple(utterance for utterance in self.utterances if utterance.speaker in speakers)
        return replace(self, utterances=kept, notes=(*self.notes, note))
