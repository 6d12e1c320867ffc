"""What is lost between who hears and who reads: 1, 2 and 4 workers of a fixed time, and what the edge costs.

    python -m benchmarks.split_scaling [--read-s S] [--utterances N] [--json FILE]

Needs mosquitto. COORDINATION ONLY: the model sleeps, all runs on one machine, and nothing is said about a GPU, about
batches or about a network of several hosts. The edge is `emotion-monitor run --worker`, with the dashboard and without,
on the shipped sample as if it were spoken: memory after 20 s, and time from its start to the first level, with a worker
that is there already. `start_cpu_s` is the part of it that a busy machine does not stretch.
"""

import argparse
import asyncio
import json
import os
import pty
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from monitor.sources.opening import SAMPLE
from tests.monitor.jobs.split import asking
from tests.monitor.jobs.worker_program import WorkerProgram
from tests.mosquitto import Mosquitto
from tests.patience import until
from tests.program import command, environment

WORKERS = (1, 2, 4)
EFFICIENT = 3.6
"""So many times as fast as one are four, or more is lost in between than may be."""
MOST_MB, MOST_S = 120.0, 1.5
"""Of the edge: memory, and time until it listens."""
LISTENED_S = 20.0


def main() -> None:
    """Measures and prints; exit status 1 if a goal is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--read-s", type=float, default=0.2, help="time the model sleeps for each utterance")
    parser.add_argument("--utterances", type=int, default=96)
    parser.add_argument("--json", type=Path, help="write the numbers there")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        broker = Mosquitto(Path(name), "max_queued_messages 0").start()
        try:
            took_s = {
                workers: asyncio.run(_scaling(broker, workers, arguments.read_s, arguments.utterances))
                for workers in WORKERS
            }
            edge = _edge(broker)
        finally:
            broker.kill()
    found = {
        "label": "coordination only: one machine, a model that sleeps",
        "load": os.getloadavg()[0],
        "cpus": os.cpu_count(),
        "read_s": arguments.read_s,
        "utterances": arguments.utterances,
        "took_s": {str(workers): round(seconds, 2) for workers, seconds in took_s.items()},
        "speed_up": {str(workers): round(took_s[1] / seconds, 2) for workers, seconds in took_s.items()},
        "edge": edge,
    }
    print(json.dumps(found, indent=2))
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=2) + "\n")
    scales = took_s[1] / took_s[WORKERS[-1]] >= EFFICIENT
    is_small = all(each["rss_mb"] < MOST_MB and each["start_s"] < MOST_S for each in edge.values())
    sys.exit(int(not (scales and is_small)))


async def _scaling(broker: Mosquitto, workers: int, read_s: float, utterances: int) -> float:
    """Seconds for so many utterances, asked with twice as many under way as are read at once."""
    programs = [WorkerProgram(broker.url, f"fake:read_s={read_s}") for _ in range(workers)]
    try:
        await asyncio.gather(*(asyncio.to_thread(program.ready) for program in programs))
        async with asking(broker.address, resend_s=30.0, deadline_s=120.0) as remote:
            await until(lambda: len(remote.health.remote.workers) == workers, "all workers")
            sound = np.random.default_rng(0).integers(-3000, 3000, 3 * 16_000).astype(np.int16)
            await remote.read([sound] * workers)
            window = asyncio.Semaphore(2 * workers)

            async def ask(number: int) -> None:
                async with window:
                    (reading,) = await remote.read([np.roll(sound, number)])
                    assert reading.distribution is not None, reading.reason  # noqa: S101 - a measurement of nothing

            began_s = time.monotonic()
            await asyncio.gather(*(ask(number) for number in range(utterances)))
            return time.monotonic() - began_s
    finally:
        for program in programs:
            program.kill()


def _edge(broker: Mosquitto) -> dict[str, Any]:
    """Memory and start of the program that hears."""
    worker = WorkerProgram(broker.url, "fake:read_s=0.05").ready()
    try:
        return {"headless": _run_edge(broker, headless=True), "dashboard": _run_edge(broker, headless=False)}
    finally:
        worker.kill()


def _run_edge(broker: Mosquitto, *, headless: bool) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as home:
        events = Path(home) / "events.jsonl"
        words = ("run", "--worker", broker.url, "--model", "fake", "--mqtt", broker.url, "--yes")
        words += ("--source", f"file:{SAMPLE}", "--sink", f"jsonl:{events}", *(("--headless",) if headless else ()))
        ours = {"EMOTION_MONITOR_OUTPUT__JSONL_EVENTS": "health,level", "EMOTION_MONITOR_MQTT__NODE": Path(home).name}
        ours |= {"XDG_STATE_HOME": home, "XDG_CONFIG_HOME": home, "TERM": "xterm-256color"}
        far, near = pty.openpty()
        began_s = time.monotonic()
        program = subprocess.Popen(  # noqa: S603 - our own program
            command(*words), stdin=near, stdout=near, stderr=near, env=environment(ours), start_new_session=True
        )
        os.close(near)
        os.set_blocking(far, False)
        try:
            while not (events.exists() and b'"emotion-monitor/level/1"' in events.read_bytes()):
                _drain(far)
                time.sleep(0.01)
            start_s = time.monotonic() - began_s
            used = psutil.Process(program.pid).cpu_times()
            while time.monotonic() - began_s < LISTENED_S:
                _drain(far)
                time.sleep(0.05)
            rss_mb = psutil.Process(program.pid).memory_info().rss / 1e6
        finally:
            program.kill()
            program.wait()
            os.close(far)
    cpu_s = used.user + used.system
    return {"rss_mb": round(rss_mb, 1), "start_s": round(start_s, 2), "start_cpu_s": round(cpu_s, 2)}


def _drain(terminal: int) -> None:
    """A terminal that shows what it is given."""
    try:
        while os.read(terminal, 65_536):
            pass
    except OSError:
        pass


if __name__ == "__main__":
    main()
