"""The signals that ask the program to end."""

import asyncio
import signal
from collections.abc import Callable


def on_end(stop: Callable[[signal.Signals], None]) -> None:
    """Has `stop` called in the running event loop when a signal asks for the end.

    SIGHUP, which a terminal sends when it is closed, is one of them, unless `nohup` has said that it is to be ignored.
    """
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            loop.add_signal_handler(number, stop, number)
