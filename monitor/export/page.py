"""A session on one page for people: HTML that needs nothing else, no network, no script, no font."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from html import escape
from importlib.resources import files

from core.distribution import EMOTIONS, MIXED_MARGIN, UNCLEAR_ENTROPY, EmotionDistribution
from core.wire.events import ModelStamp
from monitor.export import plots
from monitor.export.session import Session, Span, spoken
from monitor.export.summary import BINS, Percentiles, Summary, mean, summarised
from monitor.export.words import counts, length, loss, many
from monitor.wire_time import epoch_s

ROWS = 12
"""Rows of the table that says a plot in numbers."""
MOST_ERRORS = 20
MARK_ROOM, MARK_ROWS = 0.04, 3
"""Numbers of notes that are nearer than this, in parts of the axis, go below each other, in so many rows."""

MEANING = """\
A reading is how likely each of four emotions is to be heard in one utterance: what listeners would say of the voice. \
It is not what anyone feels, and it can be wrong.
People disagree about emotion in a voice. Where the entropy is high, or the lead of the first emotion small, so does \
the reading; one word for it would say too much.
It knows four emotions only; whatever else is heard is forced into them. A mean over a session is no mood and no trait \
of a person, and no ground for a decision about anyone.
This page holds no sound, and none was stored.
""".splitlines()


def page(session: Session) -> str:
    """The summary of a session, light or dark as the reader's system is."""
    summary, span = summarised(session), session.span
    style = files("monitor.export").joinpath("page.css").read_text(encoding="utf-8")
    title = "What was heard"
    body = [
        *_head(session, summary, span),
        *_section("Over time", _over_time(session, span)),
        *_section("In all", _in_all(summary)),
        *_section("Notes", _notes(session)),
        *_section("About this session", _about(session, summary)),
        *_section("From speech to reading", _latency(summary)),
        *_section("What a reading means", (f"<p>{escape(text)}</p>" for text in MEANING)),
    ]
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            f"<title>{title}{f', {_day(span.start_s)}' if span else ''}</title>",
            f"<style>\n{style}</style>",
            "</head>",
            "<body>",
            "<main>",
            f"<h1>{title}</h1>",
            *body,
            "</main>",
            "</body>",
            "</html>",
            "",
        ]
    )


def _head(session: Session, summary: Summary, span: Span | None) -> Iterator[str]:
    if span is None:
        yield "<p>Nothing was heard in this session.</p>"
        return
    sources = " and ".join(f"<bdi>{_text(source)}</bdi>" for source in dict.fromkeys(session.sources.values()))
    heard = f" Listened to {sources}." if sources else ""
    yield f'<p class="lead">{_when(span)}.{heard}</p>'
    yield f'<p class="warning">{escape(MEANING[0])}</p>'
    if session.forgotten:
        yield f"<p>The beginning is missing: {session.forgotten} older events were no longer in memory.</p>"
    if session.skipped:
        yield f"<p>{many(session.skipped, 'event')} could not be read and {_is(session.skipped)} left out.</p>"
    unnamed = not any(stamp.calibration for stamp in summary.stamps)
    if summary.stamps and unnamed:
        yield "<p>The readings are uncalibrated: percentages were not corrected on speakers new to the model.</p>"


def _over_time(session: Session, span: Span | None) -> Iterator[str]:
    if span is None or not session.sources:
        yield '<p class="quiet">No utterance, and no loss.</p>'
        return
    yield '<ul class="legend" aria-label="Legend, from the bottom of each plot to its top">'
    yield from (f"<li>{plots.bar(1, name)}{name}</li>" for name in EMOTIONS)
    yield f"<li>{plots.bar(1, 'lost')}below the plot: no reading, or as high as it goes: not read</li>"
    yield "</ul>"
    zeros_s = session.zeros_s
    marks = [(number, epoch_s(note.at) or 0.0) for number, note in enumerate(session.notes, start=1)]
    for stream, source in session.sources.items():
        utterances = [one for one in session.utterances if one.stream == stream]
        losses = [
            Span(start_s=zeros_s[stream] + drop.start_s, end_s=zeros_s[stream] + drop.end_s)
            for drop in session.drops
            if drop.stream == stream
        ]
        if not utterances and not losses:
            continue
        yield '<figure class="course">'
        if len(session.sources) > 1:
            yield f"<h3><bdi>{_text(source)}</bdi></h3>"
        yield from _marks(marks, span)
        label = "How likely each emotion is to be heard, utterance by utterance; the table below says it in numbers"
        drawn = plots.course(utterances, span, losses, [at_s for _, at_s in marks])
        yield f'<div class="plot" role="img" aria-label="{label}">{drawn}</div>'
        yield _axis((tick.text, tick.place) for tick in plots.ticks(span))
        yield "<figcaption>Time, UTC. Blank: nobody spoke.</figcaption>"
        yield "</figure>"
        read = [(spoken(one), one.distribution) for one in utterances if one.distribution]
        yield from _in_numbers(read, span)


def _marks(marks: list[tuple[int, float]], span: Span) -> Iterator[str]:
    """Numbers of the notes above the plot; those that would touch go below each other."""
    if not marks:
        return
    ends = [-1.0] * MARK_ROWS
    placed = []
    for (number, _), place in zip(marks, plots.placed((at_s for _, at_s in marks), span), strict=True):
        row = next((row for row, end in enumerate(ends) if place - end >= MARK_ROOM), MARK_ROWS - 1)
        ends[row] = place
        placed.append(f'<span style="left:{place * 100:.1f}%;top:{row * 1.6:.1f}rem">{number}</span>')
    rows = sum(end >= 0 for end in ends)
    yield f'<div class="marks" aria-hidden="true" style="height:{rows * 1.6 + 0.2:.1f}rem">{"".join(placed)}</div>'


def _axis(labels: Iterable[tuple[str, float]]) -> str:
    inside = "".join(f'<span style="left:{place * 100:.1f}%">{text}</span>' for text, place in labels)
    return f'<div class="axis" aria-hidden="true">{inside}</div>'


def _in_numbers(read: list[tuple[Span, EmotionDistribution]], span: Span) -> Iterator[str]:
    step_s = (span.end_s - span.start_s) / ROWS
    rows = []
    for row in range(ROWS):
        left_s, right_s = span.start_s + row * step_s, span.start_s + (row + 1) * step_s
        inside = [one for time, one in read if left_s <= time.start_s and (time.start_s < right_s or row == ROWS - 1)]
        average = mean(inside)
        if average:
            rows.append([_clock(left_s), f"{len(inside)}", *map(_percent, average), f"{average.entropy:.2f}"])
    if rows:
        yield "<details><summary>The same in numbers</summary>"
        yield from _table(("from, UTC", "utterances", *EMOTIONS, "entropy of the mean"), rows)
        yield "</details>"


def _in_all(summary: Summary) -> Iterator[str]:
    count = len(summary.readings)
    if summary.mean is None:
        yield '<p class="quiet">There was no reading.</p>'
        return
    yield '<div class="halves">'
    yield "<div><h3>Mean of the readings</h3>"
    yield '<table class="shares"><tbody>'
    for name, share in summary.mean.as_dict().items():
        yield f'<tr><th scope="row">{name}</th><td>{plots.bar(share, name)}</td><td>{_percent(share)}</td></tr>'
    yield "</tbody></table>"
    yield f'<p class="quiet">{many(count, "reading")}, each counting alike.</p></div>'
    yield '<div><h3>How mixed they were</h3><figure class="histogram">'
    bins = ", ".join(f"{n} from {place / BINS:.1f}" for place, n in enumerate(summary.entropies) if n)
    label = f"Readings by entropy in steps of {1 / BINS:.1f}: {bins}"
    yield f'<div class="plot" role="img" aria-label="{label}">{plots.histogram(summary.entropies)}</div>'
    yield '<div class="axis" aria-hidden="true"><span>0: one emotion only</span><span>1: all equally</span></div>'
    yield (
        f"<figcaption>Readings by entropy. {summary.mixed} of {count} {_is(summary.mixed)} mixed: the first two less "
        f"than {MIXED_MARGIN * 100:.0f} points apart, or an entropy from {UNCLEAR_ENTROPY:.2f}.</figcaption>"
    )
    yield "</figure></div></div>"


def _notes(session: Session) -> Iterator[str]:
    if not session.notes:
        yield '<p class="quiet">None.</p>'
        return
    yield '<ol class="notes">'
    for note in session.notes:
        yield f'<li>{_time(epoch_s(note.at) or 0.0)} <span dir="auto">{_text(note.text) or "(a mark)"}</span></li>'
    yield "</ol>"


def _about(session: Session, summary: Summary) -> Iterator[str]:
    speech = f"{many(len(session.utterances), 'utterance')}, {length(summary.speech_s)} of speech"
    facts = [("Heard", f"{speech}; {many(len(summary.readings), 'reading')}")]
    facts += [("No reading", counts(summary.no_readings) or "none")]
    facts += [("Not read", ", ".join(loss(reason, lost) for reason, lost in summary.lost.items()) or "nothing")]
    if session.health:
        facts.append(("Monitor", f"{session.health.node}, on {session.health.worker.device}"))
    facts += [("Model", _stamp(stamp, times, len(summary.stamps))) for stamp, times in summary.stamps.items()]
    yield "<dl>"
    yield from (f"<div><dt>{term}</dt><dd>{_text(said)}</dd></div>" for term, said in facts)
    yield "</dl>"
    if session.errors:
        yield f"<details><summary>{many(len(session.errors), 'error')}</summary><ul>"
        for error in session.errors[:MOST_ERRORS]:
            yield f"<li>{_time(epoch_s(error.at) or 0.0)} {_text(error.where)}: {_text(error.message)}</li>"
        more = len(session.errors) - MOST_ERRORS
        yield f"{f'<li>and {more} more</li>' if more > 0 else ''}</ul></details>"


def _latency(summary: Summary) -> Iterator[str]:
    if not summary.latencies:
        yield '<p class="quiet">There was no utterance.</p>'
        return
    rows = [[part, *map(_milliseconds, _ranks(times))] for part, times in summary.latencies.items()]
    yield from _table(("milliseconds after the last sound of the speech", "p50", "p95", "p99"), rows)


def _ranks(times: Percentiles) -> tuple[float, float, float]:
    return times.p50_ms, times.p95_ms, times.p99_ms


def _section(title: str, lines: Iterable[str]) -> Iterator[str]:
    anchor = title.lower().replace(" ", "-")
    yield f'<section aria-labelledby="{anchor}">'
    yield f'<h2 id="{anchor}">{title}</h2>'
    yield from lines
    yield "</section>"


def _table(columns: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    yield '<div class="scroll" tabindex="0" role="group" aria-label="Table"><table class="numbers">'
    heads = "".join(f'<th scope="col">{escape(column)}</th>' for column in columns)
    yield f"<thead><tr>{heads}</tr></thead><tbody>"
    for head, *others in rows:
        cells = "".join(f"<td>{escape(cell)}</td>" for cell in others)
        yield f'<tr><th scope="row">{escape(head)}</th>{cells}</tr>'
    yield "</tbody></table></div>"


def _stamp(stamp: ModelStamp, times: int, stamps: int) -> str:
    parts = [stamp.name, f"sha256 {stamp.sha256[:12]}", f"prompt {stamp.prompt}", f"read-out {stamp.readout}"]
    parts.append(f"calibration {stamp.calibration}" if stamp.calibration else "uncalibrated")
    return ", ".join(parts) + (f" ({many(times, 'utterance')})" if stamps > 1 else "")


def _when(span: Span) -> str:
    start, end = (datetime.fromtimestamp(second_s, UTC) for second_s in (span.start_s, span.end_s))
    until = _time(span.end_s) if start.date() == end.date() else f"{_day(span.end_s)}, {_time(span.end_s)}"
    return f"{_day(span.start_s)}, {_time(span.start_s)} to {until} UTC, {length(span.end_s - span.start_s)}"


def _day(second_s: float) -> str:
    moment = datetime.fromtimestamp(second_s, UTC)
    return f"{moment.day} {moment:%B %Y}"


def _time(second_s: float) -> str:
    moment = datetime.fromtimestamp(second_s, UTC)
    return f'<time datetime="{moment:%Y-%m-%dT%H:%M:%SZ}">{moment:%H:%M:%S}</time>'


def _clock(second_s: float) -> str:
    return f"{datetime.fromtimestamp(second_s, UTC):%H:%M:%S}"


def _is(count: int) -> str:
    return "is" if count == 1 else "are"


def _percent(share: float) -> str:
    return f"{share * 100:.0f}%"


def _milliseconds(value: float) -> str:
    return f"{value:.0f}"


def _text(text: str) -> str:
    """Text from outside: on one line, without control characters, escaped."""
    return escape(" ".join("".join(char if char.isprintable() else " " for char in text).split()))
