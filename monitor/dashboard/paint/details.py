"""Paints all that is known of one utterance, block by block. Pure: from an account and a width to styled text."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from textual.content import Content

from core.distribution import EMOTIONS, EmotionDistribution
from core.verdict import agreement, verdict
from core.wire.events import LatencyMs, TokensEvent, UtteranceEvent
from monitor.dashboard.paint import bars, reading, wording
from monitor.dashboard.paint.stack import EIGHTHS, cell, tops, whole_rows
from monitor.dashboard.paint.text import NARROW, fitting, lines
from monitor.dashboard.state.rows import LostRow, Row
from monitor.dashboard.state.view_model import DashboardState, one_line
from monitor.label import labelled

STAGES = ("hangover", "queue", "features", "llm", "rest")
"""Where the time went, in order; `rest` is what lies between the others."""
STAGE_INKS = ("$quiet", "$warning", "$primary", "$accent", "$foreground")
SHADES, PLAIN_SHADES = "░▒▓█▁", "hqflr"
NUMBERS_WIDTH = 16
"""Four percentages."""
NAME_WIDTH = 22
"""The longest read-out's name, with a pointer."""
SAME = ("% from the same logits, uncalibrated", "same logits, uncalibrated", "uncalibrated", "")
NOT_WRITTEN = "How the answer came about was not kept: press x to let the model write its answer from now on."
ASKED = "Written answers were asked for: the next utterances will show theirs."


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What is known of one row of the table."""

    row: Row
    reading: UtteranceEvent | None
    tokens: TokensEvent | None
    place: int
    """Counted from the oldest row, 1 is that."""
    total: int
    source: str = ""
    explains: bool = False
    """Whether the model is writing its answers."""

    @property
    def title(self) -> str:
        """Which row this is."""
        what = "sound without a reading" if isinstance(self.row, LostRow) else "utterance"
        return f"{what} · {self.place} of {self.total}"


def account(state: DashboardState, row: Row) -> Account:
    """Gathers what is known of a row."""
    utterance = None if isinstance(row, LostRow) else row.heard.utterance
    stream = next((stream for stream in state.streams if stream.stream == row.stream), None)
    tuning = state.health.tuning if state.health else None
    place = next((i for i, other in enumerate(state.history, start=1) if other is row), len(state.history))
    return Account(
        row=row,
        reading=None if stream is None or utterance is None else stream.past.reading(utterance),
        tokens=None if utterance is None else state.tokens.of(row.stream, utterance),
        place=place,
        total=len(state.history),
        source=labelled(stream.source, stream.name) if stream else row.stream,
        explains=tuning.explain if tuning else False,
    )


def facts(known: Account, width: int) -> Content:
    """When it was, how long, where from, and what read it."""
    row, said = known.row, known.reading
    if isinstance(row, LostRow):
        end_s = row.start_s + row.length_s
        when = [_stretch(row.start_s, end_s), f"{row.length_s:.1f} s", known.source]
        return lines(*_wrapped(when, width), Content.empty(), *_folded(wording.loss(row), width, "bold"))
    heard = row.heard
    start_s, end_s = heard.start_s or 0.0, heard.end_s or 0.0
    first = [_stretch(start_s, end_s), wording.length(heard)]
    if said is None:
        return lines(*_wrapped(first, width))
    first += [_clock(said), one_line(labelled(said.source, said.name))]
    if said.truncated_s > 0:
        first.append(f"{said.truncated_s:.1f} s more than the model hears")
    stamp = said.model
    second = [
        stamp.name,
        f"prompt {stamp.prompt}",
        f"read-out {stamp.readout}",
        f"calibration {stamp.calibration}" if stamp.calibration else "uncalibrated",
    ]
    if said.prompt_spread is not None:
        second.append(f"prompt spread {said.prompt_spread:.2f}")
    if adaptation := said.adaptation:
        second.append(f"{adaptation.utterances} of this voice heard before, weight {adaptation.weight:.2f}")
    return lines(*_wrapped(first, width), *_wrapped(second, width))


def heard(known: Account, width: int) -> Content:
    """What was heard in words and bars, raw and smoothed."""
    row = known.row
    if isinstance(row, LostRow):
        return Content.empty()
    raw, smoothed, worth = row.heard.raw, row.heard.smoothed, row.heard.worth
    if raw is None:
        return lines(*_folded(f"no reading: {row.heard.reason}", width, "bold"), *reading.rows(None, smoothed, width))
    said = verdict(raw, worth) if row.heard.final else f"so far {verdict(raw, worth)}"
    sure = [agreement(raw, worth), f"margin {raw.margin:.2f}", f"entropy {raw.entropy:.2f}"]
    key = "█ this utterance   │ smoothed" if smoothed else "█ this utterance"
    if smoothed and width < NARROW:
        numbers = zip(EMOTIONS, smoothed, strict=True)
        key = "│ smoothed " + " ".join(f"{name[0].upper()} {wording.percent(share)}" for name, share in numbers)
    return lines(
        *_folded(said, width, "bold"),
        *_wrapped(sure, width),
        *reading.rows(raw, smoothed, width),
        Content.styled(f"{key:>{width}}", "$quiet"),
    )


def latency(spent: LatencyMs, width: int, *, plain: bool = False) -> Content:
    """Where the time between the last sound and the reading went: a bar, and the stages with their milliseconds.

    Of a hangover in which the reading was begun already, the bar shows the silence before that.
    """
    known = [spent.hangover, spent.queue, spent.features, spent.llm]
    within = max(min(sum(known) - spent.total, spent.hangover), 0.0)
    told = [max(value, 0.0) for value in (*known, spent.total - sum(known))]
    stages = [max(told[0] - within, 0.0), *told[1:]]
    whole = sum(stages)
    total = wording.milliseconds(spent.total)
    title = fitting(width, (f"latency {total}, from the last sound of the speech", f"latency {total}"))
    shades = PLAIN_SHADES if plain else SHADES
    parts = [
        Content.assemble((shade, ink), f" {name} {wording.milliseconds(value)}")
        for shade, ink, name, value in zip(shades, STAGE_INKS, STAGES, told, strict=True)
    ]
    shares = tuple(value / whole for value in stages) if whole else ()
    cells = whole_rows(shares, width) if shares else ()
    bar = Content.assemble(*((shades[stage], STAGE_INKS[stage]) for stage in cells))
    return lines(Content.styled(title, "$quiet"), bar, *_flowing(parts, width, "  "))


def readouts(known: Account, width: int, *, plain: bool = False) -> Content:
    """Every read-out of the same logits, one a line, the one in use pointed at."""
    event = known.tokens
    if event is None:
        return Content.empty()
    in_use = known.reading.model.readout.partition("/")[0] if known.reading else ""
    room = width - NAME_WIDTH - NUMBERS_WIDTH - 1
    name_width = NAME_WIDTH if room >= 0 else max(width - NUMBERS_WIDTH, 0)
    letters = "".join(f"{letter[0].upper():>4}" for letter in EMOTIONS)
    title = fitting(name_width, ("read-outs", ""))
    head = f"{title:<{name_width}}{letters} {fitting(max(room, 0), SAME)}"
    painted = [Content.styled(head, "$quiet")]
    for name, distribution in event.readouts.items():
        used = name == in_use
        label = f"{'▸' if used else ' '} {one_line(name)}"
        parts: list[Content | tuple[str, str]] = [
            (f"{label[:name_width]:<{name_width}}", "bold" if used else ""),
        ]
        if distribution is None:
            parts.append(("gives none", "$quiet"))
        else:
            parts.append(("".join(f"{wording.percent(share):>4}" for share in distribution), "bold" if used else ""))
            if room > len(EMOTIONS):
                parts += [(" ", ""), stacked_bar(distribution, room, plain=plain)]
        painted.append(Content.assemble(*parts))
    return lines(*painted)


def stacked_bar(distribution: EmotionDistribution, width: int, *, plain: bool = False) -> Content:
    """A distribution as one bar, in the order of EMOTIONS."""
    shares = tuple(distribution)
    if plain:
        return Content("".join(EMOTIONS[band][0] for band in whole_rows(shares, width)))
    ends = tops(shares, width)
    parts = []
    for place in range(width):
        left, right, eighths = cell(ends, place)
        char = "█" if eighths == EIGHTHS else bars.EIGHTHS[eighths - 1]
        parts.append((char, f"${EMOTIONS[left]} on ${EMOTIONS[right]}"))
    return Content.assemble(*parts)


def answer(known: Account, width: int) -> Content:
    """What stands above the tokens: the answer, or how to get one."""
    if isinstance(known.row, LostRow) or known.row.heard.raw is None:
        return Content.empty()
    event = known.tokens
    if event is None:
        return lines(*_folded(ASKED if known.explains else NOT_WRITTEN, width, "$quiet"))
    if event.answer is None:
        hint = "the answer was not written; " + (
            "the next ones will be" if known.explains else "x: write the next ones"
        )
        return lines(*_folded(f"tokens: {hint}", width, "$quiet"))
    return lines(*_folded(f"answer: {one_line(event.answer)}", width, ""))


def transcript(known: Account, width: int) -> Content:
    """What was said, where that is on."""
    said = known.reading.transcript if known.reading else None
    return lines(*_folded(f"said: {one_line(said)}", width, "")) if said else Content.empty()


def _stretch(start_s: float, end_s: float) -> str:
    return f"{wording.position(start_s)} to {wording.position(end_s)}"


def _clock(reading: UtteranceEvent) -> str:
    try:
        return f"{datetime.fromisoformat(reading.started_at).astimezone():%H:%M:%S}"
    except (ValueError, OverflowError):
        return one_line(reading.started_at)


def _wrapped(parts: Sequence[str], width: int) -> list[Content]:
    """Parts with dots between them, on as many lines as it takes."""
    if any(len(part) > width for part in parts):
        return _folded(" · ".join(filter(None, parts)), width, "$quiet")
    return _flowing([Content.styled(part, "$quiet") for part in parts if part], width, " · ")


def _flowing(parts: Sequence[Content], width: int, gap: str) -> list[Content]:
    lines: list[Content] = []
    for part in parts:
        if lines and lines[-1].cell_length + len(gap) + part.cell_length <= width:
            lines[-1] = Content.assemble(lines[-1], (gap, "$quiet"), part)
        else:
            lines.append(part)
    return lines


def _folded(text: str, width: int, style: str) -> list[Content]:
    """Text on as many lines as it takes, broken at blanks."""
    return _flowing([Content.styled(word, style) for word in text.split(" ")], max(width, 1), " ")
