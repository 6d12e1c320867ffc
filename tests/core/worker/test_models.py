import os
import sys
from pathlib import Path

import numpy as np
import pytest

from core.errors import ModelError, UsageError
from core.settings import ModelSettings
from core.worker.models import load_model


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """A model folder with random weights."""
    from core.ltu_as.tiny import save_tiny

    save_tiny(tmp_path)
    return tmp_path


def test_a_truncated_checkpoint_is_refused_by_name(tiny: Path):
    weights = tiny / "model.safetensors"
    os.truncate(weights, weights.stat().st_size // 2)
    with pytest.raises(ModelError, match=r"model\.safetensors"):
        load_model(ModelSettings(name=str(tiny)), threads=0)


def test_a_gpu_that_is_not_there_is_a_usage_error(tiny: Path):
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    with pytest.raises(UsageError, match=r"device cuda:1: torch .* finds no CUDA GPU"):
        load_model(ModelSettings(name=str(tiny), device="cuda:1"), threads=0)
    assert load_model(ModelSettings(name=str(tiny), device="auto"), threads=0).device == "cpu"


def test_threads_are_what_torch_uses(tiny: Path):
    import torch

    before = torch.get_num_threads()
    try:
        load_model(ModelSettings(name=str(tiny)), threads=before + 1)
        assert torch.get_num_threads() == before + 1
    finally:
        torch.set_num_threads(before)


def test_an_error_nobody_foresaw_is_still_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def fail(*_: object, **__: object) -> None:
        msg = "disk\non fire"
        raise OSError(msg)

    (tmp_path / "config.json").touch()
    monkeypatch.setattr("core.ltu_as.reader.LTUASReader", fail)
    with pytest.raises(ModelError) as caught:
        load_model(ModelSettings(name=str(tmp_path)), threads=0)
    assert caught.value.one_line() == f"{tmp_path} cannot be loaded: OSError: disk on fire"


def test_an_installation_without_torch_says_what_to_do(tiny: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ModelError, match="torch is not installed here") as refused:
        load_model(ModelSettings(name=str(tiny)), threads=1)
    assert "--worker URL" in refused.value.hint


def test_the_settings_decide_whether_a_folders_calibration_is_used(tiny: Path):
    from core.ltu_as.abstention import Abstention
    from core.ltu_as.calibration import Calibration, Entry, LogProbabilities
    from core.ltu_as.checkpoint import folder_sha256

    prior = LogProbabilities(anger=-1, happiness=-1, sadness=-1, neutral=-1)
    Calibration(
        model_sha256=folder_sha256(tiny),
        fitted_on="nothing",
        entries=(Entry(prompt="single", readout="seq_logprob", temperature=2, prior=prior, prior_strength=0),),
        abstention=Abstention(min_level_dbfs=-10),
    ).to_json(tiny / "calibration.json")
    sound = np.full(16_000, 100, np.int16)
    model = load_model(ModelSettings(name=str(tiny)), threads=0)
    assert model.stamp.calibration is not None
    assert model.read([sound])[0].reason == "too quiet"
    model = load_model(ModelSettings(name=str(tiny), calibration="off", abstain=False), threads=0)
    assert model.stamp.calibration is None
    assert model.read([sound])[0].reason is None


def test_a_model_of_another_kind_comes_from_whoever_declares_it():
    model = load_model(ModelSettings(name="fake:read_s=0,load_s=0", prompt="mine"), threads=0)
    assert (model.stamp.name, model.stamp.prompt) == ("fake", "mine")


def test_a_folder_is_a_model_folder_whatever_is_declared_under_its_name(tiny: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tiny.parent)
    (tiny.parent / "fake").symlink_to(tiny)
    assert load_model(ModelSettings(name="fake"), threads=0).stamp.name == "tiny"


def test_what_nobody_declares_is_no_model():
    with pytest.raises(UsageError, match="nobody:1: no such model, and no such folder"):
        load_model(ModelSettings(name="nobody:1"), threads=0)
