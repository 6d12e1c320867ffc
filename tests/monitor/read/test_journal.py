"""What was read is remembered, whatever ends the program."""

import resource
from dataclasses import replace

import pytest

from core.distribution import EmotionDistribution
from core.errors import UsageError
from core.settings import ModelSettings, OutputSettings, SegmenterSettings, Settings
from core.wire.events import ModelStamp
from monitor.read.journal import Journal, JournalError
from monitor.read.rows import FileRead, Row

MODEL = ModelStamp(name="fake", sha256="", prompt="none", readout="hash")
HEARD = EmotionDistribution.from_weights([1, 2, 3, 7])
SETTINGS = Settings()


def read(file, *, trouble=None, size_bytes=10):
    rows = (Row(start_s=0.0625, end_s=2.5, status="ok", distribution=HEARD, heard_before=0, adaptation_weight=0.1),)
    return FileRead(file=file, size_bytes=size_bytes, modified_ns=7, rows=rows, trouble=trouble)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "table.csv.journal"
    with Journal(path, SETTINGS) as journal:
        journal.begin(MODEL)
        for name in ("b.wav", "a.wav"):
            journal.push(read(name))
    return path


def test_what_was_read_is_told_again_in_the_order_of_names(path):
    with Journal(path, SETTINGS) as journal:
        assert list(journal) == [read("a.wav"), read("b.wav")]
        assert journal.model == MODEL
        assert journal.has("a.wav", size_bytes=10, modified_ns=7)


def test_a_file_that_was_changed_or_had_trouble_is_to_be_read_again_and_its_last_line_counts(path):
    with Journal(path, SETTINGS) as journal:
        assert not journal.has("a.wav", size_bytes=11, modified_ns=7)
        assert not journal.has("a.wav", size_bytes=10, modified_ns=8)
        assert not journal.has("c.wav", size_bytes=10, modified_ns=7)
        journal.push(read("a.wav", trouble="cut short"))
        assert not journal.has("a.wav", size_bytes=10, modified_ns=7)
        journal.push(read("a.wav", size_bytes=12))
    with Journal(path, SETTINGS) as journal:
        assert [one.size_bytes for one in journal] == [12, 10]


def test_whatever_a_line_was_cut_to_only_its_file_is_read_again(path):
    whole = path.read_bytes()
    ends = [at + 1 for at, byte in enumerate(whole) if byte == ord("\n")]
    near = {end + by for end in ends for by in (-2, -1, 0, 1, 100)}
    for cut in sorted({0, 1, *near} & set(range(len(whole) + 1))):
        path.write_bytes(whole[:cut])
        with Journal(path, SETTINGS) as journal:
            kept = sum(end <= cut for end in ends) - 1
            assert len(journal) == max(kept, 0)
            journal.begin(MODEL)
            journal.push(read("c.wav"))
        with Journal(path, SETTINGS) as journal:
            assert len(journal) == max(kept, 0) + 1


def test_a_line_that_a_power_failure_left_empty_does_not_hide_the_others(path):
    header, first, second = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(header + b"\0" * (len(first) - 1) + b"\n" + second)
    with Journal(path, SETTINGS) as journal:
        assert [one.file for one in journal] == ["a.wav"]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (Settings(segmenter=SegmenterSettings(hangover_s=0.9)), "segmenter.hangover_s 0.6, now 0.9"),
        (Settings(model=ModelSettings(adapt=False)), "model.adapt True, now False"),
    ],
)
def test_other_settings_are_refused_by_name(path, settings, said):
    with pytest.raises(UsageError) as caught:
        Journal(path, settings)
    assert f"table.csv was read otherwise: {said}" in caught.value.one_line()
    assert "choose another place with --out, or remove" in caught.value.hint


def test_settings_that_change_no_reading_are_as_good(path):
    shown = Settings(model=ModelSettings(explain=True), output=OutputSettings(headless=True))
    with Journal(path, replace(shown, segmenter=SegmenterSettings(interim_every_s=1))) as journal:
        assert len(journal) == 2


def test_another_model_of_the_same_name_is_refused(path):
    with Journal(path, SETTINGS) as journal, pytest.raises(UsageError, match="sha256 , now abc"):
        journal.begin(replace(MODEL, sha256="abc"))


def test_a_file_that_is_none_of_ours_is_left_as_it_is(tmp_path):
    path = tmp_path / "table.csv.journal"
    path.write_text("dear diary\n", encoding="utf-8")
    with pytest.raises(UsageError, match="does not say what was read into the table"):
        Journal(path, SETTINGS)
    assert path.read_text(encoding="utf-8") == "dear diary\n"


def test_only_one_program_at_a_time_reads_into_a_table(path):
    with Journal(path, SETTINGS), pytest.raises(UsageError, match="another program reads into this table"):
        Journal(path, SETTINGS)


def test_a_full_disk_is_one_line_and_what_was_read_before_stays(path):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with Journal(path, SETTINGS) as journal:
        resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 20, hard))
        try:
            with pytest.raises(JournalError) as caught:
                journal.push(read("c.wav"))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert caught.value.one_line().startswith(f"cannot write {path}: ")
    with Journal(path, SETTINGS) as journal:
        assert [one.file for one in journal] == ["a.wav", "b.wav"]


def test_a_journal_of_which_nothing_came_goes_again(tmp_path):
    with Journal(tmp_path / "table.csv.journal", SETTINGS):
        pass
    assert list(tmp_path.iterdir()) == []


def test_only_its_owner_may_read_it(path):
    assert path.stat().st_mode & 0o777 == 0o600
