"""What the dashboard costs: processor time while nobody speaks and while someone does, in a real (pseudo) terminal.

    python -m benchmarks.dashboard_cost [--seconds 60] [--size 120x40] [--ascii]

Events are those of a live run: ten levels a second, health every ten seconds, and while someone speaks an utterance
every four seconds with an interim reading before it. An hour of talk went before. Only the dashboard
runs: no sound, no model, no broker.
"""

import argparse
import asyncio
import fcntl
import os
import pty
import struct
import termios
import time

from monitor.dashboard import DashboardApp, Session
from monitor.dashboard.look import Look
from tests.monitor.dashboard.scenes import busy_hour

LEVELS_HZ = 10
UTTERANCE_S = 4.0
WARM_UP_S = 5.0


async def measure(app: DashboardApp, seconds: float, *, speaking: bool) -> float:
    """Share of a core over so many seconds."""
    script = busy_hour()
    offset_s, used_s, began_s = 3601.0, 0.0, 0.0
    for number in range(int((WARM_UP_S + seconds) * LEVELS_HZ)):
        at_s = offset_s + number / LEVELS_HZ
        if number == int(WARM_UP_S * LEVELS_HZ):
            used_s, began_s = time.process_time(), time.perf_counter()
        place = number % int(UTTERANCE_S * LEVELS_HZ)
        wave = (number * 7 % 13) / 13
        if speaking:
            script.level(at_s, rms=-30 + 12 * wave, speaking=place < UTTERANCE_S * LEVELS_HZ * 0.8)
            if place == UTTERANCE_S * LEVELS_HZ * 0.6:
                script.utterance(at_s - 2.4, at_s, (0.2, 0.1, 0.3, 0.4), final=False)
            if place == UTTERANCE_S * LEVELS_HZ * 0.9:
                script.seq -= 1
                script.utterance(at_s - 3.6, at_s - 0.6, (0.1 + 0.3 * wave, 0.2, 0.3, 0.4 - 0.3 * wave))
        else:
            script.level(at_s, rms=-55 + 2 * wave)
        if number % (10 * LEVELS_HZ) == 0:
            script.health()
        for event in script.events:
            app.post_event(event)
        script.events.clear()
        await asyncio.sleep(1 / LEVELS_HZ)
    return (time.process_time() - used_s) / (time.perf_counter() - began_s)


async def run(seconds: float, *, plain: bool) -> dict[str, float]:
    """The shares of a core, by what goes on."""
    app = DashboardApp(on_command=lambda _command: None, session=Session(model="ltu-as-mini"), look=Look(ascii=plain))
    shown = asyncio.create_task(app.run_async())
    await asyncio.sleep(WARM_UP_S)
    shares = {}
    for name, speaking in (("at rest", False), ("speaking", True)):
        shares[name] = await measure(app, seconds, speaking=speaking)
    app.exit()
    await shown
    return shares


def main() -> None:
    """Runs the dashboard in a pseudo-terminal of its own and prints what it used."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--size", default="120x40")
    parser.add_argument("--ascii", action="store_true")
    arguments = parser.parse_args()
    columns, rows = (int(part) for part in arguments.size.split("x"))
    reader, writer = os.pipe()
    child, terminal = pty.fork()
    if child == 0:
        os.close(reader)
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        shares = asyncio.run(run(arguments.seconds, plain=arguments.ascii))
        os.write(writer, "".join(f"{name}: {share:.1%} of a core\n" for name, share in shares.items()).encode())
        os._exit(0)
    os.close(writer)
    written = 0
    try:
        while block := os.read(terminal, 65536):
            written += len(block)
    except OSError:
        pass  # how a pseudo-terminal says that its other end is gone
    print(os.read(reader, 4096).decode(), end="")
    print(f"{written / 1000 / (2 * (arguments.seconds + WARM_UP_S)):.1f} kB a second to a terminal of {arguments.size}")


if __name__ == "__main__":
    main()
