"""`emotion-monitor replay FILE`: the dashboard over a recording, or its events again as lines."""

import asyncio
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from core.errors import UsageError
from core.settings import Settings
from core.wire.commands import Command, Quit
from monitor.export.command import read_session
from monitor.recordings.tape import Tape
from monitor.screen import has_screen
from monitor.signals import on_end

REFUSAL = "Not in a replay: it only shows what was recorded."


def replay(file: Path, settings: Settings, *, speed: float, from_s: float, headless: bool, sinks: Sequence[str]) -> int:
    """Plays a file; returns the exit status.

    Args:
        file: A recording, or what `--sink jsonl:PATH` wrote.
        settings: How the dashboard looks.
        speed: How much faster than real time; math.inf, without a dashboard only, is as fast as it goes.
        from_s: Where to begin; without a dashboard, what lies before is left out.
        headless: No dashboard; so it is too where there is no terminal.
        sinks: Where events go then: standard output unless named.

    Raises:
        UsageError: A file that holds no events, a sink that cannot be, or a speed that nobody could watch.
    """
    from monitor.replay.player import FASTEST, SLOWEST

    tape = Tape(file)
    headless = headless or not has_screen()
    if headless:
        from monitor.replay.emission import emit

        return asyncio.run(emit(tape, sinks or ("jsonl",), speed=speed, from_s=from_s))
    if sinks:
        msg = "--sink is for a replay without the dashboard"
        raise UsageError(msg, hint="add --headless")
    if not SLOWEST <= speed <= FASTEST:
        msg = f"--speed: the dashboard plays at {SLOWEST:g} to {FASTEST:g} times the speed"
        raise UsageError(msg, hint="add --headless for --speed max")
    return asyncio.run(_show(tape, settings, speed=speed, from_s=from_s))


async def _show(tape: Tape, settings: Settings, *, speed: float, from_s: float) -> int:
    from platformdirs import user_log_path

    from monitor.dashboard import DashboardApp
    from monitor.dashboard.backend import Backend
    from monitor.dashboard.look import chosen_look
    from monitor.dashboard.state.view_model import DashboardState
    from monitor.dashboard.terminal import own_terminal
    from monitor.replay.playback import TapePlayback

    def ignore(command: Command) -> None:
        """Quitting is all that can be asked, and the app ends by itself."""

    playback = TapePlayback(tape, DashboardState(), speed=speed, from_s=from_s)
    backend = Backend(
        commands=frozenset({Quit}),
        refusal=REFUSAL,
        now="replay",
        playback=playback,
        session=partial(read_session, tape.path),
    )
    look = chosen_look(settings.dashboard)
    app = DashboardApp(on_command=ignore, clock=playback.clock, look=look, backend=backend)
    on_end(lambda _: app.exit())
    with own_terminal(user_log_path("emotion-monitor") / "replay.log"):
        playing = asyncio.create_task(playback.run(app), name="replay")
        playing.add_done_callback(lambda _: app.exit())
        await app.show()
        playing.cancel()
        await asyncio.wait({playing})
        if not playing.cancelled():
            playing.result()
    return 0
