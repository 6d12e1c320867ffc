from pathlib import Path

import pytest

from core.errors import UsageError
from core.user_path import user_path


def test_a_tilde_is_the_home_folder():
    assert user_path("record.folder", "~/talks") == Path.home() / "talks"


@pytest.mark.parametrize("path", ["talks", "/nowhere/at/all", f"{__file__}/below a file", "", "日本語"])
def test_what_may_be_there_one_day_is_left_open(path):
    assert user_path("record.folder", path) == Path(path)


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("~no-such-user-here/talks", "home folder of ~no-such-user-here"),
        ("with\0nul", "no file has such a name"),
        ("half a \ud800 letter", "no file has such a name"),
        ("x" * 5000, "too long"),
    ],
)
def test_what_can_never_be_there_is_one_line_that_names_the_setting(path, why):
    with pytest.raises(UsageError, match=rf"^record\.folder: .*{why}") as error:
        user_path("record.folder", path)
    assert error.value.one_line().isprintable()
