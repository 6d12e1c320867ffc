"""The kinds of data sets, and which one a user means."""

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from core.errors import UsageError
from core.user_path import user_path
from offline_eval.datasets import crema_d, emodb, manifest, nemo, ravdess, tess
from offline_eval.datasets.crema_d import CremaDDataset
from offline_eval.datasets.dataset import Dataset, DatasetAdapter, hold_out
from offline_eval.datasets.emodb import EmodbDataset
from offline_eval.datasets.files import TABLE_SUFFIXES, sound_files
from offline_eval.datasets.manifest import ManifestDataset
from offline_eval.datasets.nemo import NemoDataset
from offline_eval.datasets.ravdess import RavdessDataset
from offline_eval.datasets.table import CsvDataset
from offline_eval.datasets.tess import TessDataset

KINDS: Mapping[str, Callable[[Path], DatasetAdapter]] = {
    "ravdess": RavdessDataset,
    "nemo": NemoDataset,
    "emodb": EmodbDataset,
    "tess": TessDataset,
    "crema-d": CremaDDataset,
    "csv": CsvDataset,
    "manifest": ManifestDataset,
}
"""Name to adapter; csv is a file, a manifest may be one, all others are folders."""

_TABLES = {manifest.TABLE: "manifest", nemo.TABLE: "nemo"}
_NAMES = {"ravdess": ravdess.NAME, "emodb": emodb.NAME, "tess": tess.NAME, "crema-d": crema_d.NAME}


def open_dataset(spec: str | Path) -> DatasetAdapter:
    """The adapter for `KIND:PATH`, or for a path whose kind shows.

    A folder with `manifest.csv` or nEMO's `data.tsv` is that, and so is a table whose name begins as the former;
    another folder is known by the names of its sound files.

    Raises:
        UsageError: There is nothing at the path, or its kind is unknown or not clear.
    """
    kind, path = _parsed(str(spec))
    if not path.exists():
        msg = f"{path}: no such folder or file"
        raise UsageError(msg, hint=_hint(path))
    kind = kind or _detected(path)
    if path.is_dir() == (kind == "csv") and kind != "manifest":
        msg = f"{path}: {kind} needs a {'file, not a folder' if kind == 'csv' else 'folder, not a file'}"
        raise UsageError(msg)
    return KINDS[kind](path)


def load_datasets(
    specs: Iterable[str | Path], *, without: Sequence[str] = (), dev_speakers: Sequence[str] = ()
) -> list[Dataset]:
    """What several paths hold.

    Args:
        specs: See `open_dataset`.
        without: Corpora that are left out.
        dev_speakers: Exactly who is held out, see `hold_out`; empty for what the corpora state.

    Raises:
        UsageError: A path cannot be used, a corpus to leave out is not there, or a name fits no speaker or several.
    """
    datasets = [open_dataset(spec).load() for spec in specs]
    there = {corpus for dataset in datasets for corpus in dataset.licences}
    if unknown := [corpus for corpus in without if corpus not in there]:
        msg = f"no corpus {unknown[0]!r} in the data"
        raise UsageError(msg, hint=f"corpora: {', '.join(sorted(there))}")
    datasets = [dataset.without(frozenset(without)) for dataset in datasets] if without else datasets
    return hold_out(datasets, dev_speakers) if dev_speakers else datasets


def _parsed(spec: str) -> tuple[str | None, Path]:
    """(kind or None, path); a colon may also belong to a path."""
    prefix, colon, rest = spec.partition(":")
    if colon and prefix.lower() in KINDS:
        return prefix.lower(), user_path("--data", rest)
    path = user_path("--data", spec)
    if colon and not path.exists() and user_path("--data", rest).exists():
        close = difflib.get_close_matches(prefix.lower(), KINDS, n=1)
        msg = f"{spec}: unknown kind {prefix!r}"
        raise UsageError(msg, hint=f"{f'did you mean {close[0]}? ' if close else ''}kinds: {', '.join(KINDS)}")
    return None, path


def _detected(path: Path) -> str:
    if path.is_file():
        if path.suffix.lower() in TABLE_SUFFIXES:
            return "manifest" if path.name.startswith(Path(manifest.TABLE).stem) else "csv"
        msg = f"{path}: neither a folder nor a {' or '.join(TABLE_SUFFIXES)} file"
        raise UsageError(msg, hint=_hint(path))
    for table, kind in _TABLES.items():
        if (path / table).is_file():
            return kind
    names = [file.stem for file in sound_files(path)]
    fits = [kind for kind, pattern in _NAMES.items() if any(map(pattern.fullmatch, names))]
    if len(fits) == 1:
        return fits[0]
    msg = f"{path}: holds {' and '.join(fits)}" if fits else f"{path}: no data set is known by its files"
    raise UsageError(msg, hint=_hint(path))


def _hint(path: Path) -> str:
    return f"give KIND:PATH, such as ravdess:{path}; kinds: {', '.join(KINDS)}"
