"""Paints the README's pictures of the dashboard: python docs/screenshots.py [--all] [--out DIR] [--size 120x40].

`sample` and `explained` are the program itself, which plays the shipped sample in real time; every other picture is a
scene of tests/monitor/dashboard/scenes.py. All are painted by the real dashboard, without a terminal, as SVG and as PNG
(by rsvg-convert where it is installed, else CairoSVG; Fira Code, if installed, gives the truest letters).
"""
# ruff: noqa: INP001, T201 - a script

import argparse
import asyncio
import html
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
os.environ |= {"TERM": "xterm-256color", "COLORTERM": "truecolor"}  # the dashboard paints for the terminal it is in

from core.wire.events import Event, UtteranceEvent  # noqa: E402
from core.wire.health import HealthEvent  # noqa: E402
from monitor.dashboard import DashboardApp, Session  # noqa: E402
from monitor.recordings.lines import Line, read_line  # noqa: E402
from tests.monitor.dashboard import scenes  # noqa: E402

CELL = 12.2
"""Width of a cell in Textual's pictures; a line is 24.4 high."""
TEXT = re.compile(
    r'<text class="(?P<look>[^"]*-r\d+)" x="(?P<x>[\d.]+)" y="(?P<y>[\d.]+)" textLength="[\d.]+" '
    r'(?P<clip>clip-path="[^"]*")>(?P<text>[^<]*)</text>'
)
RUNS = re.compile("[←→↑↓]|█+|━+|─+|▁+|▂+|▃+|▄+|▅+|▆+|▇+|[▏▎▍▌▋▊▉╸│╎]|[^ █━─▏▎▍▌▋▊▉╸│╎▁▂▃▄▅▆▇←→↑↓]+")
SEEN_AS = str.maketrans({"\N{NO-BREAK SPACE}": " ", "▸": "▶", "▴": "▲"})  # Fira Code lacks the small ones
SHAPES = {
    **{char: [(0.0, 24.65 * (8 - n) / 8, CELL, 24.65 * n / 8)] for n, char in enumerate("▁▂▃▄▅▆▇", start=1)},
    **{char: [(0.0, 0.0, CELL * eighths / 8, 24.65)] for eighths, char in enumerate("▏▎▍▌▋▊▉█", start=1)},
    "━": [(0.0, 10.8, CELL, 3.2)],
    "╸": [(0.0, 10.8, CELL / 2, 3.2)],
    "─": [(0.0, 11.7, CELL, 1.4)],
    "│": [(5.4, 0.0, 1.4, 24.65)],
    "╎": [(5.4, 2.0, 1.2, 8.2), (5.4, 14.2, 1.2, 8.2)],
}
"""What is drawn instead of a character: rectangles (x, y, width, height) in its cell."""
SAMPLE = ROOT / "monitor" / "samples" / "two_cities.flac"
PICTURES = {"sample": (), "explained": ("down", "enter"), "overload": ("h",)}
"""What the documents show, and the keys pressed in it."""
PLAYED = ("sample", "explained")
"""Those of them that are a run of the program."""


@cache
def played() -> Sequence[Event]:
    """The events of the program playing its sample, up to the last utterance; it takes as long as the sample."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "monitor", "run", "--headless", "--source", f"file:{SAMPLE}", "--mqtt", "off"]
        environment = os.environ | {"EMOTION_MONITOR_MODEL__EXPLAIN": "true"}
        subprocess.run([*command, "--record", folder], check=True, stdout=subprocess.DEVNULL, env=environment)  # noqa: S603
        (recording,) = Path(folder).glob("*.jsonl")
        lines = [read_line(line) for line in recording.read_bytes().splitlines()]
    events = [line.event for line in lines if isinstance(line, Line)]
    last = max(n for n, event in enumerate(events) if isinstance(event, UtteranceEvent) and event.final)
    return [*map(_unrecorded, events[: last + 1])]


def _unrecorded(event: Event) -> Event:
    """Recording is how the script gets at the events, not what the picture is about."""
    if not isinstance(event, HealthEvent):
        return event
    return replace(event, recording=None, sinks=())


async def paint(scene: str, size: tuple[int, int], theme: str) -> str:
    """One picture as SVG."""
    app = DashboardApp(
        on_command=lambda _command: None,
        session=Session(model="ltu-as-mini", prompt="single", readout="seq_logprob"),
        clock=lambda: 0.0,
        repaint_s=0.0,
    )
    app.theme = theme
    for event in played() if scene in PLAYED else scenes.events(scene):
        app.post_event(event)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        await pilot.press(*PICTURES.get(scene, ()))
        await pilot.pause()
        return portable(app.export_screenshot(title="emotion-monitor"))


def portable(svg: str) -> str:
    """The picture as it looks in a terminal, whatever font its viewer has.

    A README's viewers load no web font and rasterisers ignore textLength, so that letters would drift off their cells.
    Here every word starts at its own cell, and bars and lines are drawn as shapes.
    """
    before, *faces = svg.split("@font-face")
    return TEXT.sub(_redrawn, before + "".join(face.partition("}")[2].lstrip() for face in faces))


def _redrawn(match: re.Match[str]) -> str:
    look = f'class="{match["look"]}" {match["clip"]}'
    left, baseline = float(match["x"]), float(match["y"])
    parts = []
    for run in RUNS.finditer(html.unescape(match["text"]).translate(SEEN_AS)):
        x = left + run.start() * CELL
        if run[0][0] not in SHAPES:
            parts.append(f'<text {look} x="{x:g}" y="{baseline:g}">{html.escape(run[0])}</text>')
            continue
        for dx, dy, width, height in SHAPES[run[0][0]]:
            cells = CELL * (len(run[0]) - 1)  # only shapes as wide as a cell come in runs
            y = baseline - 18.5 + dy
            size = f'x="{x + dx:g}" y="{y:g}" width="{width + cells:g}" height="{height:g}"'
            parts.append(f'<rect {look} {size} shape-rendering="crispEdges"/>')
    return "".join(parts)


def to_png(svg: Path) -> None:
    """Writes the picture as PNG beside the SVG."""
    png = svg.with_suffix(".png")
    if shutil.which("rsvg-convert"):
        subprocess.run(["rsvg-convert", "--width", "1464", str(svg), "-o", str(png)], check=True)  # noqa: S603, S607
    else:
        import cairosvg

        cairosvg.svg2png(url=str(svg), write_to=str(png), output_width=1464)


def main() -> None:
    """Paints the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenes", nargs="*", metavar="SCENE", help=f"default: {' '.join(PICTURES)}")
    parser.add_argument("--all", action="store_true", help="every scene")
    parser.add_argument("--size", default="120x40", help="columns x lines")
    parser.add_argument("--theme", default="emotion-dark")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images")
    arguments = parser.parse_args()
    width, height = map(int, arguments.size.split("x"))
    arguments.out.mkdir(parents=True, exist_ok=True)
    for scene in scenes.SCENES if arguments.all else arguments.scenes or [*PICTURES]:
        target = arguments.out / f"{scene}.svg"
        target.write_text(asyncio.run(paint(scene, (width, height), arguments.theme)), encoding="utf-8")
        to_png(target)
        print(target.with_suffix(".png"))


if __name__ == "__main__":
    main()
