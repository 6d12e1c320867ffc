import pytest

from core.errors import ModelError
from core.stand_in import POINTER, WEB_PAGE, refuse_stand_in, stand_in


@pytest.mark.parametrize(
    ("head", "found"),
    [
        (b"<!DOCTYPE html><html lang='en'>", WEB_PAGE),
        (b"\xef\xbb\xbf\n  <HTML>", WEB_PAGE),
        (b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", WEB_PAGE),
        (b"<!-- made by --><html>", WEB_PAGE),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", POINTER),
        (b"<htmlish", None),
        (b"", None),
        (b"PK\x03\x04<html>", None),
        (b"path,speaker,label\n<html>,1,sad\n", None),
    ],
)
def test_a_web_page_or_a_pointer_is_known_by_its_first_bytes(head, found):
    assert stand_in(head) is found


def test_it_is_named_with_what_was_wanted_and_what_to_do(tmp_path):
    (tmp_path / "large.pt").write_bytes(b"<html>")
    with pytest.raises(ModelError, match=r"large\.pt: a web page, not weights") as error:
        refuse_stand_in(tmp_path / "large.pt", "weights", ModelError)
    assert error.value.hint == WEB_PAGE.hint
