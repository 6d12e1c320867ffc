"""What a replay costs: an hour of talk at 60 times the speed, with keys pressed all the while.

    python benchmarks/replay.py [--minutes 60] [--speed 60] [--size 120x40]

The session is invented: ten levels a second, an utterance about every five seconds with an interim reading, a state and
a tokens event, health every ten seconds. The dashboard runs without a terminal. Printed are the time to read the file,
memory from then on, processor time, key to repaint, and jumps to places chosen at random.
"""

import argparse
import asyncio
import itertools
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import psutil
from textual import events

sys.path.insert(0, str(Path(__file__).parents[1]))

from core.wire.commands import Quit
from core.wire.events import Event, encode
from core.wire.values import timestamp
from monitor import dashboard
from monitor.dashboard import DashboardApp
from monitor.dashboard.backend import Backend
from monitor.dashboard.state.view_model import DashboardState
from monitor.recordings.tape import Tape
from monitor.replay.playback import TapePlayback
from tests.monitor.dashboard.script import EPOCH, Script

LEVELS_HZ = 10
KEYS = ("down", "up", "left", "right", "minus", "plus", "comma", "full_stop")
EFFECT_S = 2.0


def session(minutes: float, seed: int = 1) -> Iterator[tuple[float, Event]]:
    """Events and the seconds at which they came."""
    chance, script = random.Random(seed), Script()  # noqa: S311
    at_s, utterance = 0.0, 0

    def said() -> Iterator[tuple[float, Event]]:
        yield from ((at_s, event) for event in script.events)
        script.events.clear()

    while at_s < minutes * 60:
        begin_s, end_s = at_s + chance.uniform(0.8, 2.2), at_s + chance.uniform(3.6, 5.2)
        utterance += 1
        weights = [chance.random() ** 2 + 0.01 for _ in range(4)]
        shares = tuple(weight / sum(weights) for weight in weights)
        interim = chance.random() < 0.5  # noqa: PLR2004
        while at_s < end_s + 0.7:
            speaking = begin_s <= at_s <= end_s
            script.level(at_s, rms=-25 + chance.uniform(-8, 8) if speaking else -55.0, speaking=speaking)
            if round(at_s * LEVELS_HZ) % (10 * LEVELS_HZ) == 0:
                script.health()
            if interim and at_s > begin_s + 1.5:
                script.utterance(begin_s, at_s, shares, final=False, number=utterance)  # type: ignore[arg-type]
                interim = False
            yield from said()
            at_s += 1 / LEVELS_HZ
        script.utterance(begin_s, end_s, shares, number=utterance)  # type: ignore[arg-type]
        script.tokens(script.seq, "sad", [("sad", True, shares)])  # type: ignore[list-item]
        yield from said()


def write(path: Path, minutes: float) -> int:
    """A recording of such a session; gives how many events it has."""
    count = 0
    with path.open("wb") as file:
        for at_s, event in session(minutes):
            file.write(encode(event)[:-1] + b',"received_at":"%s"}\n' % timestamp(EPOCH + at_s).encode())
            count += 1
    return count


class Stopwatch(DashboardApp):
    """A dashboard that notes when a key's effect is painted."""

    CSS_PATH = [Path(dashboard.__file__).parent / file for file in DashboardApp.CSS_PATH]  # noqa: RUF012
    waiting: "tuple[float, float, object, asyncio.Future[tuple[float, float]]] | None" = None

    def effect(self) -> object:
        """What the keys change."""
        playback = self.backend.playback
        return self.view, playback and playback.seeks  # type: ignore[attr-defined]

    def _display(self, *arguments: object) -> None:
        super()._display(*arguments)  # type: ignore[arg-type]
        if self.waiting and self.effect() != self.waiting[2] and not self.waiting[3].done():
            at_s, spent_s, _, done = self.waiting
            done.set_result((time.perf_counter() - at_s, time.process_time() - spent_s))

    async def press(self, key: str) -> tuple[float, float] | None:
        """Seconds until the effect is painted, and the processor's share of them; None: the key had none."""
        done: asyncio.Future[tuple[float, float]] = asyncio.get_running_loop().create_future()
        self.waiting = (time.perf_counter(), time.process_time(), self.effect(), done)
        self.post_message(events.Key(key, None))
        with suppress(TimeoutError):
            async with asyncio.timeout(EFFECT_S):
                return await done
        return None


class Counted(TapePlayback):
    """Counts its jumps."""

    seeks = 0

    def _seek(self, position_s: float) -> None:
        self.seeks += 1
        super()._seek(position_s)


async def measure(path: Path, size: tuple[int, int], speed: float) -> None:
    """Plays the file to its end and prints."""
    process = psutil.Process()
    playback = Counted(Tape(path), DashboardState(), speed=speed)
    backend = Backend(commands=frozenset({Quit}), now="replay", playback=playback)
    app = Stopwatch(on_command=lambda _: None, clock=playback.clock, backend=backend)
    running = asyncio.create_task(app.run_async(headless=True, size=size))
    await app.there.wait()
    began_s = time.perf_counter()
    playing = asyncio.create_task(playback.run(app))
    while not playback._survey.complete:  # noqa: SLF001, ASYNC110
        await asyncio.sleep(0.05)
    print(f"read ahead in {time.perf_counter() - began_s:.1f} s, {len(playback._survey._checkpoints.kept)} checkpoints")  # noqa: SLF001
    memory = [process.memory_info().rss / 1e6]
    waits: dict[str, list[tuple[float, float]]] = {key: [] for key in KEYS}
    spent_s, began_s = sum(process.cpu_times()[:2]), time.perf_counter()
    for key in itertools.cycle(KEYS):
        if playback.facts.state == "ended":
            break
        waited = await app.press(key)
        waits[key] += [waited] if waited is not None else []
        memory.append(process.memory_info().rss / 1e6)
        await asyncio.sleep(0.25)
    cpu = (sum(process.cpu_times()[:2]) - spent_s) / (time.perf_counter() - began_s)
    print(f"played at {speed:g} times the speed: {cpu:.0%} of a core")
    quarters = [sum(part) / len(part) for part in _parts(memory, 4)]
    print(f"memory by quarters of that time: {', '.join(f'{mb:.0f}' for mb in quarters)} MB, at most {max(memory):.0f}")
    every = [waited for waited_for in waits.values() for waited in waited_for]
    print(f"key to repaint, {len(every)} keys: {_percentiles([waited for waited, _ in every])}")
    print(f"    processor time of that: {_percentiles([spent for _, spent in every])}")
    for key, waited_for in waits.items():
        print(f"    {key:<10} {_percentiles([waited for waited, _ in waited_for])}")
    jumps = []
    for _ in range(200):
        position_s = random.uniform(0, playback.facts.length_s)  # noqa: S311
        at_s = time.perf_counter()
        playback._survey.at(position_s)  # noqa: SLF001
        jumps.append(time.perf_counter() - at_s)
    print(f"state at a random place, {len(jumps)} places: {_percentiles(jumps)}")
    app.exit()
    playing.cancel()
    await asyncio.wait({running, playing})


def _parts(values: list[float], count: int) -> list[list[float]]:
    size = max(len(values) // count, 1)
    return [values[at : at + size] for at in range(0, size * count, size)]


def _percentiles(seconds: list[float]) -> str:
    return ", ".join(f"p{share} {np.percentile(seconds, share) * 1000:.0f} ms" for share in (50, 95, 99))


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--speed", type=float, default=60.0)
    parser.add_argument("--size", default="120x40")
    arguments = parser.parse_args()
    width, height = map(int, arguments.size.split("x"))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "session.jsonl"
        count = write(path, arguments.minutes)
        print(f"{arguments.minutes:g} minutes, {count} events, {path.stat().st_size / 1e6:.1f} MB, {arguments.size}")
        asyncio.run(measure(path, (width, height), arguments.speed))


if __name__ == "__main__":
    main()
