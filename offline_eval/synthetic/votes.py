"""Invented votes, drawn up so that every rule of selection gives the number that is known of IEMOCAP.

These numbers are facts about the corpus; who heard what in which utterance is made up, and tells nothing about it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Self

LABELS = {
    "N": "Neutral",
    "H": "Happiness",
    "E": "Excited",
    "S": "Sadness",
    "A": "Anger",
    "F": "Frustration",
    "U": "Surprise",
    "f": "Fear",
    "D": "Disgust",
    "O": "Other",
}


@dataclass(frozen=True, slots=True)
class Ballots:
    """Votes on one utterance, a letter for each label.

    Attributes:
        code: Consensus of the evaluators, xxx for none.
        evaluators: Labels of each of the three.
        self_report: Labels of who spoke, in some of the improvised dialogues.
    """

    code: str
    evaluators: tuple[str, ...]
    self_report: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Reads `exc E E HE |N`: a code, the evaluators, and a self-report behind a bar."""
        votes, _, self_report = text.partition("|")
        code, *evaluators = votes.split()
        return cls(code, tuple(evaluators), self_report.strip())


_FOUR_ONLY = {
    # All for one emotion: 1,203 without excited, 1,148 with it.
    "neu N N N": 30,
    "neu N N N |N": 390,
    "sad S S S": 100,
    "sad S S S |S": 370,
    "ang A A A": 200,
    "ang A A A |A": 50,
    "hap H H H": 63,
    "exc E E E": 161,
    "exc E E E |E": 169,
    "exc E E H": 450,
    "hap H H E": 320,
    "xxx H E HE": 48,
    # More than half for one emotion: 771 and 972.
    "neu N N S": 150,
    "neu N N A": 130,
    "neu N N H": 120,
    "sad S S N": 140,
    "sad S S S |N": 20,
    "ang A A N": 111,
    "ang A A A |S": 10,
    "hap H H N": 80,
    "xxx N H E": 600,
    "xxx S H E": 47,
    "xxx A H E": 40,
    "exc E E N": 120,
    "exc E E E |N": 30,
    "neu N N E": 90,
    "hap H H E |N": 45,
    "ang A A S": 10,
    # More than for any other: 21 and 5.
    "neu N N A |S": 21,
    "neu N N E |A": 5,
    # Two or more emotions in front: 170 and 130.
    "xxx N A S": 100,
    "neu N N S |S": 40,
    "sad S S N |N": 30,
    "xxx N S E": 60,
    "exc E E N |N": 40,
    "neu N N E |H": 30,
}
"""4,420 utterances in which nobody heard anything else than the four, or excited; 895 of them have no consensus, 2,255
have a vote for excited, 1,250 a self-report; 2,351 are unanimous, 300 tie."""

_OTHERS = {
    "neu N N F": 500,
    "neu N N U": 172,
    "neu N N O": 30,
    "sad S S F": 300,
    "sad S S f": 124,
    "ang A A F": 600,
    "ang A A F |F": 55,
    "ang A A D": 67,
    "hap H H U": 87,
    "exc E E U": 71,
    "fru F F F": 800,
    "fru F F F |F": 100,
    "fru F F A": 500,
    "fru F F N": 300,
    "fru F F S": 149,
    "sur U U N": 60,
    "sur U U H": 47,
    "fea f f f": 20,
    "fea f f S": 20,
    "dis D D A": 2,
    "oth O O F": 3,
    "xxx H E F": 189,
    "xxx N A F": 500,
    "xxx N S F": 300,
    "xxx F U N": 200,
    "xxx AF A F": 300,
    "xxx N O F": 50,
    "xxx H N F": 73,
}
"""5,619 others."""

NUMBERS = {Ballots.parse(text): number for text, number in (_FOUR_ONLY | _OTHERS).items()}
"""How many of the 10,039 utterances have which votes."""


def ballots(*, full: bool) -> list[Ballots]:
    """All 10,039, or one of each kind."""
    return [ballots for ballots, number in NUMBERS.items() for _ in range(number if full else 1)]


def dealt(hand: Sequence[Ballots], improvised: Sequence[bool], random: Random) -> list[Ballots]:
    """The votes in the order of the utterances, shuffled; self-reports go to improvised utterances only.

    Args:
        hand: As many as utterances.
        improvised: Whether each utterance is.
        random: Decides.
    """
    places = list(range(len(improvised)))
    random.shuffle(places)
    places.sort(key=lambda place: not improvised[place])
    own, others = ([b for b in hand if bool(b.self_report) is wanted] for wanted in (True, False))
    free = places[len(own) :]
    random.shuffle(free)
    order = dict(zip([*places[: len(own)], *free], [*own, *others], strict=True))
    return [order[place] for place in range(len(hand))]
