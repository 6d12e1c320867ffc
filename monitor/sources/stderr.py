"""Keeps libraries written in C from printing over the terminal."""

import logging
import os
import tempfile
import threading
from contextlib import ExitStack, suppress
from typing import IO

_log = logging.getLogger(__name__)
_STDERR = 2


class _QuietStderr:
    """While anyone is inside, what goes to file descriptor 2 goes to the log instead.

    Libraries written in C print there, and it may be a dashboard's terminal. Whatever else prints meanwhile is caught,
    too, so nobody should stay inside for long.
    """

    def __init__(self) -> None:
        self._inside = 0
        self._lock = threading.Lock()
        self._undo = ExitStack()

    def __enter__(self) -> None:
        with self._lock:
            self._inside += 1
            if self._inside == 1:
                with suppress(OSError):  # it is closed: nothing can be printed there
                    self._redirect(os.dup(_STDERR))

    def __exit__(self, *exc_info: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                self._undo.close()

    def _redirect(self, terminal: int) -> None:
        printed = self._undo.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - the stack closes it
        self._undo.callback(_log_lines, printed)
        self._undo.callback(os.close, terminal)
        self._undo.callback(os.dup2, terminal, _STDERR)
        os.dup2(printed.fileno(), _STDERR)


quiet_stderr = _QuietStderr()


def _log_lines(printed: IO[bytes]) -> None:
    printed.seek(0)
    for line in printed:
        _log.debug("printed: %s", line.decode(errors="replace").rstrip())
