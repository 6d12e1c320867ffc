"""What an utterance costs a broker and a worker in processor time: real ones, with a model that does nothing.

    python -m benchmarks.fleet.broker_cost [--utterances N] [--json FILE]

Needs mosquitto. Processor time, unlike throughput, is not stretched by what else a machine does. A job and its result
each go through the broker once; TLS is not in it.
"""

import argparse
import asyncio
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from core.model import SAMPLE_RATE_HZ
from monitor.bench.machine import conditions
from tests.monitor.jobs.split import asking
from tests.monitor.jobs.worker_program import WorkerProgram
from tests.mosquitto import Mosquitto

AT_ONCE = 8
SOUNDS_S = (0.5, 5.0, 10.0)


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--utterances", type=int, default=400, help="of each length")
    parser.add_argument("--json", type=Path, help="write the numbers there")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        broker = Mosquitto(Path(name), "max_queued_messages 0").start()
        worker = WorkerProgram(broker.url, "fake").ready()
        try:
            rows = asyncio.run(_measure(broker, arguments.utterances))
        finally:
            worker.kill()
            broker.kill()
    found = {"conditions": conditions(), "utterances": arguments.utterances, "rows": rows}
    print(json.dumps(found, indent=2))
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=2) + "\n")


async def _measure(broker: Mosquitto, utterances: int) -> list[dict[str, Any]]:
    us = psutil.Process()
    brokers = [process for process in us.children() if process.name() == "mosquitto"]
    workers = [process for process in us.children(recursive=True) if process not in brokers]
    programs = {"broker": brokers, "worker": workers, "asking": [us]}
    rows = []
    async with asking(broker.address, resend_s=60.0, deadline_s=120.0) as remote:
        for sound_s in SOUNDS_S:
            sound = np.random.default_rng(0).integers(-3000, 3000, int(sound_s * SAMPLE_RATE_HZ)).astype(np.int16)
            await remote.read([sound] * AT_ONCE)
            window = asyncio.Semaphore(AT_ONCE)

            async def ask(number: int, sound: Any = sound, window: asyncio.Semaphore = window) -> None:
                async with window:
                    await remote.read([np.roll(sound, number)])

            before = {name: _used_s(processes) for name, processes in programs.items()}
            await asyncio.gather(*(ask(number) for number in range(utterances)))
            used = {name: _used_s(processes) - before[name] for name, processes in programs.items()}
            each_ms = {f"{name}_ms": round(used_s / utterances * 1000, 2) for name, used_s in used.items()}
            rows.append({"sound_s": sound_s} | each_ms)
    return rows


def _used_s(processes: list[psutil.Process]) -> float:
    return sum(sum(process.cpu_times()[:2]) for process in processes)


if __name__ == "__main__":
    main()
