"""The text files of IEMOCAP: what a line may look like, and how many lines are none of that.

Busso et al., IEMOCAP: Interactive emotional dyadic motion capture database, Language Resources and Evaluation 42, 2008.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Self

from offline_eval.labels.annotation import Rating
from offline_eval.labels.spelling import normalised

_SCENE = r"(?:impro|script)\d{2}[a-z]?(?:_\d[a-z]?)?"
"""Some scenes have letters, as in Ses05M_script01_1b and Ses03M_impro05a."""

DIALOGUE = rf"Ses0[1-5][FM]_{_SCENE}"
"""Session, who wears the markers, scene."""

CONSENSUS = {
    "neu": "neutral",
    "hap": "happiness",
    "exc": "excited",
    "sad": "sadness",
    "ang": "anger",
    "fru": "frustration",
    "sur": "surprise",
    "fea": "fear",
    "dis": "disgust",
    "oth": "other",
    "xxx": None,
}
"""Code of a summary to the label on which most evaluators agree; xxx: on none."""

NOT_UNDERSTOOD = "line not understood"
UNKNOWN_ID = "utterance with an id that is not understood"
UNKNOWN_CODE = "consensus code not understood"
STATED_TWICE = "utterance stated twice"
ORPHAN = "rating outside of an utterance"
NO_LABEL = "rating without a label"
NO_TURN = "line of a transcript without an id"

_ID = re.compile(rf"(?P<dialogue>(?P<session>Ses0[1-5])[FM]_{_SCENE})_(?P<speaker>[FM])\d{{3}}")
_HEAD = re.compile(r"\[\s*[\d.]+\s*-\s*[\d.]+\s*\]\s+(\S+)\s+(\S+)\s+\[[^\]]*\]\s*")
# No two neighbours of a pattern match the same character, or a long blank line would take hours.
_RATING = re.compile(r"C-([EFM]\d+):([^(]*)(?:\(.*)?")
_NUMBER = r"\s*(?:[\d.]+\s*)?"
_ATTRIBUTES = re.compile(
    rf"A-[EFM]\d+:\s*val{_NUMBER};\s*act{_NUMBER};\s*dom{_NUMBER}(?:;\s*)?(?:\(.*)?", re.IGNORECASE
)
_LISTED = re.compile(r"(\S+)\s*:([^(]*)(?:\(.*)?")
_TURN = re.compile(r"(\S+)\s+\[[^\]]*\]:?\s*(.*)")


@dataclass(frozen=True, slots=True)
class UtteranceId:
    """What the id of an utterance tells, such as Ses01F_impro01_M000.

    Attributes:
        text: The id.
        dialogue: Such as Ses01F_impro01.
        session: Such as Ses01.
        gender: Of who speaks, which is not the letter of the dialogue.
    """

    text: str
    dialogue: str
    session: str
    gender: str

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """None for anything else, such as the _MXX0 of turns that nobody rated."""
        match = _ID.fullmatch(text)
        return cls(text, match["dialogue"], match["session"], match["speaker"]) if match else None


@dataclass(frozen=True, slots=True)
class Block:
    """What a summary says of one utterance; attributes (valence and such) are known, and not used."""

    utterance: UtteranceId
    consensus: str | None
    ratings: tuple[Rating, ...]


def is_self_report(rater: str) -> bool:
    """Evaluators are called E1 to E6, the two who spoke F1 and M1."""
    return not rater.startswith("E")


def parse_summary(lines: Iterable[str], counts: Counter[str]) -> Iterator[Block]:
    """The utterances of EmoEvaluation/<dialogue>.txt.

    Args:
        lines: Of the file.
        counts: Increased by what was passed over, by reason.
    """
    for head, body in _blocks(lines, counts):
        identity = UtteranceId.parse(head[1])
        ratings = _ratings(body, counts)
        if identity is None:
            counts[UNKNOWN_ID] += 1
        else:
            counts[UNKNOWN_CODE] += head[2] not in CONSENSUS
            yield Block(identity, CONSENSUS.get(head[2]), ratings)


def parse_listing(lines: Iterable[str], rater: str, counts: Counter[str]) -> Iterator[tuple[UtteranceId, Rating]]:
    """The lines of Categorical/<dialogue>_<rater>_cat.txt, one for each utterance: `ID :Anger; :Frustration; ()`."""
    for line in filter(None, map(str.strip, lines)):
        match = _LISTED.fullmatch(line)
        if match is None:
            counts[NOT_UNDERSTOOD] += 1
        elif (identity := UtteranceId.parse(match[1])) is None:
            counts[UNKNOWN_ID] += 1
        elif labels := _labels(match[2]):
            yield identity, Rating(rater, labels, self_report=is_self_report(rater))
        else:
            counts[NO_LABEL] += 1


def parse_transcript(lines: Iterable[str], counts: Counter[str]) -> Iterator[tuple[str, str]]:
    """(id, text) of the lines of transcriptions/<dialogue>.txt; lines without an id are not of the utterance above."""
    for line in filter(None, map(str.strip, lines)):
        if match := _TURN.fullmatch(line):
            yield match[1], match[2]
        else:
            counts[NO_TURN] += 1


def _blocks(lines: Iterable[str], counts: Counter[str]) -> Iterator[tuple[re.Match[str], list[str]]]:
    """Heads with the lines below them, up to a blank one."""
    head, body = None, list[str]()
    for line in map(str.strip, (*lines, "")):
        found = _HEAD.fullmatch(line)
        if head is not None and (found or not line):
            yield head, body
            head = None
        if found:
            head, body = found, []
        elif head is not None:
            body.append(line)
        elif line and not line.startswith("%"):
            counts[ORPHAN if _RATING.fullmatch(line) else NOT_UNDERSTOOD] += not _ATTRIBUTES.fullmatch(line)


def _ratings(lines: Iterable[str], counts: Counter[str]) -> tuple[Rating, ...]:
    """In the order stated; a rater with two lines has given the labels of both."""
    labels: dict[str, tuple[str, ...]] = {}
    for line in lines:
        match = _RATING.fullmatch(line)
        if match is None:
            counts[NOT_UNDERSTOOD] += not _ATTRIBUTES.fullmatch(line)
        elif given := _labels(match[2]):
            labels[match[1]] = labels.get(match[1], ()) + given
        else:
            counts[NO_LABEL] += 1
    return tuple(Rating(rater, given, self_report=is_self_report(rater)) for rater, given in labels.items())


def _labels(text: str) -> tuple[str, ...]:
    """Of `Frustration; Anger;` or `:Frustration; :Anger;`."""
    parts = (part.strip().removeprefix(":").strip() for part in text.split(";"))
    return tuple(normalised(part) for part in parts if part)
