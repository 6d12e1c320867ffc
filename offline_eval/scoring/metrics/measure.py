"""What a measure is called in a report, and which way is better."""

from dataclasses import dataclass
from typing import Literal

Better = Literal["lower", "higher"]


@dataclass(frozen=True, slots=True)
class Measure:
    """One measure.

    Attributes:
        name: The key under which evaluations hold it.
        title: What a table calls it, with its unit.
        better: Which way is better; None where neither is, as for a level.
        headline: Whether systems are tested against each other on it.
        reported: Whether a report of rated speech has it.
    """

    name: str
    title: str
    better: Better | None
    headline: bool = False
    reported: bool = True
