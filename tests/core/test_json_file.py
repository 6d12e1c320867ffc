import pytest

from core.json_file import read_json


def test_a_byte_order_mark_changes_nothing(tmp_path):
    (tmp_path / "a.json").write_bytes(b'\xef\xbb\xbf{"a": "\xc3\xa9"}')
    assert read_json(tmp_path / "a.json") == {"a": "é"}


@pytest.mark.parametrize("data", [b"{", b"\xff", b"", b"[" * 100_000], ids=["half", "no UTF-8", "empty", "deep"])
def test_what_is_no_json_or_nests_without_end_is_a_value_error(tmp_path, data):
    (tmp_path / "a.json").write_bytes(data)
    with pytest.raises(ValueError, match=r"."):
        read_json(tmp_path / "a.json")
