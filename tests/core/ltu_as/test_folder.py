from pathlib import Path

import pytest

from core.errors import UsageError
from core.ltu_as.folder import resolve_model


def test_a_model_folder_is_found_by_its_path(tmp_path: Path):
    (tmp_path / "config.json").touch()
    assert resolve_model(str(tmp_path)) == tmp_path


def test_a_name_that_is_no_folder_is_told_what_to_use(tmp_path: Path):
    with pytest.raises(UsageError) as caught:
        resolve_model(str(tmp_path / "none"))
    assert "no such model" in caught.value.one_line()
    assert "ltu-as-mini" in caught.value.hint


def test_a_folder_without_a_model_is_refused(tmp_path: Path):
    with pytest.raises(UsageError, match=r"no config\.json"):
        resolve_model(str(tmp_path))
