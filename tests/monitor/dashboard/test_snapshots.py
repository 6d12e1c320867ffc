"""Pictures of the screen, accepted by eye. After a wanted change: pytest tests/monitor/dashboard --snapshot-update.

Every scene at every size in the dark theme, and in every other theme at the middle size; a theme changes colours only,
which the last test holds for the other sizes.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest
from textual.pilot import Pilot

from monitor.dashboard import DashboardApp
from monitor.dashboard.backend import Backend
from monitor.dashboard.paint.themes import THEMES
from monitor.dashboard.state.view_model import DashboardState
from monitor.recordings.tape import Tape
from monitor.replay.playback import TapePlayback
from tests.monitor.dashboard import scenes
from tests.monitor.dashboard.driving import DESIGN, SMALL, Driven, dashboard, settle, text
from tests.monitor.replay.files import conversation, recording

DETERMINISTIC = {"TEXTUAL_ANIMATIONS": "none", "TERM": "xterm-256color", "COLORTERM": "truecolor", "TZ": "UTC"}
WALL = (200, 60)
SIZES = [SMALL, DESIGN, WALL]
SCENES = [
    "speaking",
    "listening",
    "interim",
    "mixed",
    "no_reading",
    "overload",
    "broker_lost",
    "worker_restarting",
    "replay",
]
OTHER_THEMES = [theme.name for theme in THEMES[1:]]

Show = tuple[DashboardApp, Callable[[Pilot[None]], Awaitable[None]]]


@pytest.fixture(autouse=True)
def _same_everywhere():
    with pytest.MonkeyPatch.context() as patched:
        for name, value in DETERMINISTIC.items():
            patched.setenv(name, value)
        patched.delenv("NO_COLOR", raising=False)
        time.tzset()
        yield
    time.tzset()


@pytest.fixture
def show(tmp_path) -> Callable[[str], Show]:
    """An app and what leads it to a scene."""

    def shown(scene: str) -> Show:
        if scene != "replay":
            return dashboard(scenes.events(scene)).app, settle
        path = recording(tmp_path / "talk.jsonl", conversation(minutes=2))
        playback = TapePlayback(Tape(path), DashboardState(), from_s=69.0, steady=lambda: 0.0)
        driven = dashboard(backend=Backend(commands=frozenset(), now="replay", playback=playback))
        return driven.app, lambda pilot: _replayed(driven, playback, pilot)

    return shown


async def _replayed(driven: Driven, playback: TapePlayback, pilot: Pilot[None]) -> None:
    playing = asyncio.create_task(playback.run(driven.app))
    for _ in range(2_000):
        await asyncio.sleep(0.01)
        if playback.facts.state != "reading" and driven.app.state.streams:
            break
    await settle(pilot)
    playing.cancel()


@pytest.mark.parametrize("size", SIZES, ids=lambda size: "x".join(map(str, size)))
@pytest.mark.parametrize("scene", SCENES)
def test_the_dark_theme(snap_compare, show, scene, size):
    app, ready = show(scene)
    assert snap_compare(app, terminal_size=size, run_before=ready)


@pytest.mark.parametrize("theme", OTHER_THEMES)
@pytest.mark.parametrize("scene", SCENES)
def test_the_other_themes(snap_compare, show, scene, theme):
    app, ready = show(scene)
    app.theme = theme
    assert snap_compare(app, terminal_size=DESIGN, run_before=ready)


@pytest.mark.parametrize("scene", ["starting", "paused", "two_microphones", "explained", "recording"])
def test_other_scenes(snap_compare, show, scene):
    app, ready = show(scene)
    assert snap_compare(app, terminal_size=SMALL, run_before=ready)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: "x".join(map(str, size)))
@pytest.mark.parametrize(
    ("key", "scene"), [("question_mark", "mixed"), ("h", "overload"), ("enter", "explained"), ("o", "tuned")]
)
def test_what_a_key_opens(snap_compare, show, key, scene, size):
    app, _ = show(scene)
    assert snap_compare(app, press=[key], terminal_size=size, run_before=settle)


@pytest.mark.slow
async def test_a_theme_changes_colours_only(show):
    for scene in SCENES:
        app, ready = show(scene)
        async with app.run_test(size=WALL) as pilot:
            await ready(pilot)
            before = text(app)
            for theme in OTHER_THEMES:
                app.theme = theme
                await settle(pilot)
                assert text(app) == before, (scene, theme)
