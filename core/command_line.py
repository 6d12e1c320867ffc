"""What the command lines of both programs share: how a command ends, and numbers in its arguments."""

import argparse
import os
import sys
from collections.abc import Callable
from typing import Any, NoReturn

from core.errors import EmotionMonitorError

INTERRUPTED = 130
"""Exit status after Ctrl-C."""


class Parser(argparse.ArgumentParser):
    """Says in one line what is wrong with the arguments, and takes no abbreviations."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"allow_abbrev": False, **options})

    def error(self, message: str) -> NoReturn:
        """Exits with status 2."""
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")


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
