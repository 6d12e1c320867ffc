"""Utterances read elsewhere while everything goes wrong: mosquitto and workers are killed, stopped and repeated.

    python -m benchmarks.split_chaos [--minutes N] [--workers N] [--seed N]

Needs mosquitto. Workers are real programs with a fake model, whose readings are a hash of the sound, so that each
answer is known; two who ask are in this process. At random moments mosquitto (without persistence) is killed and
started again, a worker is killed and replaced, or stands still for a while; a bystander sends a fifth of all jobs and
results again. At the end every utterance must have been read once, and rightly, or be counted as expired; exit status
1 if one is not.
"""

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from contextlib import AsyncExitStack, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from core.errors import BrokerError
from monitor.jobs.remote import RemoteWorker
from monitor.mqtt.connection import Connection
from monitor.mqtt.messages import Message
from tests.monitor.jobs.split import asking, connector
from tests.monitor.jobs.worker_program import WorkerProgram
from tests.mosquitto import Mosquitto
from tests.plugins.fake_model import FakeModel

ASKERS = 2
AT_ONCE = 4
"""Utterances that each of them asks at once."""
QUIET_S = (0.3, 1.5)
"""Shortest and longest time between two misfortunes."""
MODEL = "fake:read_s=0.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Chaos:
    """What is to happen."""

    seconds: float
    workers: int = 3
    seed: int = 0
    deadline_s: float = 10.0
    resend_s: float = 1.0


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What became of it. `wrong`: readings of another sound; `unaccounted`: those that no count knows of."""

    asked: int = 0
    answered: int = 0
    expired: int = 0
    refused: int = 0
    wrong: int = 0
    unaccounted: int = 0
    resent: int = 0
    duplicates: int = 0
    late: int = 0
    broker_kills: int = 0
    worker_kills: int = 0
    worker_stops: int = 0
    sent_again: int = 0
    longest_s: float = 0.0


async def chaos(plan: Chaos, folder: Path) -> Outcome:
    """Lets it happen, and waits until all is answered or expired."""
    outcome, chance = Outcome(), random.Random(plan.seed)  # noqa: S311
    broker = Mosquitto(folder, "max_queued_messages 0").start()
    workers = [WorkerProgram(broker.url, MODEL) for _ in range(plan.workers)]
    try:
        await asyncio.gather(*(asyncio.to_thread(worker.ready) for worker in workers))
        async with AsyncExitStack() as stack:
            remotes = [
                await stack.enter_async_context(
                    asking(broker.address, deadline_s=plan.deadline_s, resend_s=plan.resend_s)
                )
                for _ in range(ASKERS)
            ]
            repeating = asyncio.create_task(_repeat(broker, outcome, random.Random(chance.random())))  # noqa: S311
            ends_s = time.monotonic() + plan.seconds
            asks = [
                asyncio.create_task(_ask(remote, outcome, ends_s, number * AT_ONCE + lane))
                for number, remote in enumerate(remotes)
                for lane in range(AT_ONCE)
            ]
            await _misfortunes(broker, workers, outcome, chance, ends_s)
            await asyncio.gather(*asks)
            repeating.cancel()
            await asyncio.wait({repeating})
            for remote in remotes:
                _count(remote, outcome)
    finally:
        for worker in workers:
            worker.kill()
        broker.kill()
    return outcome


async def _ask(remote: RemoteWorker, outcome: Outcome, ends_s: float, lane: int) -> None:
    """One utterance after the other, each of a sound of its own, and looks at what was read."""
    sounds = np.random.default_rng(lane)
    while time.monotonic() < ends_s:
        sound = sounds.integers(-3000, 3000, 1600).astype(np.int16)
        began_s = time.monotonic()
        (reading,) = await remote.read([sound])
        outcome.longest_s = max(outcome.longest_s, round(time.monotonic() - began_s, 3))
        outcome.asked += 1
        expected = FakeModel().read([sound])[0]
        if reading.distribution is None:
            outcome.unaccounted += not reading.failed
        else:
            outcome.wrong += reading.distribution != expected.distribution


def _count(remote: RemoteWorker, outcome: Outcome) -> None:
    told = remote.health.remote
    assert told is not None  # noqa: S101 - it is remote
    outcome.unaccounted += told.owned - told.answered - told.refused - told.expired
    for name in ("answered", "expired", "refused", "resent", "duplicates", "late"):
        setattr(outcome, name, getattr(outcome, name) + getattr(told, name))


async def _misfortunes(
    broker: Mosquitto, workers: list[WorkerProgram], outcome: Outcome, chance: random.Random, ends_s: float
) -> None:
    """Each kind in turn, at random moments, to random workers; in the end all is well."""
    turn = 0
    while time.monotonic() < ends_s:
        await asyncio.sleep(chance.uniform(*QUIET_S))
        number = chance.randrange(len(workers))
        match turn % 3:
            case 0:
                outcome.worker_kills += 1
                await asyncio.to_thread(workers[number].kill)
                workers[number] = WorkerProgram(broker.url, MODEL)
                await asyncio.to_thread(workers[number].ready)
            case 1:
                outcome.broker_kills += 1
                await asyncio.to_thread(broker.kill)
                await asyncio.sleep(chance.uniform(0, 1))
                await asyncio.to_thread(broker.start)
            case _:
                outcome.worker_stops += 1
                workers[number].stop()
                await asyncio.sleep(chance.uniform(0, 2))
                workers[number].go_on()
        turn += 1


async def _repeat(broker: Mosquitto, outcome: Outcome, chance: random.Random) -> None:
    """Sends a fifth of all jobs and results again, a moment later."""
    again = set()

    async def send(connection: Connection, topic: str, payload: bytes) -> None:
        await asyncio.sleep(chance.uniform(0, 0.5))
        with suppress(BrokerError):
            await connection.publish(Message(topic=topic, payload=payload, binary=True, expiry_s=10), 0)
            outcome.sent_again += 1

    while True:
        with suppress(BrokerError):
            async with connector(broker.address, "bystander").connect() as connection:
                for topic in ("emotion-jobs/+/ask/+/+", "emotion-jobs/+/answer/+/+"):
                    await connection.subscribe(topic)
                async for message in connection.messages():
                    connection.acknowledge(message)
                    payload = bytes(message.payload)
                    is_ours = payload in again
                    again.discard(payload)
                    if not is_ours and chance.random() < 0.2:  # noqa: PLR2004 - a fifth
                        again.add(payload)
                        asyncio.create_task(send(connection, str(message.topic), payload))  # noqa: RUF006
        await asyncio.sleep(0.1)


def main() -> None:
    """Prints what became of it, as JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    plan = Chaos(seconds=60 * arguments.minutes, workers=arguments.workers, seed=arguments.seed)
    with tempfile.TemporaryDirectory() as folder:
        outcome = asyncio.run(chaos(plan, Path(folder)))
    print(json.dumps(asdict(outcome), indent=2))
    sums = outcome.asked == outcome.answered + outcome.expired + outcome.refused
    sys.exit(int(not sums or bool(outcome.wrong + outcome.unaccounted)))


if __name__ == "__main__":
    main()
