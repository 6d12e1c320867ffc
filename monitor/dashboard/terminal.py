"""The dashboard's hold on the terminal: nothing else may write there while it draws."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def own_terminal(log: Path) -> Iterator[None]:
    """Textual draws on standard output; what is written to standard error, by C libraries too, goes to a log.

    Textual itself would draw on standard error, where PortAudio and decoders complain.

    Args:
        log: File to write to; it is emptied first, and its folder is made. Where that cannot be, nothing is kept.
    """
    sys.stderr.flush()
    before, python_before = os.dup(2), sys.__stderr__
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as screen, _open(log) as file:
        os.dup2(file.fileno(), 2)
        sys.__stderr__ = screen  # type: ignore[misc]  # what Textual's driver asks for
        try:
            yield
        finally:
            sys.__stderr__ = python_before  # type: ignore[misc]
            sys.stderr.flush()
            os.dup2(before, 2)
            os.close(before)


def _open(log: Path) -> BinaryIO:
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        return log.open("wb")
    except OSError:
        return Path(os.devnull).open("wb")
