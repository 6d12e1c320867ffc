"""What people tell the running program."""

from enum import StrEnum


class Command(StrEnum):
    """One instruction."""

    PAUSE = "pause"
    """Stop listening; what was said until now is still read."""
    RESUME = "resume"
    """Listen again."""
    QUIT = "quit"
    """End the program."""
