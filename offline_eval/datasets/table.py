"""A table of one's own, with a label or with listeners' votes for each sound file."""

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from core.distribution import EMOTIONS
from core.errors import UsageError
from offline_eval.datasets.dataset import Dataset, Entry, Found, assemble
from offline_eval.datasets.files import MOST_VOTES, Row, Table, existing, read_table
from offline_eval.labels.clips import SPLITS, Split
from offline_eval.labels.spelling import LABELS, normalised
from offline_eval.labels.votes import Votes

_LABEL = "label"
_PREFIX = "votes_"
_SHARES_UP_TO = 1.01
"""A table in which no row's votes sum to more holds shares, rounded, and no numbers."""


@dataclass(frozen=True, slots=True)
class CsvDataset:
    """A table with a row for each sound file.

    Columns: `path` (relative to the table), `speaker`, and either `label` or votes: `anger`, `happiness`, `sadness`,
    `neutral` and any other label, with or without `votes_` before it, as numbers or as shares. Where there are votes,
    `label` is not looked at. Optional: `split` (train or dev; without it, speakers are held out), `corpus` (without
    it, the table's name), `licence`, `language`, `gender`, `transcript`. Other columns do not matter.
    """

    path: Path

    def find(self) -> Found:
        """Reads the table.

        Raises:
            UsageError: A column, a cell or a sound file is missing, a split is neither train nor dev, or votes are no
                numbers.
        """
        table = read_table(self.path)
        stated = [column for column in ("split", "corpus") if column in table.columns]
        columns = _vote_columns(table)
        rows = table.filled("path", "speaker", *stated, *(() if columns else (_LABEL,)))
        votes = [{label: _votes(row, column) for label, column in columns.items()} for row in rows]
        counted = any(math.fsum(of.values()) > _SHARES_UP_TO for of in votes)
        heard = [Votes(of, counted) for of in votes] if columns else [Votes.all_for(row[_LABEL]) for row in rows]
        return Found(entries=[self._entry(row, answer) for row, answer in zip(rows, heard, strict=True)])

    def load(self) -> Dataset:
        """What was found, with targets and a split; raises as `find`."""
        return assemble(self.find())

    def _entry(self, row: Row, heard: Votes) -> Entry:
        corpus = row.get("corpus") or self.path.stem
        path = existing(self.path.parent, row["path"], row.where)
        return Entry(
            path=path,
            clip_id=Path(os.path.relpath(path, self.path.parent)).as_posix(),
            corpus=corpus,
            speaker=f"{corpus}_{row['speaker']}",
            heard=heard,
            split=stated_split(row) if row.get("split") else None,
            language=row.get("language"),
            gender=row.get("gender"),
            licence=row.get("licence") or "not stated",
            transcript=row.get("transcript"),
        )


def stated_split(row: Row) -> Split:
    """The split in column `split`.

    Raises:
        UsageError: It is neither train nor dev.
    """
    for split in SPLITS:
        if row["split"].lower() == split:
            return split
    msg = f"{row.where}: split {row['split']!r} is neither train nor dev"
    raise UsageError(msg)


def _vote_columns(table: Table) -> Mapping[str, str]:
    """Label to the column with its votes; empty if the table has none."""
    columns: dict[str, str] = {}
    for column in table.columns:
        label = normalised(column.removeprefix(_PREFIX))
        if label not in LABELS:
            if column.startswith(_PREFIX):
                msg = f"{table.path}: votes for {label!r}, which is no label"
                raise UsageError(msg, hint=f"labels: {', '.join(LABELS)}")
        elif label in columns:
            msg = f"{table.path}: columns {columns[label]} and {column} both hold votes for {label}"
            raise UsageError(msg)
        else:
            columns[label] = column
    missing = [emotion for emotion in EMOTIONS if emotion not in columns]
    prefixed = any(column.startswith(_PREFIX) for column in columns.values())
    alone = len(missing) == len(EMOTIONS) - 1 and _LABEL in table.columns  # such as a column of remarks
    if not prefixed and (alone or len(missing) == len(EMOTIONS)):
        return {}
    if missing:
        msg = f"{table.path}: no column with votes for {', '.join(missing)}"
        raise UsageError(msg, hint="votes need a column for each of the four emotions; a single label goes into label")
    return columns


def _votes(row: Row, column: str) -> float:
    """The cell as a number from 0 to MOST_VOTES; an empty one is 0."""
    try:
        number = float(row[column] or 0)
    except ValueError:
        number = math.nan
    if not 0 <= number <= MOST_VOTES:  # which is so of no NaN
        msg = f"{row.where}: {column} {row[column]!r} is not a number of votes"
        raise UsageError(msg, hint="a decimal point is written as a point" if "," in row[column] else None)
    return number
