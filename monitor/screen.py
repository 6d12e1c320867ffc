"""Whether there is a screen for the dashboard."""

import os
import sys

SERVED = "TEXTUAL_DRIVER"
"""Set by `textual serve`, whose browser takes the place of a terminal."""


def has_screen() -> bool:
    """Whether someone looks: a terminal on both standard streams, or a browser behind `textual serve`."""
    if os.environ.get(SERVED):
        return True
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout))
