"""A dashboard without a terminal: fixed time, instant repaints, and what is on its screen as text."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from textual.pilot import Pilot

from core.wire.commands import Command
from core.wire.events import Event
from monitor.dashboard import DashboardApp, DashboardState, Session
from monitor.dashboard.widgets.painted import Painted
from monitor.dashboard.widgets.panel import StreamPanel
from tests.monitor.dashboard import scenes

DESIGN = (120, 40)
SMALL = (80, 24)


@dataclass
class Driven:
    """A running dashboard and what it asked for."""

    app: DashboardApp
    commands: list[Command] = field(default_factory=list)
    pilot: Pilot[None] = field(init=False)

    async def press(self, *keys: str) -> None:
        """Presses keys and lets the screen settle."""
        await self.pilot.press(*keys)
        await settle(self.pilot)

    async def show(self, events: Iterable[Event]) -> None:
        """Posts events and lets the screen settle."""
        for event in events:
            self.app.post_event(event)
        await settle(self.pilot)

    @property
    def text(self) -> str:
        """The screen, line by line."""
        return text(self.app)


def seen(scene: str) -> DashboardState:
    """What is known after the events of a scene."""
    state = DashboardState()
    for event in scenes.events(scene):
        state = state.push(event, now_s=0.0)
    return state


def text(app: DashboardApp) -> str:
    """What is on the screen, line by line."""
    return "\n".join(strip.text for strip in app.screen._compositor.render_strips())


async def settle(pilot: Pilot[None]) -> None:
    """Waits until every stream has its panel and the screen stays the same."""
    app = pilot.app
    assert isinstance(app, DashboardApp)
    for _ in range(100):
        before = text(app)
        await pilot.pause()
        panels = app.screen_stack[0].query(StreamPanel) if app.is_running else ()
        ready = all(len(panel.query(Painted)) == 2 and panel.query_one(".reading").is_mounted for panel in panels)
        if not app.is_running or (ready and len(panels) == len(app.state.present) and text(app) == before):
            return
    msg = "the screen does not settle"
    raise AssertionError(msg)


def dashboard(events: Iterable[Event] = (), **options: Any) -> Driven:
    """A dashboard that knows its session and saw some events; not running yet. Options are those of the app."""
    commands: list[Command] = []
    app = DashboardApp(
        on_command=commands.append,
        session=Session(model="ltu-as-mini", prompt="single", readout="seq_logprob"),
        clock=lambda: 0.0,
        repaint_s=0.0,
        **options,
    )
    for event in events:
        app.post_event(event)
    return Driven(app, commands)


@asynccontextmanager
async def running(
    events: Iterable[Event] = (), size: tuple[int, int] = DESIGN, **options: Any
) -> AsyncIterator[Driven]:
    """A running dashboard that has painted."""
    driven = dashboard(events, **options)
    async with driven.app.run_test(size=size, notifications=True) as driven.pilot:
        await settle(driven.pilot)
        yield driven
