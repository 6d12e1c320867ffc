"""Plots as SVG of a few shapes: no text, no script, colours from the page's style sheet by class.

They stretch to the width of whatever holds them, so words and numbers beside them are the page's and keep their size
on a phone.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby

from core.distribution import EMOTIONS, EmotionDistribution
from core.wire.events import UtteranceEvent
from monitor.export.session import Span, spoken
from monitor.export.summary import mean

COLUMNS = 320
"""Finest steps of a plot over time."""
MOST_TICKS = 5
STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400)
"""Between two ticks; beyond them, whole days."""
MINUTE_S, DAY_S = 60, 86_400


@dataclass(frozen=True, slots=True)
class Tick:
    """A time on the axis, and where: 0 is its left end, 1 its right end."""

    text: str
    place: float


def course(utterances: Sequence[UtteranceEvent], span: Span, losses: Sequence[Span], marks_s: Iterable[float]) -> str:
    """Distributions over time, stacked from the bottom in the order of EMOTIONS; a strip below says what is missing.

    Where several utterances share a column, it shows their mean, weighted by time.

    Args:
        utterances: Of one stream; those without a reading are half-high in the strip.
        span: Left and right end.
        losses: Sound that was not read: as high as the strip.
        marks_s: Moments that get a vertical line, in seconds since the epoch.
    """
    read = [(spoken(one), one.distribution) for one in utterances if one.distribution]
    unread = [spoken(one) for one in utterances if not one.distribution]
    bands = [f'<path class="{name}" d="{path}"/>' for name, path in _bands(_columns(read, span)).items() if path]
    strip = [_box(loss, span, 104, 12, "lost") for loss in losses]
    strip += [_box(utterance, span, 110, 6, "unread") for utterance in unread]
    lines = [
        f'<rect class="mark" x="{_place(at_s, span) * COLUMNS:.1f}" y="0" width="1" height="116"/>' for at_s in marks_s
    ]
    return _svg(COLUMNS, 116, [*bands, *strip, *lines])


def histogram(counts: Sequence[int]) -> str:
    """Bars that stand side by side, the highest as high as the plot."""
    most = max(*counts, 1)
    heights = [count / most * 100 for count in counts]
    return _svg(
        len(counts) * 10,
        100,
        [
            f'<rect class="count" x="{place * 10 + 0.5:.1f}" y="{100 - height:.1f}" width="9" height="{height:.1f}"/>'
            for place, height in enumerate(heights)
            if height
        ],
    )


def bar(share: float, kind: str) -> str:
    """One lying bar, 0 to 1 of its width, of the class `kind`."""
    width = f"{share * 100:.2f}"
    return _svg(
        100, 1, [f'<rect class="track" width="100" height="1"/><rect class="{kind}" width="{width}" height="1"/>']
    )


def ticks(span: Span) -> list[Tick]:
    """Round times (UTC) along the axis, at most MOST_TICKS, none at its very ends."""
    length_s = span.end_s - span.start_s
    days = max(int(length_s // (MOST_TICKS * DAY_S)) + 1, 1)
    step_s = next((step for step in STEPS_S if length_s / step <= MOST_TICKS), days * DAY_S)
    form = "%H:%M:%S" if step_s < MINUTE_S else "%H:%M" if length_s < DAY_S else "%m-%d %H:%M"
    first_s = -(-span.start_s // step_s) * step_s
    times_s = [first_s + number * step_s for number in range(MOST_TICKS + 1)]
    found = [Tick(datetime.fromtimestamp(time_s, UTC).strftime(form), _place(time_s, span)) for time_s in times_s]
    return [tick for tick in found if 0.03 <= tick.place <= 0.97]  # noqa: PLR2004 - a label needs room on both sides


def _columns(read: Iterable[tuple[Span, EmotionDistribution]], span: Span) -> list[EmotionDistribution | None]:
    heard: list[list[tuple[EmotionDistribution, float]]] = [[] for _ in range(COLUMNS)]
    for utterance, distribution in read:
        left, right = (_place(second, span) * COLUMNS for second in (utterance.start_s, utterance.end_s))
        for column in range(int(min(left, COLUMNS - 1)), min(int(right) + 1, COLUMNS)):
            overlap = min(right, column + 1) - max(left, column)
            if overlap > 0 or int(left) == column:
                heard[column].append((distribution, max(overlap, 1e-6)))
    return [mean([one for one, _ in parts], [weight for _, weight in parts]) if parts else None for parts in heard]


def _bands(columns: Sequence[EmotionDistribution | None]) -> dict[str, str]:
    """A path of boxes for each emotion; neighbours that are the same are one box."""
    paths = dict.fromkeys(EMOTIONS, "")
    x = 0
    for distribution, same in groupby(columns):
        width, below, exact = len(list(same)), 0.0, 0.0
        for name, share in zip(EMOTIONS, distribution or (), strict=False):
            exact += share * 100
            height = round(exact, 1) - below  # rounded where bands meet, so that none is open
            if height > 0:
                paths[name] += f"M{x} {100 - below:.1f}v{-height:.1f}h{width}v{height:.1f}z"
            below = round(exact, 1)
        x += width
    return paths


def _box(one: Span, span: Span, y: int, height: int, kind: str) -> str:
    left, right = (_place(second, span) * COLUMNS for second in (one.start_s, one.end_s))
    return f'<rect class="{kind}" x="{left:.1f}" y="{y}" width="{max(right - left, 1):.1f}" height="{height}"/>'


def _place(second_s: float, span: Span) -> float:
    length_s = span.end_s - span.start_s
    return min(max((second_s - span.start_s) / length_s, 0.0), 1.0) if length_s > 0 else 0.0


def _svg(width: float, height: float, shapes: Iterable[str]) -> str:
    inside = "".join(shapes)
    return f'<svg viewBox="0 0 {width} {height}" preserveAspectRatio="none" aria-hidden="true">{inside}</svg>'


def placed(seconds: Iterable[float], span: Span) -> Iterator[float]:
    """Where moments lie on the axis, 0 to 1."""
    return (_place(second_s, span) for second_s in seconds)
