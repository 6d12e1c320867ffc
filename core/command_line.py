"""What the command lines of both programs share: their log, how a command ends, and numbers in its arguments."""

import argparse
import io
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


class OutputError(EmotionMonitorError):
    """Standard output takes no more: it is closed, or its disk is full."""


class _StandardOutput(io.FileIO):
    """Standard output whose failures are told from those of other files."""

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except BrokenPipeError:
            raise
        except OSError as error:
            msg = f"cannot write to standard output: {error.strerror}"
            raise OutputError(msg) from error


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
    _open_closed_streams()
    try:
        status = command()
        sys.stdout.flush()
        sys.exit(status)
    except BrokenPipeError:  # whoever read the output has had enough, such as `head`
        _give_stdout_up()
        sys.exit(1)
    except EmotionMonitorError as error:
        if isinstance(error, OutputError):
            _give_stdout_up()
        sys.stderr.write(f"{program}: {error.one_line()}\n")
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def _open_closed_streams() -> None:
    """Standard streams that are closed (`>&-`) would have their numbers taken by what is opened next.

    What reads or writes there still fails, and says so; only messages for people go nowhere, as was asked for.
    """
    for number, way in ((0, os.O_WRONLY), (1, os.O_RDONLY), (2, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, way)  # takes the lowest free number
    sys.stderr = sys.stderr or os.fdopen(2, "w", closefd=False)
    if sys.stdout is sys.__stdout__:
        before = sys.stdout or os.fdopen(1, "w", closefd=False)
        at_once = bool(getattr(before, "write_through", False))  # PYTHONUNBUFFERED
        raw = _StandardOutput(1, "w", closefd=False)
        sys.stdout = io.TextIOWrapper(
            raw if at_once else io.BufferedWriter(raw),
            encoding=before.encoding,
            errors=before.errors,
            line_buffering=before.isatty(),
            write_through=at_once,
        )


def _give_stdout_up() -> None:
    """What still waits for it must not fail once more when the interpreter ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


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


def between(least: float, most: float) -> Callable[[str], float]:
    """An argparse type: a number from `least` to `most`."""

    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not least <= value <= most:
            msg = f"{text!r} is not a number from {least:g} to {most:g}"
            raise argparse.ArgumentTypeError(msg)
        return value

    return parse
