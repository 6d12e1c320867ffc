"""What the command lines of both programs share: their log, how a command ends, and numbers in its arguments."""

import argparse
import logging
import math
import os
import sys
from collections.abc import Callable
from typing import Any, NoReturn

from core.errors import EmotionMonitorError
from core.printable import printable

INTERRUPTED = 130
"""Exit status after Ctrl-C."""


class Parser(argparse.ArgumentParser):
    """Says in one line what is wrong with the arguments, and takes no abbreviations."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"allow_abbrev": False, **options})

    def error(self, message: str) -> NoReturn:
        """Exits with status 2."""
        self.exit(2, f"{self.prog}: {printable(message)} (see {self.prog} --help)\n")


class LogFormatter(logging.Formatter):
    """One line for each message, whatever is in it; tracebacks have several."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 as in logging
        """The line."""
        return printable(super().formatMessage(record))

    def formatException(self, ei: Any) -> str:  # noqa: N802 as in logging
        """The traceback."""
        return "\n".join(map(printable, super().formatException(ei).splitlines()))


def log_to_stderr(form: str, *, level: int) -> None:
    """Shows the log from this level up on standard error, in this form."""
    handler = logging.StreamHandler()
    handler.setFormatter(LogFormatter(form))
    logging.basicConfig(level=level, handlers=[handler])


def end_with(program: str, command: Callable[[], int]) -> NoReturn:
    """Runs a command and exits with its status; an error of ours becomes one line on standard error.

    Exit statuses: 0 done, 1 failed while running, 2 usage or configuration, 130 interrupted.
    """
    try:
        status = command()
        sys.stdout.flush()
        sys.exit(status)
    except BrokenPipeError:  # whoever read the output has had enough, such as `head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except EmotionMonitorError as error:
        sys.stderr.write(f"{program}: {error.one_line()}\n")
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def whole_number(least: int) -> Callable[[str], int]:
    """An argparse type: digits only, at least `least`."""

    def parse(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            msg = f"{text!r} is not a whole number from {least} up"
            raise argparse.ArgumentTypeError(msg)
        return int(text)

    return parse


def above_0(text: str) -> float:
    """An argparse type: a number above 0 that is not endless."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < math.inf:
        msg = f"{text!r} is not a number above 0"
        raise argparse.ArgumentTypeError(msg)
    return value
