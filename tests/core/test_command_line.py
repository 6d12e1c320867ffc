"""What reaches a terminal: an error as one line, a log, arguments that are wrong."""

import io
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.command_line import LogFormatter, Parser, end_with
from core.errors import UsageError
from core.printable import printable

NAME = "talk\x1b[31m\x9b2J\nemotion-monitor: all is well\u202e.wav"
SHOWN = r"talk\x1b[31m\x9b2J\nemotion-monitor: all is well\u202e.wav"


@given(st.text())
def test_any_text_becomes_one_line_that_a_terminal_only_shows(text):
    assert printable(text).isprintable()
    assert printable(text) == text or not text.isprintable()


def test_names_in_any_script_stay_as_they_are():
    assert printable("居間 Küche ☎.wav") == "居間 Küche ☎.wav"


def test_a_file_name_in_the_log_says_what_is_in_it_and_does_nothing():
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(LogFormatter("emotion-monitor: %(message)s"))
    for message, cause in (("listening to " + NAME, None), ("it failed", (OSError, OSError(NAME), None))):
        handler.handle(logging.LogRecord("test", logging.INFO, "", 0, message, None, cause))
    first, second, *traceback = written.getvalue().split("\n")
    assert first == f"emotion-monitor: listening to {SHOWN}"
    assert second == "emotion-monitor: it failed"
    assert "\n".join(traceback) == f"OSError: {SHOWN}\n".replace(r"\n", "\n"), "a traceback has lines of its own"


def test_so_does_one_in_an_error_and_in_an_argument(capsys):
    def fail() -> int:
        raise UsageError(NAME)

    with pytest.raises(SystemExit):
        end_with("emotion-monitor", fail)
    with pytest.raises(SystemExit):
        Parser(prog="emotion-monitor").parse_args([NAME])
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert all(line.isprintable() for line in lines)
