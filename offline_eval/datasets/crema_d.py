"""CREMA-D: English, 91 actors, and what some nine listeners heard in the voice of each clip.

Cao et al., CREMA-D: Crowd-sourced Emotional Multimodal Actors Dataset, IEEE Transactions on Affective Computing 5(4),
2014. Its README describes the tables.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from core.errors import UsageError
from offline_eval.datasets.dataset import Dataset, Entry, Found, assemble
from offline_eval.datasets.files import Row, Table, named_files, read_table
from offline_eval.labels.votes import NO_VOTES, Votes

CORPUS = "crema-d"
LICENCE = "ODbL 1.0, contents DbCL 1.0"
LAYOUT = "AudioWAV/1001_DFA_ANG_XX.wav"
NAME = re.compile(r"(\d{4})_([A-Z]{3})_(?:ANG|DIS|FEA|HAP|NEU|SAD)_(?:LO|MD|HI|XX)", re.IGNORECASE)
"""Actor; sentence, intended emotion (which is not used: what listeners heard is another matter) and intensity."""

SENTENCES = {
    "IEO": "It's eleven o'clock.",
    "TIE": "That is exactly what happened.",
    "IOM": "I'm on my way to the meeting.",
    "IWW": "I wonder what this is about.",
    "TAI": "The airplane is almost full.",
    "MTI": "Maybe tomorrow it will be cold.",
    "IWL": "I would like a new alarm clock.",
    "ITH": "I think I have a doctor's appointment.",
    "DFA": "Don't forget a jacket.",
    "ITS": "I think I've seen this before.",
    "TSI": "The surface is slick.",
    "WSI": "We'll stop in a couple of minutes.",
}
"""What all actors say, by code."""

SOUNDLESS = ("1076_MTI_SAD_XX",)
"""Released without sound."""

_LABELS = {"a": "anger", "d": "disgust", "f": "fear", "h": "happiness", "n": "neutral", "s": "sadness"}
_ROW_ID = ("", "x", "unnamed: 0")
"""What the column of row numbers is called: nothing in the release, something once R or pandas saved it again."""

_VOICE_ONLY = re.compile(r"1\d{5}")
"""Rows of listeners who heard and saw nothing: 2xxxxx rates the face alone, 3xxxxx both."""


@dataclass(frozen=True, slots=True)
class CremaDDataset:
    """A clone of the repository, or AudioWAV beside one of its tables of votes.

    Targets are the votes for the voice alone from `tabulatedVotes.csv`. Where there is only `summaryTable.csv`, which
    names the winner, or the winners of a tie, these share the target.
    """

    root: Path

    def find(self) -> Found:
        """Reads the votes and the file names.

        Raises:
            UsageError: There is no table of votes, a column is missing, or there is no sound file.
        """
        folder = self.root / "AudioWAV"
        named = named_files(folder if folder.is_dir() else self.root, NAME, LAYOUT)
        votes, notes = self._votes()
        genders = self._genders()
        entries, skipped = [], named.skipped.copy()
        for path, match in named.files:
            name, actor = path.stem.upper(), match[1]
            if name in SOUNDLESS:
                skipped["released without sound"] += 1
            elif name not in votes:
                skipped[NO_VOTES] += 1
            else:
                entries.append(
                    Entry(
                        path=path,
                        clip_id=f"{CORPUS}_{name}",
                        corpus=CORPUS,
                        speaker=f"{CORPUS}_{actor}",
                        heard=votes[name],
                        language="en",
                        gender=genders.get(actor),
                        licence=LICENCE,
                        transcript=SENTENCES.get(match[2].upper()),
                    )
                )
        return Found(entries=entries, skipped=skipped, notes=notes)

    def load(self) -> Dataset:
        """What was found, with targets and a split; raises as `find`."""
        return assemble(self.find())

    def _votes(self) -> tuple[dict[str, Votes], tuple[str, ...]]:
        """Votes by name of the clip, and what is to be said about them."""
        if path := self._find("tabulatedVotes.csv"):
            return _by_clip(_tabulated(read_table(path))), ()
        if path := self._find("summaryTable.csv"):
            note = f"{CORPUS}: only the winners of the votes are known ({path.name}), not their shares"
            return _by_clip(_winners(read_table(path))), (note,)
        msg = f"{self.root}: no tabulatedVotes.csv and no summaryTable.csv in it"
        raise UsageError(
            msg, hint="take processedResults from its repository: file names tell what was acted, not heard"
        )

    def _genders(self) -> Mapping[str, str]:
        path = self._find("VideoDemographics.csv")
        rows = read_table(path).filled("actorid", "sex") if path else ()
        return {row["actorid"]: row["sex"][0].upper() for row in rows}

    def _find(self, name: str) -> Path | None:
        return min(self.root.rglob(name), default=None)


def _by_clip(rows: Iterable[tuple[Row, Votes]]) -> dict[str, Votes]:
    """By name of the clip; a row may be there twice, but say nothing else."""
    votes: dict[str, Votes] = {}
    for row, heard in rows:
        name = row["filename"].upper()
        if votes.setdefault(name, heard) != heard:
            msg = f"{row.where}: other votes for {name} than in a row before"
            raise UsageError(msg, hint="use the table as CREMA-D has released it")
    return votes


def _tabulated(table: Table) -> Iterator[tuple[Row, Votes]]:
    row_id = next((column for column in _ROW_ID if column in table.columns), None)
    if row_id is None:
        msg = f"{table.path}: no column of row numbers, which tell ratings of the voice from those of the face"
        raise UsageError(msg, hint="use the table as CREMA-D has released it")
    for row in table.filled(*_LABELS, "filename"):
        if _VOICE_ONLY.fullmatch(row[row_id]):
            yield row, Votes({label: row.count(letter) for letter, label in _LABELS.items()})


def _winners(table: Table) -> Iterator[tuple[Row, Votes]]:
    for row in table.filled("filename", "voicevote"):
        letters = row["voicevote"].lower().split(":")
        if unknown := [letter for letter in letters if letter not in _LABELS]:
            msg = f"{row.where}: vote {unknown[0]!r} is none of A, D, F, H, N and S"
            raise UsageError(msg)
        yield row, Votes.all_for(*(_LABELS[letter] for letter in letters))
