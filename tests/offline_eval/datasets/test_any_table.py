"""Whatever bytes a table holds, its reader gives rows or one line of ours: no traceback, no row lost unsaid."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.distribution import EMOTIONS
from core.errors import EmotionMonitorError
from offline_eval.comparison.predictions import read_predictions
from offline_eval.datasets.annotated import annotated
from offline_eval.datasets.crema_d import CremaDDataset
from offline_eval.datasets.crema_d_votes import read_crema_d_votes
from offline_eval.datasets.dataset import assemble
from offline_eval.datasets.delimited import UnreadableRowError, records
from offline_eval.datasets.manifest import ManifestDataset
from offline_eval.datasets.msp_podcast import read_msp_podcast
from offline_eval.datasets.nemo import NemoDataset
from offline_eval.datasets.table import CsvDataset
from offline_eval.labels.policy import LabelPolicy
from offline_eval.training.targets import listener_votes
from tests.offline_eval.datasets.trees import add_sounds
from tests.offline_eval.labelled_clips import labelled_clips

FOUR = ",".join(EMOTIONS)
CLIP = replace(labelled_clips("nemo", "anger")[0], clip_id="1")
READERS: dict[str, tuple[str, str, Callable[[Path], Any]]] = {
    "labels": ("mine.csv", "path,speaker,label,split,transcript", lambda path: CsvDataset(path).find()),
    "votes": ("v.csv", f"path,speaker,{FOUR},fear", lambda path: CsvDataset(path).find()),
    "manifest": (
        "manifest.csv",
        "dataset,clip_id,speaker,intended_emotion,split,path",
        lambda path: ManifestDataset(path).find(),
    ),
    "nemo": ("data.tsv", "file_id\temotion\tspeaker_id\traw_text", lambda path: NemoDataset(path.parent).find()),
    "crema-d": ("tabulatedVotes.csv", ",A,D,F,H,N,S,fileName", lambda path: CremaDDataset(path.parent).find()),
    "winners": ("summaryTable.csv", "FileName,VoiceVote", lambda path: CremaDDataset(path.parent).find()),
    "flat votes": (
        "flat.csv",
        "clip_id,actor,votes_anger,votes_disgust,votes_fear,votes_happiness,votes_neutral,votes_sadness,path",
        read_crema_d_votes,
    ),
    "msp consensus": (
        "labels_consensus.csv",
        "FileName,EmoClass,SpkrID,Gender",
        lambda path: read_msp_podcast(path.parent),
    ),
    "msp detailed": (
        "labels_detailed.csv",
        "FileName,Worker,EmoClass_Major",
        lambda path: read_msp_podcast(path.parent),
    ),
    "msp raw": ("labels.txt", "MSP-PODCAST_1_1.wav; N; A:3", lambda path: read_msp_podcast(path.parent)),
    "predictions": (
        "predictions.csv",
        f"clip_id,corpus,speaker,fold,system,{FOUR},{','.join(f'target_{emotion}' for emotion in EMOTIONS)}",
        lambda path: read_predictions(path, [CLIP]),
    ),
    "listeners": (
        "listeners.csv",
        "intended,intensity,p_anger,p_happiness,p_sadness,p_neutral",
        listener_votes,
    ),
}
PIECES = [
    *('"', '""', ",", ";", "\t", "\n", "\r\n", "\r", ",,,", " ", "sep=;\n", "\ufeff", "\0", "\\", "/", "..", "é"),
    *("a.wav", "1001_DFA_ANG_XX", "MSP-PODCAST_1_1.wav", "WORKER1; Angry; ; A:3;", "train", "dev", "nemo", "100001"),
    *("1", "0.5", "-1", "nan", "1e300", "9" * 5000, "anger", "ang", "Sad", "A:S", "N", "X", "meh", "x" * 300),
]


def tables(header: str) -> st.SearchStrategy[bytes]:
    """Rows with the right header and number of cells, rows of anything, and bytes."""
    between = "\t" if "\t" in header else ","
    pieces = st.sampled_from([piece.encode() for piece in PIECES])
    cell = st.one_of(pieces, pieces, st.binary(max_size=4))
    width = header.count(between) + 1
    row = st.lists(cell, min_size=width, max_size=width).map(lambda cells: between.encode().join(cells) + b"\n")
    anything = st.lists(st.one_of(cell, row), max_size=12).map(b"".join)
    body = st.one_of(st.lists(row, max_size=4).map(b"".join), anything)
    return st.one_of(body.map(lambda rows: header.encode() + b"\n" + rows), anything, st.binary(max_size=60))


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> dict[str, Path]:
    """A folder for each reader, with the sound files that rows may name."""
    return {
        name: add_sounds(tmp_path_factory.mktemp("table"), "a.wav", "1001_DFA_ANG_XX.wav", "samples/1.wav")
        for name in READERS
    }


@pytest.mark.fuzz
@pytest.mark.parametrize("reader", READERS)
@given(data=st.data())
def test_any_bytes_are_rows_or_one_line_of_ours(folders, reader, data):
    file, header, read = READERS[reader]
    path = folders[reader] / file
    path.write_bytes(data.draw(tables(header)))
    try:
        found = read(path)
    except EmotionMonitorError:
        return
    if hasattr(found, "entries"):
        list(assemble(found).summary())
        if reader in ("labels", "votes", "manifest"):
            assert len(found.entries) == rows_of(path)
        found = annotated(found)
    if hasattr(found, "utterances"):
        list(found.lines())
        list(LabelPolicy(subset="plurality").apply(found.utterances).lines())


def rows_of(path: Path) -> int:
    data = path.read_bytes()
    text = data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    return len(list(records(text))) - 1


@pytest.mark.fuzz
@given(st.text(st.sampled_from('ab",;\t\n\r =|sep\0\ufeff'), max_size=60))
def test_any_text_is_records_or_a_line_that_is_named(text):
    try:
        for record in records(text):
            assert 1 <= record.line <= text.count("\n") + text.count("\r") + 1
            assert any(record.cells)
    except UnreadableRowError:
        return
