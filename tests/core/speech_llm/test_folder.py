import json
import subprocess
import sys

import pytest

from core.errors import UsageError
from core.ltu_as.folder import EMBEDDED
from core.speech_llm.folder import called, is_hugging_face, model_path


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


def test_a_repository_is_called_without_its_revision():
    assert called("hf:Qwen/Qwen2-Audio-7B-Instruct@refs/pr/7") == "Qwen/Qwen2-Audio-7B-Instruct"
    assert called("some/folder") is None


def test_knowing_the_families_needs_no_torch():
    code = "import sys, core.speech_llm.folder; sys.exit(any(n in sys.modules for n in ('torch', 'transformers')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
