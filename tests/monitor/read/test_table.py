"""The table as its readers read it: csv, pandas, audformat."""

import csv
import resource
from dataclasses import replace
from pathlib import Path

import audformat
import pandas as pd
import pytest

from core.distribution import EMOTIONS, EmotionDistribution
from core.errors import UsageError
from core.wire.events import ModelStamp
from monitor.read.columns import COLUMNS
from monitor.read.rows import FileRead, Row
from monitor.read.table import KINDS, TableError, kind_of, write_table

MODEL = ModelStamp(name="ltu-as-mini", sha256="abc", prompt="single", readout="seq_logprob", calibration="c1")
HEARD = EmotionDistribution.from_weights([1, 2, 3, 7])
DOCUMENT = Path(__file__).parents[3] / "docs" / "read.md"


def file_read(file, *rows):
    return FileRead(file=file, size_bytes=1, modified_ns=1, rows=rows)


READS = (
    file_read(
        "talks/a.wav",
        Row(start_s=0.54, end_s=2.0000625, status="ok", distribution=HEARD, heard_before=0, adaptation_weight=0.0),
        Row(start_s=3.0, end_s=3.6, status="invalid", reason="too quiet", truncated_s=0.5, transcript="well, no"),
    ),
    file_read("talks/b.wav", Row(start_s=0.0, end_s=None, status="no speech", reason="no speech")),
    file_read("talks/c.wav", Row(start_s=1.5, end_s=None, status="unread", reason="c.wav is cut short")),
)


@pytest.fixture
def out(tmp_path):
    return tmp_path / "table"


def rows_of(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_csv_has_a_row_for_each_utterance_with_times_in_seconds_and_numbers_unrounded(out):
    write_table("csv", out, READS, MODEL)
    first, second, third, fourth = rows_of(out)
    assert list(first) == list(COLUMNS)
    assert (first["file"], float(first["start"]), float(first["end"])) == ("talks/a.wav", 0.54, 2.0000625)
    assert [float(first[name]) for name in EMOTIONS] == list(HEARD)
    assert float(first["entropy"]) == HEARD.entropy
    assert (first["dominant"], first["status"], first["reason"]) == ("neutral", "ok", "")
    assert [second[name] for name in (*EMOTIONS, "entropy", "margin", "dominant")] == [""] * 7
    assert (second["reason"], second["transcript"]) == ("too quiet", "well, no")
    assert (third["start"], third["end"], third["status"]) == ("0.0", "", "no speech")
    assert (fourth["start"], fourth["status"], fourth["reason"]) == ("1.5", "unread", "c.wav is cut short")


def test_a_parquet_file_is_a_frame_by_the_segmented_index_of_audformat(out):
    write_table("parquet", out, READS, MODEL)
    frame = pd.read_parquet(out)
    assert audformat.is_segmented_index(frame)
    file, start, end = frame.index[0]
    assert (file, start, end) == ("talks/a.wav", pd.Timedelta(milliseconds=540), pd.Timedelta(2_000_062_500))
    assert pd.isna(frame.index[2][2])
    assert list(frame.loc[frame.status == "ok", list(EMOTIONS)].iloc[0]) == list(HEARD)
    assert frame["heard_before"].isna().tolist() == [False, True, True, True]


def test_types_do_not_depend_on_what_is_in_the_table(out):
    write_table("parquet", out, READS, MODEL)
    full = pd.read_parquet(out)
    write_table("parquet", out, READS[1:2], replace(MODEL, calibration=None))
    assert pd.read_parquet(out).dtypes.equals(full.dtypes)


def test_an_audformat_database_is_loaded_by_audformat_and_names_files_by_where_it_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_table("audformat", tmp_path / "talks", READS, MODEL)
    database = audformat.Database.load(str(tmp_path / "talks"))
    frame = database["utterances"].get()
    assert frame.index.get_level_values("file").tolist() == ["a.wav", "a.wav", "b.wav", "c.wav"]
    assert frame["dominant"].tolist()[0] == "neutral"
    assert list(frame[list(EMOTIONS)].iloc[0]) == list(HEARD)
    write_table("audformat", tmp_path / "elsewhere", READS[1:2], MODEL)
    elsewhere = audformat.Database.load(str(tmp_path / "elsewhere"))["utterances"]
    assert elsewhere.files.tolist() == [str(tmp_path / "talks" / "b.wav")]


def test_a_database_in_a_folder_of_other_files_leaves_them_alone_and_no_rest_of_its_own(out):
    out.mkdir()
    (out / "a.wav").write_bytes(b"mine")
    for _ in range(2):
        write_table("audformat", out, READS, MODEL)
        assert sorted(path.name for path in out.iterdir()) == ["a.wav", "db.utterances.csv", "db.yaml"]


@pytest.mark.parametrize("kind", KINDS)
def test_names_that_are_no_text_or_a_formula_become_text_that_harms_nobody(kind, out):
    odd = [file_read(name, READS[1].rows[0]) for name in ("=1+1.wav", "na\udcefve.wav", 'two\nlines, quoted".wav')]
    write_table(kind, out, odd, MODEL)
    if kind == "csv":
        assert [row["file"] for row in rows_of(out)] == ["./=1+1.wav", "na\\udcefve.wav", 'two\nlines, quoted".wav']


@pytest.mark.parametrize("kind", KINDS)
def test_only_its_owner_may_read_what_was_heard(kind, out):
    write_table(kind, out, READS, MODEL)
    files = out.iterdir() if kind == "audformat" else [out]
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_on_a_full_disk_the_table_stays_what_it_was(kind, out):
    write_table(kind, out, READS, MODEL)
    before = out.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        with pytest.raises(TableError) as caught:
            write_table(kind, out, READS[:1], MODEL)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert caught.value.one_line().startswith(f"cannot write {out}: ")
    assert out.read_bytes() == before
    assert list(out.parent.iterdir()) == [out]


def test_the_name_says_the_format_unless_it_is_said():
    assert [kind_of(Path(f"a.{kind}"), None) for kind in ("csv", "parquet", "audformat")] == list(KINDS)
    assert kind_of(Path("a.CSV"), None) == "csv"
    assert kind_of(Path("a.csv"), "parquet") == "parquet"
    with pytest.raises(UsageError, match=r"--out a\.xlsx: its name does not say"):
        kind_of(Path("a.xlsx"), None)
    with pytest.raises(UsageError, match="unknown format 'xlsx'"):
        kind_of(Path("a.csv"), "xlsx")


def test_what_is_not_installed_is_said_before_anything_is_read(monkeypatch):
    def missing(name):
        raise ModuleNotFoundError(name=name)

    monkeypatch.setattr("importlib.import_module", missing)
    with pytest.raises(UsageError) as caught:
        kind_of(Path("a.parquet"), None)
    assert "pip install 'emotion-monitor[tables]'" in caught.value.one_line()
    assert kind_of(Path("a.csv"), None) == "csv"


def test_every_column_is_documented_as_it_is_meant():
    text = DOCUMENT.read_text(encoding="utf-8")
    assert [name for name, meaning in COLUMNS.items() if f"| `{name}` | {meaning} |" not in text] == []
