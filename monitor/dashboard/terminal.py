"""The dashboard's hold on the terminal: nothing else may write there while it draws."""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from core.errors import EmotionMonitorError

logger = logging.getLogger(__name__)


class DashboardError(EmotionMonitorError):
    """The dashboard cannot be shown any more."""


@contextmanager
def own_terminal(log: Path) -> Iterator[None]:
    """Textual draws on standard output; what is written to standard error, by C libraries too, goes to a log.

    Textual itself would draw on standard error, where PortAudio and decoders complain.

    Args:
        log: File to write to; it is emptied first, and its folder is made. Only the user may read it: names of files
            and microphones are in it. Where that cannot be, nothing is kept.

    Raises:
        DashboardError: In place of any error that is not ours; the log has its traceback.
    """
    sys.stderr.flush()
    before, python_before = os.dup(2), sys.__stderr__
    screen = os.fdopen(os.dup(1), "w", encoding="utf-8")
    with _open(log) as file:
        os.dup2(file.fileno(), 2)
        sys.__stderr__ = screen  # type: ignore[misc]  # what Textual's driver asks for
        try:
            yield
        except EmotionMonitorError:
            raise
        except Exception as error:
            logger.exception("the dashboard failed")
            cause = error.exceptions[0] if isinstance(error, ExceptionGroup) else error
            msg = f"the dashboard failed: {type(cause).__name__}: {cause}"
            raise DashboardError(msg, hint=f"please report it; {log} says more") from error
        finally:
            sys.__stderr__ = python_before  # type: ignore[misc]
            sys.stderr.flush()
            os.dup2(before, 2)
            os.close(before)
            with suppress(OSError):  # a terminal that was closed takes no last words
                screen.close()


def _open(log: Path) -> BinaryIO:
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):
            log.chmod(0o600)  # earlier versions left it open to all
        return os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")
    except OSError:
        return Path(os.devnull).open("wb")
