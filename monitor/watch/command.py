"""`emotion-monitor watch`: the dashboard over monitors elsewhere, or another one on this machine."""

import asyncio

from core.errors import UsageError
from core.settings import Settings
from core.wire.commands import WIRE_COMMANDS, Mute, Quit, Unmute
from monitor.mqtt.address import BrokerAddress
from monitor.mqtt.messages import Topics
from monitor.screen import has_screen
from monitor.signals import on_end
from monitor.watch.address import watched_address

REFUSAL = "Not from afar: only where the monitor runs."


def watch(url: str | None, settings: Settings, *, node: str | None) -> int:
    """Shows what the nodes behind a broker say; returns the exit status.

    Args:
        url: mqtt://[user@]HOST[:PORT] or mqtts://...; None: see `watched_address`.
        settings: Section `mqtt` says how to log in, what may be insecure, and the base of the topics.
        node: The only node to show; None: all.

    Raises:
        UsageError: An address that cannot be used, or no terminal.
    """
    address = watched_address(url, settings.mqtt)
    Topics(settings.mqtt.base, node or "node")  # says what is wrong with the base
    if not has_screen():
        msg = "watch shows a dashboard and needs a terminal"
        raise UsageError(msg, hint="for another program: mosquitto_sub, or examples/subscribe.py")
    return asyncio.run(_show(address, settings, node))


async def _show(address: BrokerAddress, settings: Settings, node: str | None) -> int:
    from platformdirs import user_log_path

    from monitor.dashboard import DashboardApp, Session
    from monitor.dashboard.backend import Backend
    from monitor.dashboard.look import chosen_look
    from monitor.dashboard.terminal import own_terminal
    from monitor.watch.watcher import Watcher

    watcher = Watcher(settings.mqtt, address, node)
    backend = Backend(
        commands=frozenset({*WIRE_COMMANDS, Quit}) - {Mute, Unmute},
        refusal=REFUSAL,
        remote=True,
        remark=watcher.remark,
        welcome=watcher.welcome,
    )
    app = DashboardApp(
        on_command=watcher.command,
        session=Session(watched=address.url),
        look=chosen_look(settings.dashboard),
        backend=backend,
    )

    def looking_at() -> str | None:
        stream = app.view.shown(app.state)
        return stream.stream if stream else None

    on_end(lambda _: app.exit())
    with own_terminal(user_log_path("emotion-monitor") / "watch.log"):
        watching = asyncio.create_task(watcher.run(app, looking_at), name="watch")
        watching.add_done_callback(lambda _: app.exit())
        await app.show()
        watching.cancel()
        await asyncio.wait({watching})
        if not watching.cancelled():
            watching.result()
    return 0
