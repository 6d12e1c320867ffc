"""Errors that reach users as one line: what is wrong, and what to do about it."""

from core.printable import printable


class EmotionMonitorError(Exception):
    """Base of every error of ours.

    Attributes:
        hint: What the user can do about it, or None.
        exit_code: Exit status of a command that ends with this error.
    """

    exit_code = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint

    def one_line(self) -> str:
        """The message and the hint as one line that a terminal can be shown."""
        text = f"{self} ({self.hint})" if self.hint else str(self)
        return printable(" ".join(text.split()))


class UsageError(EmotionMonitorError):
    """A wrong argument, setting or file name: something the user can correct."""

    exit_code = 2


class AudioError(EmotionMonitorError):
    """Sound that cannot be captured or decoded."""


class ModelError(EmotionMonitorError):
    """A model folder or checkpoint that cannot be used."""


class WorkerError(EmotionMonitorError):
    """The inference process could not be started or kept alive."""


class BrokerError(EmotionMonitorError):
    """The MQTT broker cannot be started or reached."""
