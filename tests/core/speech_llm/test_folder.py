import json
import subprocess
import sys
from pathlib import Path

import pytest

from core.errors import UsageError
from core.ltu_as.folder import EMBEDDED
from core.speech_llm.fetching import fetch
from core.speech_llm.folder import called, is_hugging_face, model_path
from core.speech_llm.model_types import family_of
from tests.hub_server import Hub, tiny_repository, use


def test_a_folder_is_told_from_ltu_as_by_its_config(tmp_path):
    assert not is_hugging_face(model_path(EMBEDDED))
    assert not is_hugging_face(tmp_path)
    (tmp_path / "config.json").write_text("[1]")
    assert not is_hugging_face(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "qwen2_audio"}))
    assert is_hugging_face(model_path(str(tmp_path)))


def test_names_that_are_no_repository_are_folders(tmp_path):
    with pytest.raises(UsageError, match="no such model"):
        model_path(str(tmp_path / "none"))


def test_a_server_has_no_folder():
    with pytest.raises(UsageError, match="a server gives no logits to keep"):
        model_path("openai:http://127.0.0.1:8000/m")


def test_a_snapshot_of_the_hub_is_called_as_its_repository_and_another_folder_as_it_is(tmp_path, monkeypatch):
    with Hub({"acme/tiny-audio": tiny_repository()}) as hub:
        use(hub, tmp_path, monkeypatch)
        assert called(fetch("hf:acme/tiny-audio")) == "acme/tiny-audio"
    assert called(tmp_path) == tmp_path.name
    assert called(Path("/")) == ""


def test_a_quantisation_of_null_is_none():
    assert family_of({"model_type": "qwen2_audio", "quantization_config": None}, "x").title == "Qwen2-Audio"


def test_knowing_the_families_needs_no_torch():
    code = "import sys, core.speech_llm.folder; sys.exit(any(n in sys.modules for n in ('torch', 'transformers')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
