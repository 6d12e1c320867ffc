"""Pure painters: from what is known and a width to styled text. Colours are names of theme variables."""

import functools
from enum import Enum

from textual.content import Content

from core.distribution import EMOTIONS, EmotionDistribution
from monitor.dashboard import bars, wording
from monitor.dashboard.view_model import FLOOR_DBFS, DashboardState, Heard, Level, Notice

CLIP_DBFS = -0.1
"""A peak from here on is called clipping."""
GRID = "╎"
ROOMY_HEADER = 110
"""From so many cells on, the header names the recording."""
NARROW = 44
"""Below this many cells, labels are letters and only one number is shown."""


class Density(Enum):
    """How much room a stream's panel takes: its height in lines without a border."""

    ROOMY = 14
    PLAIN = 7
    COMPACT = 3


def spread(left: Content, right: Content, width: int) -> Content:
    """Left and right text at the two ends of a line; what does not fit on the right is left out."""
    gap = width - left.cell_length - right.cell_length
    return Content.assemble(left, " " * gap, right) if gap >= 1 else left


def header(state: DashboardState, title: str, width: int) -> Content:
    """The first line: program, model, how it is read, and the broker."""
    stamp, session = state.stamp, state.session
    model = wording.model_name(state)
    prompt = stamp.prompt if stamp else session.prompt
    readout = stamp.readout if stamp else session.readout
    calibrated = [] if stamp is None else ["calibrated" if stamp.calibration else "uncalibrated"]
    device = state.worker.device if state.worker and state.worker.device != "auto" else ""
    placed = " on ".join(part for part in (model, device) if part)
    long = [placed, prompt and f"prompt {prompt}", readout and f"read-out {readout}", *calibrated]
    short = [placed, prompt, readout, *calibrated]
    recording = state.health.recording if state.health else None
    mark = f" ● RECORDING {recording} " if width >= ROOMY_HEADER else " ● REC "
    right = Content.assemble(
        (mark, "bold $background on $error") if recording else "",
        "  " if recording else "",
        (" PAUSED ", "bold $background on $warning") if state.paused else "",
        "  " if state.paused else "",
        ("MQTT ", "$quiet"),
        (wording.mqtt_state(state.mqtt), "$warning" if state.mqtt and state.mqtt.state == "degraded" else ""),
    )
    room = width - right.cell_length - 1
    for name, facts in ((title, long), (title, short), ("", short), ("", [placed, *calibrated]), ("", [model])):
        text = " · ".join(fact for fact in facts if fact)
        left = Content.assemble((name, "bold $accent"), "   " if name else "", text)
        if left.cell_length <= room:
            return spread(left, right, width)
    return spread(Content.empty(), right, width) if right.cell_length < width else right


def printable(content: Content) -> Content:
    """The same text with control characters, which could come from outside, made visible instead of sent."""
    text = content.plain
    if text.replace("\n", "").isprintable():
        return content
    safe = "".join(char if char == "\n" or char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
    return Content(safe, list(content.spans))


def line(text: str, style: str, _width: int) -> Content:
    """One line of text."""
    return Content.styled(text, style)


def meter(level: Level, width: int) -> Content:
    """The level meter: state in a word, line from -60 to 0 dBFS with its peak, and the number."""
    glyph, word = ("●", "speaking") if level.speaking else ("◐", "voice") if level.voiced else ("○", "quiet")
    style = "$voice" if level.speaking or level.voiced else "$quiet"
    word = f"{glyph} {word:<9}" if width >= NARROW else f"{glyph} "
    clipping = level.peak_dbfs >= CLIP_DBFS
    number = "clipping" if clipping and width >= NARROW else wording.decibels(level.rms_dbfs)
    number = f"{number:>11} " if width >= NARROW // 2 else ""
    cells = max(width - len(word) - len(number), 0)
    loud = bars.line(_loudness(level.rms_dbfs), cells)
    content = Content.assemble((loud, style), ("─" * (cells - len(loud)), "$edge"))
    peak = bars.mark(_loudness(level.peak_dbfs), cells) if level.peak_dbfs > FLOOR_DBFS else -1
    if len(loud) <= peak < cells:
        content = Content.assemble(content[:peak], ("╸", style), content[peak + 1 :])
    return Content.assemble((word, style), content, (number, "$warning" if clipping else "$quiet"))


def track(share: float, width: int, colour: str, marked: int | None = None) -> Content:
    """A bar on its track, `width` cells wide, with an optional mark in one cell."""
    content = Content.styled(bars.bar(share, width).ljust(max(width, 0)), f"{colour} on $track")
    return content if marked is None else _with_mark(content, marked, colour, "$track")


def chart(share: float, width: int, colour: str, marked: int | None = None) -> Content:
    """A bar on a chart with fine lines at every quarter, `width` cells wide, with an optional mark in one cell."""
    text = bars.bar(share, width)
    content = Content.assemble((text, colour), (_grid(width)[len(text) :], "$edge"))
    return content if marked is None else _with_mark(content, marked, colour, "")


@functools.cache
def _grid(width: int) -> str:
    """A fine line at each quarter; the last one just inside."""
    quarters = {min(round(width * quarter / 4), width - 1) for quarter in range(5)}
    return "".join(GRID if cell in quarters else " " for cell in range(width))


def _with_mark(content: Content, cell: int, colour: str, ground: str) -> Content:
    if not 0 <= cell < len(content):
        return content
    inside = content.plain[cell] == "█"
    style = f"bold $background on {colour}" if inside else f"bold $mark on {ground}" if ground else "bold $mark"
    return Content.assemble(content[:cell], ("│", style), content[cell + 1 :])


def reading(headline: str, parts: tuple[str, ...], heard: Heard | None, density: Density, width: int) -> Content:
    """The current distribution of a stream with its words, in the lines that the density allows below the meter."""
    title = Content.styled(headline, "bold" if heard and heard.raw else "bold $quiet")
    raw, smoothed = (heard.raw, heard.smoothed) if heard else (None, None)
    if density is Density.COMPACT:
        room = width - title.cell_length - 2
        return lines(spread(title, details(parts, room), width), in_a_row(raw, smoothed, width))
    if density is Density.PLAIN:
        return lines(title, details(parts, width), *rows(raw, smoothed, width))
    return lines(Content.empty(), title, details(parts, width), Content.empty(), *roomy_rows(raw, smoothed, width))


def details(parts: tuple[str, ...], width: int) -> Content:
    """As many parts as fit, the last ones first; that someone still speaks stands out."""
    while len(parts) > 1 and len(" · ".join(parts)) > width:
        parts = parts[1:]
    styled = [Content.styled(part, "$voice" if part == wording.STILL_SPEAKING else "$quiet") for part in parts]
    return Content.styled(" · ", "$quiet").join(styled)


def lines(*parts: Content) -> Content:
    """Lines one below the other."""
    return Content("\n").join(parts)


def rows(raw: EmotionDistribution | None, smoothed: EmotionDistribution | None, width: int) -> list[Content]:
    """Four lines: label, bar with the smoothed value as a mark, and both numbers."""
    narrow = width < NARROW
    painted = []
    for index, name in enumerate(EMOTIONS):
        share = tuple(raw)[index] if raw else None
        mean = tuple(smoothed)[index] if smoothed else None
        label = f"{name[0].upper()} " if narrow else f"{name:<11}"
        numbers = Content.assemble(
            (_number(share), _number_style(share)),
            "" if narrow else (f"{_number(mean)}", "$quiet"),
            "" if narrow else " ",
        )
        cells = width - len(label) - numbers.cell_length
        marked = None if mean is None else bars.mark(mean, cells)
        painted.append(Content.assemble((label, f"${name}"), chart(share or 0.0, cells, f"${name}", marked), numbers))
    return painted


def roomy_rows(raw: EmotionDistribution | None, smoothed: EmotionDistribution | None, width: int) -> list[Content]:
    """Two lines per emotion, the utterance's bar and the smoothed line below it, and a scale."""
    if width < NARROW:
        return rows(raw, smoothed, width)
    painted = []
    cells = width - 11 - 6
    for index, name in enumerate(EMOTIONS):
        share = tuple(raw)[index] if raw else None
        mean = tuple(smoothed)[index] if smoothed else None
        painted.append(
            Content.assemble(
                (f"{name:<11}", f"${name}"),
                chart(share or 0.0, cells, f"${name}"),
                (_number(share), _number_style(share)),
                " ",
            )
        )
        thin = bars.line(mean or 0.0, cells).ljust(cells)
        painted.append(Content.assemble(" " * 11, (thin, f"${name} 70%"), (_number(mean), "$quiet"), " "))
    return [*painted, Content.styled(" " * 11 + scale(cells), "$quiet")]


def scale(cells: int) -> str:
    """0, 25, 50, 75 and 100 % under a bar of so many cells."""
    text = [" "] * (cells + 4)
    for percent in (0, 25, 50, 75, 100):
        label = f"{percent}"
        at = round(cells * percent / 100) - (len(label) // 2 if percent else 0)
        text[at : at + len(label)] = label
    return "".join(text).rstrip() + " %"


def in_a_row(raw: EmotionDistribution | None, smoothed: EmotionDistribution | None, width: int) -> Content:
    """All four bars on one line, with the smoothed values as marks; numbers alone where it is very narrow."""
    room = width // len(EMOTIONS)
    parts: list[Content] = []
    for index, name in enumerate(EMOTIONS):
        share = tuple(raw)[index] if raw else None
        mean = tuple(smoothed)[index] if smoothed else None
        label = next((text for text in (name, wording.SHORT[name]) if room >= len(text) + 16), name[0].upper())
        cells = room - len(label) - 7
        marked = None if mean is None else bars.mark(mean, cells)
        middle = track(share or 0.0, cells, f"${name}", marked) if cells > 1 else Content.empty()
        number = _number(share)[1:] if cells > 1 else _number(share).strip(" %")
        gap = "  " if cells > 1 else " "
        label += gap[1:]
        parts.append(Content.assemble((label, f"${name}"), middle, (number, _number_style(share)), gap))
    return Content.empty().join(parts)


def health(state: DashboardState, width: int) -> Content:
    """Two lines: the inference process, what was lost, and the other sinks."""
    event = state.health
    if event is None:
        return Content.styled("Health: not known yet", "$quiet")
    worker = event.worker
    p50, p95 = event.latency_p50_ms, event.latency_p95_ms
    first = [
        ("model", wording.worker_state(worker), worker.state in {"restarting", "failed"}),
        ("restarts", f"{max(worker.generation - 1, 0)}", worker.generation > 1),
        ("queue", f"{worker.queued}", False),
        ("compute", wording.NONE if p50 is None else wording.milliseconds(p50), False),
        ("p95", wording.NONE if p95 is None else wording.milliseconds(p95), False),
        ("memory", f"{worker.rss_mb:.0f} MB", False),
    ]
    second = [("dropped", wording.losses(state.lost), wording.worrying(state.lost))]
    for sink in state.sinks:
        name = "MQTT" if sink is state.mqtt else sink.name.partition(":")[0]
        word = wording.mqtt_state(sink) if sink is state.mqtt else sink.state
        text = f"{word}, {sink.queued} waiting" + (f", {sink.dropped} dropped" if sink.dropped else "")
        second.append((name, text, sink.state == "degraded"))
    if state.errors:
        second.append(("errors", f"{state.errors}", True))
    return lines(_facts(first, width), _facts(second, width))


def message(state: DashboardState, notice: Notice | None, width: int) -> Content:
    """The message line: an error, else what is being worked on, else what a reading is."""
    if notice:
        times = f" ({wording.TIMES}{notice.times})" if notice.times > 1 else ""
        return Content.styled(f"{notice.text}{times}", "$error" if notice.grave else "$accent")
    trouble = wording.condition(state)
    if trouble:
        return Content.styled(trouble, "$warning")
    return Content.styled(wording.fitting(width, wording.ABOUT), "$quiet")


def _facts(facts: list[tuple[str, str, bool]], width: int) -> Content:
    """Label and value pairs, as many as fit; worrying ones stand out."""
    parts = [
        Content.assemble((f"{label} ", "$quiet"), (value, "$warning" if worrying else ""))
        for label, value, worrying in facts
    ]
    while parts:
        for gap in ("   ", "  "):
            text = Content(gap).join(parts)
            if text.cell_length <= width or len(parts) == 1:
                return text
        parts.pop()
    return Content.empty()


def _loudness(dbfs: float) -> float:
    """Place of a level on the meter, 0..1."""
    return min(max(1 - dbfs / FLOOR_DBFS, 0.0), 1.0)


def _number_style(share: float | None) -> str:
    return "$quiet" if share is None else "bold"


def _number(share: float | None) -> str:
    return f"{wording.NONE if share is None else wording.percent(share) + '%':>5}"
