from pathlib import Path

import pytest

from core.errors import UsageError
from offline_eval.datasets.crema_d import CremaDDataset
from offline_eval.datasets.emodb import EmodbDataset
from offline_eval.datasets.kinds import KINDS, open_dataset
from offline_eval.datasets.manifest import ManifestDataset
from offline_eval.datasets.nemo import NemoDataset
from offline_eval.datasets.ravdess import RavdessDataset
from offline_eval.datasets.table import CsvDataset
from offline_eval.datasets.tess import TessDataset
from tests.offline_eval.datasets.trees import add_sounds, add_text

SOUNDS = {
    "ravdess": (RavdessDataset, "audio/Actor_01/03-01-05-01-02-01-01.wav"),
    "emodb": (EmodbDataset, "wav/03a01Fa.wav"),
    "tess": (TessDataset, "OAF_angry/OAF_back_angry.wav"),
    "crema-d": (CremaDDataset, "AudioWAV/1001_DFA_ANG_XX.wav"),
}
TABLES = {"manifest": (ManifestDataset, "manifest.csv"), "nemo": (NemoDataset, "data.tsv")}


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    for kind, (_, name) in SOUNDS.items():
        add_sounds(tmp_path / kind, name)
    for kind, (_, name) in TABLES.items():
        add_text(tmp_path / kind / name, "")
    add_text(tmp_path / "csv" / "mine.CSV", "")
    return tmp_path


@pytest.mark.parametrize("kind", SOUNDS | TABLES)
def test_a_folder_is_known_by_its_files(folders, kind):
    adapter = (SOUNDS | TABLES)[kind][0](folders / kind)
    assert open_dataset(folders / kind) == adapter
    assert open_dataset(str(folders / kind)) == adapter
    assert open_dataset(f"{kind}:{folders / kind}") == adapter
    assert open_dataset(f"{kind.upper()}:{folders / kind}") == adapter


def test_a_csv_file_is_a_table(folders):
    path = folders / "csv" / "mine.CSV"
    assert open_dataset(path) == open_dataset(f"csv:{path}") == CsvDataset(path)


def test_a_table_of_all_goes_before_the_names_of_the_sound_files(folders):
    add_text(folders / "manifest.csv", "")
    assert open_dataset(folders) == ManifestDataset(folders)


def test_a_home_folder_and_a_colon_in_a_path_are_paths(folders, monkeypatch):
    monkeypatch.setenv("HOME", str(folders))
    assert open_dataset("tess:~/tess") == TessDataset(folders / "tess")
    (folders / "tess").rename(folders / "my:tess")
    assert open_dataset(folders / "my:tess") == TessDataset(folders / "my:tess")


@pytest.mark.parametrize(
    ("spec", "named"),
    [
        ("{}/absent", "absent: no such folder or file"),
        ("ravdess:{}/absent", "absent: no such folder or file"),
        ("ravdes:{}/ravdess", "unknown kind 'ravdes'"),
        ("{}/tess/OAF_angry/OAF_back_angry.wav", "neither a folder nor a .csv or .tsv file"),
        ("{}/empty", "no data set is known by its files"),
        ("{}", "holds ravdess and emodb and tess and crema-d"),
        ("csv:{}/tess", "csv needs a file, not a folder"),
        ("tess:{}/csv/mine.CSV", "tess needs a folder, not a file"),
    ],
)
def test_what_is_no_data_set_is_refused_and_the_kinds_are_named(folders, spec, named):
    (folders / "empty").mkdir()
    with pytest.raises(UsageError, match=named) as error:
        open_dataset(spec.format(folders))
    assert "needs" in named or ", ".join(KINDS) in error.value.hint


def test_a_kind_that_is_nearly_one_gets_a_suggestion(folders):
    with pytest.raises(UsageError) as error:
        open_dataset(f"cremad:{folders / 'crema-d'}")
    assert error.value.hint.startswith("did you mean crema-d? ")
