import pytest

from core.errors import UsageError
from core.secret_file import read_secret


def test_a_byte_order_mark_is_no_part_of_a_secret(tmp_path):
    (tmp_path / "secret").write_bytes(b"\xef\xbb\xbfs3cret\r\n")
    assert read_secret("mqtt.password_file", str(tmp_path / "secret")).strip() == "s3cret"


@pytest.mark.parametrize("name", ["none", "with\0nul", "~no-such-user-here/password", "."])
def test_a_file_that_cannot_be_read_is_one_line_that_names_the_setting(tmp_path, name):
    file = name if name.startswith("~") else f"{tmp_path}/{name}"
    with pytest.raises(UsageError, match=r"^mqtt\.password_file: .*: ."):
        read_secret("mqtt.password_file", file)


def test_what_is_no_text_is_not_repeated(tmp_path):
    (tmp_path / "secret").write_bytes("s3cret".encode("utf-16"))
    with pytest.raises(UsageError, match="not UTF-8 text") as error:
        read_secret("mqtt.password_file", str(tmp_path / "secret"))
    assert "s3cret" not in error.value.one_line()
