"""Corpora that training reads, as ratings: of many listeners, or the one label that a recording has."""

from collections import Counter

from offline_eval.datasets.dataset import Entry, Found
from offline_eval.labels.annotation import AnnotatedCorpus, AnnotatedUtterance, Rating
from offline_eval.labels.votes import NO_VOTES, Votes

INTENDED = "intended"
"""The rater of an acted corpus: what the actor was asked for."""


def annotated(found: Found, rater: str = INTENDED) -> AnnotatedCorpus:
    """One rating for each vote, or for each label.

    Of votes that are known as numbers, each is a rating of an unnamed listener; their order says nothing. Labels and
    shares of votes are one rating.

    Args:
        found: What an adapter found.
        rater: Who gave labels and shares.
    """
    voted = [entry for entry in found.entries if any(entry.heard.of.values())]
    skipped = Counter(found.skipped)
    skipped[NO_VOTES] += len(found.entries) - len(voted)
    return AnnotatedCorpus(
        utterances=tuple(sorted((_utterance(entry, rater) for entry in voted), key=lambda one: one.utterance_id)),
        skipped=+skipped,
        licences={entry.corpus: entry.licence for entry in found.entries},
        notes=found.notes,
    )


def ratings_of(heard: Votes, rater: str) -> tuple[Rating, ...]:
    """See `annotated`."""
    given = {label: number for label, number in heard.of.items() if number}
    if heard.counted and all(float(number).is_integer() for number in given.values()):
        each = [label for label, number in given.items() for _ in range(int(number))]
        return tuple(Rating(f"listener {n}", (label,)) for n, label in enumerate(each, 1))
    shares = tuple(given.values())
    return (Rating(rater, tuple(given), None if len(set(shares)) == 1 else shares),)


def _utterance(entry: Entry, rater: str) -> AnnotatedUtterance:
    return AnnotatedUtterance(
        utterance_id=entry.clip_id,
        corpus=entry.corpus,
        path=entry.path,
        speaker=entry.speaker,
        ratings=ratings_of(entry.heard, rater),
        transcript=entry.transcript,
        language=entry.language,
        gender=entry.gender,
    )
