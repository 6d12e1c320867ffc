"""What is measured on, and what was found: rows, of which some have a goal."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from benchmarks.gpu.limits import Ceilings, Timing, Work, timed
from benchmarks.gpu.shapes import REAL, Shapes

Better = Literal["at most", "at least"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One number; `limit` is the roofline's in the same unit, `ratio` what the goal is about."""

    name: str
    unit: str
    value: float
    least: float | None = None
    most: float | None = None
    limit: float | None = None
    ratio: float | None = None
    goal: tuple[Better, float] | None = None
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the goal is; None: there is none."""
        if self.goal is None:
            return None
        better, bound = self.goal
        value = self.value if self.ratio is None else self.ratio
        return value <= bound if better == "at most" else value >= bound


@dataclass(slots=True, kw_only=True)
class Bench:
    """What is measured on, and what was found."""

    device: str
    shapes: Shapes
    repeat: int
    utterances: int
    batches: tuple[int, ...]
    rows: list[Row] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    card: Ceilings = field(default_factory=lambda: Ceilings(bytes_s=math.inf, flop_s=math.inf))
    original_ms: dict[int, float] = field(default_factory=dict)

    @property
    def real(self) -> bool:
        """Whether goals count."""
        return self.shapes is REAL and self.device != "cpu"

    def add(self, name: str, timing: Timing, work: Work | None = None, **row: Any) -> None:
        """A time, and what of it no program could spare."""
        limit = work.limit_ms(self.card) if work else row.pop("limit", None)
        if limit and "ratio" not in row:
            row["ratio"] = timing.ms / limit
        self.put(
            Row(name=name, unit="ms", value=timing.ms, least=timing.least_ms, most=timing.most_ms, limit=limit, **row)
        )

    def put(self, row: Row) -> None:
        """A row; its goal only where it counts."""
        self.rows.append(row if self.real else replace(row, goal=None))

    def timed(self, function: Callable[[], object], **how: int) -> Timing:
        """See `benchmarks.gpu.limits.timed`."""
        return timed(function, self.device, **({"repeat": self.repeat, "warm_up": min(2, self.repeat)} | how))
