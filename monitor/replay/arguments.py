"""What a command line says of a replay, as numbers."""

import math
from argparse import ArgumentTypeError

MOST_PARTS = 3


def position(text: str) -> float:
    """Seconds of `MM:SS`, `H:MM:SS` or plain seconds.

    Raises:
        ArgumentTypeError: It is none of them.
    """
    parts = text.split(":")
    seconds = 0.0
    try:
        for part in parts:
            seconds = seconds * 60 + _not_negative(part)
    except ValueError:
        parts = []
    if not 1 <= len(parts) <= MOST_PARTS:
        msg = f"{text!r} is no position: write MM:SS, H:MM:SS or seconds"
        raise ArgumentTypeError(msg)
    return seconds


def speed(text: str) -> float:
    """How much faster than real time; `max` is infinite.

    Raises:
        ArgumentTypeError: It is no such number.
    """
    try:
        value = math.inf if text == "max" else _not_negative(text)
    except ValueError:
        value = 0.0
    if value == 0:
        msg = f"{text!r} is no speed: write a number such as 0.5 or 8, or max"
        raise ArgumentTypeError(msg)
    return value


def _not_negative(text: str) -> float:
    value = float(text)
    if not 0 <= value < math.inf:
        raise ValueError(text)
    return value
