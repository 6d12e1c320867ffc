"""Where labelled clips come from: adapters that turn a folder or a table into clips."""

import csv
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from core.errors import UsageError
from offline_eval.clips import EMOTION_OF_LABEL, SPLITS, Clip, Split, one_hot


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """What an adapter found.

    Attributes:
        clips: Clips of the four emotions.
        skipped: Label to number of clips outside the four emotions, which training leaves out.
        licences: Corpus to the licence its rows state.
    """

    clips: tuple[Clip, ...]
    skipped: Mapping[str, int]
    licences: Mapping[str, str]


class DatasetAdapter(Protocol):
    """Knows the layout of one kind of data folder."""

    def load(self) -> Dataset:
        """Reads the tables (no sound).

        Raises:
            UsageError: A table or a sound file is missing, or a row is not understood.
        """


@dataclass(frozen=True, slots=True)
class ManifestDataset:
    """A folder with `manifest.csv`: dataset, clip_id, speaker, intended_emotion, split, licence, path."""

    root: Path

    def load(self) -> Dataset:
        """Reads the manifest; RAVDESS's calm counts as neutral."""
        columns = ("dataset", "clip_id", "speaker", "intended_emotion", "split", "path")
        clips, skipped, licences = [], Counter[str](), {}
        for where, row in _rows(self.root / "manifest.csv", columns):
            corpus, label = row["dataset"], row["intended_emotion"].strip().lower()
            if corpus == "ravdess" and label == "calm":
                label = "neutral"
            if label not in EMOTION_OF_LABEL:
                skipped[label] += 1
                continue
            licences[corpus] = row.get("licence") or "not stated"
            clips.append(
                Clip(
                    path=_existing(self.root / row["path"], where),
                    clip_id=row["clip_id"],
                    corpus=corpus,
                    speaker=row["speaker"],
                    split=_split(row["split"], where),
                    target=one_hot(EMOTION_OF_LABEL[label]),
                )
            )
        return Dataset(clips=tuple(clips), skipped=skipped, licences=licences)


@dataclass(frozen=True, slots=True)
class CsvDataset:
    """A table of one's own: path (relative to the table), speaker, label, split; the corpus is the table's name."""

    table: Path

    def load(self) -> Dataset:
        """Reads the table; labels other than the four emotions are skipped and counted."""
        corpus = self.table.stem
        clips, skipped = [], Counter[str]()
        for where, row in _rows(self.table, ("path", "speaker", "label", "split")):
            label = row["label"].strip().lower()
            if label not in EMOTION_OF_LABEL:
                skipped[label] += 1
                continue
            clips.append(
                Clip(
                    path=_existing(self.table.parent / row["path"], where),
                    clip_id=row["path"],
                    corpus=corpus,
                    speaker=f"{corpus}_{row['speaker']}",
                    split=_split(row["split"], where),
                    target=one_hot(EMOTION_OF_LABEL[label]),
                )
            )
        return Dataset(clips=tuple(clips), skipped=skipped, licences={corpus: "not stated"})


def open_dataset(path: Path) -> DatasetAdapter:
    """The adapter for a folder with manifest.csv, or for a CSV table.

    Raises:
        UsageError: The path is neither.
    """
    if path.is_dir() and (path / "manifest.csv").is_file():
        return ManifestDataset(path)
    if path.is_file() and path.suffix.lower() == ".csv":
        return CsvDataset(path)
    msg = f"{path}: {'no manifest.csv in this folder' if path.is_dir() else 'no such folder or .csv file'}"
    raise UsageError(msg, hint="give a folder with manifest.csv, or a CSV with the columns path, speaker, label, split")


def _rows(table: Path, columns: tuple[str, ...]) -> Iterator[tuple[str, dict[str, str]]]:
    """(file and line, row) of a CSV with at least these columns."""
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            if missing := [c for c in columns if c not in (reader.fieldnames or ())]:
                msg = f"{table}: no column {', '.join(missing)}"
                raise UsageError(msg, hint=f"needed: {', '.join(columns)}")
            for row in reader:
                where = f"{table}, line {reader.line_num}"
                if empty := [c for c in columns if not (row[c] or "").strip()]:
                    msg = f"{where}: {', '.join(empty)} is empty"
                    raise UsageError(msg)
                yield where, row
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        msg = f"{table}: cannot be read as CSV: {error}"
        raise UsageError(msg) from error


def _existing(path: Path, where: str) -> Path:
    if not path.is_file():
        msg = f"{where}: no file {path}"
        raise UsageError(msg, hint="paths are relative to the table's folder")
    return path


def _split(text: str, where: str) -> Split:
    for split in SPLITS:
        if text.strip().lower() == split:
            return split
    msg = f"{where}: split {text!r} is neither train nor dev"
    raise UsageError(msg)
