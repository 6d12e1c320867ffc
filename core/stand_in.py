"""What lies in place of a file that was asked for: a web page that a download saved, or the pointer of a clone."""

import re
from dataclasses import dataclass
from pathlib import Path

from core.errors import EmotionMonitorError

_HEAD_BYTES = 1024
_POINTER = b"version https://git-lfs"
_WEB_PAGE = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:<!--|<\?xml\b|<!doctype\s+html\b|<html\b|<head\b)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class StandIn:
    """What a file is instead, and what to do about it."""

    name: str
    hint: str


WEB_PAGE = StandIn("a web page", "download the file itself, not the page that shows or refuses it")
POINTER = StandIn("a Git LFS pointer", "run `git lfs pull` where it was cloned")


def stand_in(head: bytes) -> StandIn | None:
    """What the first bytes of a file give away; None where they look like nothing of the sort."""
    if head.startswith(_POINTER):
        return POINTER
    return WEB_PAGE if _WEB_PAGE.match(head) else None


def refuse_stand_in(path: Path, wanted: str, error: type[EmotionMonitorError]) -> None:
    """Refuses a file in whose place something else lies.

    Args:
        path: The file.
        wanted: What it should be, for the message.
        error: What is raised.

    Raises:
        EmotionMonitorError: `error`, if it is a web page or a Git LFS pointer.
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        found = stand_in(file.read(_HEAD_BYTES))
    if found is not None:
        msg = f"{path}: {found.name}, not {wanted}"
        raise error(msg, hint=found.hint)
