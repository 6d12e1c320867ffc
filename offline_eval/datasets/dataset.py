"""What every adapter gives: clips with targets, what was left out and why, and who is held out."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Protocol, Self

from core.distribution import EMOTIONS
from offline_eval.labels.clips import SPLITS, UNLABELLED, AnyRecording, Clip, OtherClip, Recording, Split, in_split
from offline_eval.labels.spelling import unknown_labels
from offline_eval.labels.splits import dev_speakers, find_speakers
from offline_eval.labels.votes import Votes

_NAMED_SPEAKERS = 8
"""A summary names the speakers of a side if there are no more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """What an adapter found.

    Attributes:
        clips: Clips of the four emotions.
        skipped: Number of recordings that are not among `clips`, by label or by the reason.
        licences: Corpus to the licence that it, or its rows, state.
        others: Those of the skipped recordings that express something else, with their label.
        votes_left_out: Votes for anything but the four emotions that the targets of `clips` do not hold, by label.
        notes: What else was decided on the way, in a line each.
    """

    clips: tuple[Clip, ...]
    skipped: Mapping[str, int]
    licences: Mapping[str, str]
    others: tuple[OtherClip, ...] = ()
    votes_left_out: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def with_dev(self, speakers: frozenset[str]) -> Self:
        """The same with exactly these speakers in dev."""
        return replace(self, clips=_resplit(self.clips, speakers), others=_resplit(self.others, speakers))

    def without(self, corpora: frozenset[str]) -> Self:
        """The same without some corpora."""
        licences = {corpus: licence for corpus, licence in self.licences.items() if corpus not in corpora}
        gone = Counter(clip.label for clip in self.others if clip.corpus in corpora)
        return replace(
            self,
            clips=tuple(clip for clip in self.clips if clip.corpus not in corpora),
            others=tuple(clip for clip in self.others if clip.corpus not in corpora),
            licences=licences,
            skipped=Counter(self.skipped) - gone,
        )

    def summary(self) -> Iterator[str]:
        """Lines for people: what is there, who is held out, and all that was left out."""
        for corpus in sorted({clip.corpus for clip in self.clips}):
            sides = {split: [c for c in in_split(self.clips, split) if c.corpus == corpus] for split in SPLITS}
            counts = [f"{split} {len(side)} clips of {_speakers(side)}" for split, side in sides.items()]
            yield f"{corpus}: {', '.join(counts)}"
        if self.skipped:
            yield f"left out: {_listed(self.skipped)}"
        if unknown := unknown_labels((clip.label for clip in self.others), but=UNLABELLED):
            yield f"labels that are not known, and so none of the four: {unknown}"
        if self.votes_left_out:
            yield f"votes left out: {_listed(self.votes_left_out)}"
        yield from self.notes


class DatasetAdapter(Protocol):
    """Knows the layout of one kind of data folder."""

    def find(self) -> "Found":
        """Reads names and tables (no sound).

        Raises:
            UsageError: A table or a sound file is missing, or a row is not understood.
        """

    def load(self) -> Dataset:
        """What was found, with targets and a split; raises as `find`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One sound file as its corpus describes it, before it is known whether it becomes a clip.

    Attributes are those of `Recording`, and:
        heard: The label, or the listeners' votes.
        split: None where the corpus states none.
        licence: As stated.
        transcript: What was said, where the corpus tells.
    """

    path: Path
    clip_id: str
    corpus: str
    speaker: str
    heard: Votes
    split: Split | None = None
    language: str | None = None
    gender: str | None = None
    licence: str = "not stated"
    transcript: str | None = None
    words_tell: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What an adapter found, with all that was heard.

    Attributes:
        entries: One for each sound file of the corpus.
        skipped: Number of files that are no entries, by reason.
        notes: See `Dataset`.
    """

    entries: Sequence[Entry]
    skipped: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def assemble(found: Found) -> Dataset:
    """Makes targets of labels and votes, and holds out speakers of corpora that state no split.

    A recording whose votes give no target (see `Votes.refusal`) is counted by its leading label if that is none of the
    four, and then is one of the others; else by the reason.
    """
    clips, others = [], []
    counts, votes_left_out = Counter(found.skipped), Counter[str]()
    held_out = _held_out(found.entries)
    for entry in found.entries:
        facts = _facts(entry, held_out)
        leading = entry.heard.leading
        if (reason := entry.heard.refusal) is None:
            clips.append(Clip(**facts, target=entry.heard.target()))
            if entry.heard.counted:
                votes_left_out.update({label: round(number) for label, number in entry.heard.outside.items()})
        elif leading is None or leading in EMOTIONS:
            counts[reason] += 1
        else:
            counts[leading] += 1
            others.append(OtherClip(**facts, label=leading))
    return Dataset(
        clips=tuple(clips),
        others=tuple(others),
        skipped=counts,
        votes_left_out=votes_left_out,
        licences={entry.corpus: entry.licence for entry in found.entries},
        notes=found.notes,
    )


def hold_out(datasets: Sequence[Dataset], names: Sequence[str]) -> list[Dataset]:
    """The data sets with exactly the named speakers in dev, whatever the corpora state.

    Args:
        datasets: What is trained and scored on together.
        names: See `find_speakers`.

    Raises:
        UsageError: A name fits no speaker, or several.
    """
    corpora: dict[str, set[str]] = {}
    for clip in (clip for dataset in datasets for clip in dataset.clips):
        corpora.setdefault(clip.corpus, set()).add(clip.speaker)
    speakers = find_speakers(names, corpora)
    return [dataset.with_dev(speakers) for dataset in datasets]


def _held_out(entries: Iterable[Entry]) -> frozenset[str]:
    """Speakers for dev, chosen within each corpus among those that are heard in clips."""
    unsplit: dict[str, set[str]] = {}
    for entry in entries:
        if entry.split is None and entry.heard.refusal is None:
            unsplit.setdefault(entry.corpus, set()).add(entry.speaker)
    return frozenset().union(*(dev_speakers(speakers) for speakers in unsplit.values()))


def _facts(entry: Entry, held_out: frozenset[str]) -> dict[str, Any]:
    split = entry.split or ("dev" if entry.speaker in held_out else "train")
    return {fact.name: getattr(entry, fact.name) for fact in fields(Recording)} | {"split": split}


def _resplit(clips: Iterable[AnyRecording], dev: frozenset[str]) -> tuple[AnyRecording, ...]:
    return tuple(replace(clip, split="dev" if clip.speaker in dev else "train") for clip in clips)


def _speakers(clips: Sequence[Clip]) -> str:
    names = sorted({clip.speaker for clip in clips})
    named = f" ({', '.join(names)})" if 0 < len(names) <= _NAMED_SPEAKERS else ""
    return f"{len(names)} speaker(s){named}"


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{what} {number}" for what, number in sorted(counts.items()))
