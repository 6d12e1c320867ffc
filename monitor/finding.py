"""One line of the doctor's report."""

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["ok", "note", "FAIL"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found of one part."""

    part: str
    verdict: Verdict
    text: str
