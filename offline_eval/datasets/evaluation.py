"""Any corpus by its name, as utterances with their ratings."""

import difflib
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from core.errors import UsageError
from core.user_path import user_path
from offline_eval.datasets import crema_d, emodb, iemocap, msp_podcast, nemo, ravdess, tess
from offline_eval.datasets.annotated import annotated
from offline_eval.datasets.crema_d import CremaDDataset
from offline_eval.datasets.crema_d_votes import TABLE, read_crema_d_votes
from offline_eval.datasets.emodb import EmodbDataset
from offline_eval.datasets.files import TABLE_SUFFIXES
from offline_eval.datasets.guides import CORPORA
from offline_eval.datasets.iemocap import read_iemocap
from offline_eval.datasets.manifest import ManifestDataset
from offline_eval.datasets.msp_podcast import read_msp_podcast
from offline_eval.datasets.nemo import NemoDataset
from offline_eval.datasets.ravdess import RavdessDataset
from offline_eval.datasets.table import CsvDataset
from offline_eval.datasets.tess import TessDataset
from offline_eval.labels.annotation import AnnotatedCorpus
from offline_eval.labels.clips import require_distinct_ids

SYNTHETIC = "synthetic"
SYNTHETIC_ROOT = Path(".cache/synthetic")
"""Where a small tree is written if no other is named."""


def read_corpus(name: str, root: Path | None = None) -> AnnotatedCorpus:
    """Reads annotations and file names (no sound).

    Args:
        name: One of CORPORA.
        root: Where its files are, in the layout that CORPORA describes; only `synthetic` does without.

    Raises:
        UsageError: There is no such corpus, its files are missing or not understood, or an utterance is there twice.
    """
    if name not in _READERS:
        close = difflib.get_close_matches(name, _READERS, n=1)
        msg = f"no data set {name!r}"
        raise UsageError(msg, hint=f"did you mean {close[0]}?" if close else f"one of {', '.join(_READERS)}")
    if root is None and name == SYNTHETIC:
        return _read_synthetic(SYNTHETIC_ROOT)
    if root is None:
        msg = f"{name}: where is it?"
        raise UsageError(
            msg, hint=f"--root names a folder with {CORPORA[name].layout}; get it from {CORPORA[name].url}"
        )
    root = user_path("--root", str(root))
    if not root.exists():
        msg = f"{root}: no such folder or file"
        raise UsageError(msg, hint=f"--root names {CORPORA[name].layout}; get it from {CORPORA[name].url}")
    corpus = _READERS[name](root)
    require_distinct_ids((one.corpus, one.utterance_id) for one in corpus.utterances)
    return corpus


def _read_synthetic(root: Path) -> AnnotatedCorpus:
    from offline_eval.synthetic.tree import write_tree

    if not root.exists():
        root.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=root.parent) as folder:  # a tree that is half there would be read as if whole
            write_tree(Path(folder, root.name))
            Path(folder, root.name).rename(root)
    return read_iemocap(root, corpus=SYNTHETIC)


def _read_crema_d(root: Path) -> AnnotatedCorpus:
    """The table of votes alone, or the release."""
    if root.is_file():
        return read_crema_d_votes(root)
    if (root / TABLE).is_file() and not (root / "AudioWAV").is_dir():
        return read_crema_d_votes(root / TABLE)
    return annotated(CremaDDataset(root).find(), "listeners")


def _read_folder(root: Path) -> AnnotatedCorpus:
    tables = [root] if root.is_file() else [path for path in sorted(root.iterdir()) if _is_table(path)]
    if len(tables) != 1:
        msg = f"{root}: {len(tables)} tables ({', '.join(TABLE_SUFFIXES)}) in it, where one is needed"
        raise UsageError(msg, hint="name the table itself; its columns are path, speaker, and label or votes")
    return annotated(CsvDataset(tables[0]).find(), "table")


def _is_table(path: Path) -> bool:
    """Not so of hidden files such as the `._` files of macOS."""
    return path.suffix.lower() in TABLE_SUFFIXES and not path.name.startswith(".") and path.is_file()


def _read_audformat(root: Path) -> AnnotatedCorpus:
    from offline_eval.datasets.audformat_tables import read_audformat

    return read_audformat(root)


_READERS: Mapping[str, Callable[[Path], AnnotatedCorpus]] = {
    iemocap.CORPUS: read_iemocap,
    crema_d.CORPUS: _read_crema_d,
    msp_podcast.CORPUS: read_msp_podcast,
    ravdess.CORPUS: lambda root: annotated(RavdessDataset(root).find()),
    nemo.CORPUS: lambda root: annotated(NemoDataset(root).find()),
    emodb.CORPUS: lambda root: annotated(EmodbDataset(root).find()),
    tess.CORPUS: lambda root: annotated(TessDataset(root).find()),
    "manifest": lambda root: annotated(ManifestDataset(root).find()),
    "folder": _read_folder,
    "audformat": _read_audformat,
    SYNTHETIC: _read_synthetic,
}
