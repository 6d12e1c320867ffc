"""The outbox on a disk that fails: degraded, counted, healed; and nothing is lost that memory can hold."""

import asyncio
import json
import logging
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest

from monitor.mqtt.address import BrokerAddress
from monitor.mqtt.messages import Message
from monitor.mqtt.outgoing import Entry
from monitor.outbox import Outbox
from tests.faults.disks import disk
from tests.monitor.sinks.publishing import mqtt, numbers, until_received
from tests.mosquitto import free_port
from tests.patience import until
from tests.sample_events import health, utterance

ROOT = Path(__file__).parents[2]
WORDS = {"full": "the disk is full", "limited": "disk I/O error", "read-only": "Read-only file system"}


@pytest.fixture(params=["full", "limited"])
def filling_disk(request, tmp_path):
    """A disk, and what is said of it when it is full."""
    with disk(request.param, tmp_path) as made:
        yield made, WORDS[request.param]


@pytest.mark.system
@pytest.mark.fault(5, "disk {filling_disk}")
async def test_a_disk_that_is_full_for_a_while_degrades_the_node_and_costs_only_what_is_counted(
    filling_disk, mosquitto, subscribe, measured, caplog
):
    caplog.set_level(logging.INFO, "monitor")
    made, words = filling_disk
    path = made.folder / "outbox"
    nobody = BrokerAddress(host="127.0.0.1", port=free_port())
    async with mqtt(nobody, outbox=str(path), queue=100, drain_s=0.1) as sink:
        sink._outbox._retry_s = 0.05
        for number in range(20):
            await sink.send(utterance(number))
        await until(lambda: sink._outbox.unsaved == 0)
        made.break_down()
        began = time.monotonic()
        for number in range(20, 400):
            await sink.send(utterance(number))
        await until(lambda: sink._outbox.problem is not None)
        measured(detected_s=time.monotonic() - began, lost="300 beyond the bound, counted")
        await sink.send(health())
        report = sink.health()
        assert report.state == "degraded"
        assert f"; outbox: {words}, 100 in memory only; lost: 300 queue full" in report.detail
        assert (report.queued, report.dropped) == (100, 300)
        assert sink._availability == "degraded"
        made.heal()
        began = time.monotonic()
        await until(lambda: sink._outbox.problem is None)
        measured(healed_s=time.monotonic() - began)
        await sink.send(health())
        assert sink._availability == "online"
        assert "outbox" not in sink.health().detail
    assert f"{path}: {words}; what waits is kept in memory" in caplog.text
    assert f"{path} is in order again" in caplog.text
    subscriber = subscribe(mosquitto.port)
    async with mqtt(mosquitto.address, outbox=str(path)):
        await until_received(subscriber, lambda received: len(numbers(received)) == 100)
    assert numbers(subscriber.received) == list(range(300, 400))


@pytest.mark.fault(5, "file system remounted read-only")
async def test_what_a_read_only_disk_holds_is_published_once_it_can_be_written(measured, tmp_path):
    with disk("read-only", tmp_path) as made:
        outbox = Outbox(tmp_path / "outbox")
        await outbox.open(lambda _: None)
        outbox.put(Entry(1, Message(topic="t", payload=b"old")))
        await outbox.close()
        made.break_down()
        outbox, left = Outbox(tmp_path / "outbox", retry_s=0.05), []
        await outbox.open(left.extend)
        assert outbox.problem in {"Read-only file system", "Permission denied"}
        outbox.put(Entry(2, Message(topic="t", payload=b"new")))
        assert (left, outbox.unsaved) == ([], 1)
        made.heal()
        began = time.monotonic()
        await until(lambda: outbox.problem is None)
        measured(healed_s=time.monotonic() - began, lost=0)
        assert [entry.message.payload for entry in left] == [b"old"]
        assert await outbox.close() == 2


DRIVER = """
import asyncio, json, os, random, signal, sqlite3, sys, time
from pathlib import Path
from monitor.mqtt.messages import Message
from monitor.mqtt.outgoing import Entry
from monitor.outbox import Outbox

connect = sqlite3.connect

def dying_at(step, pipe):
    steps = 0
    def trace(statement):
        nonlocal steps
        if steps == step:
            os.write(pipe, json.dumps({"died at": statement}).encode() + b"\\n")
            os.kill(os.getpid(), signal.SIGKILL)
        steps += 1
    def traced(*args, **options):
        db = connect(*args, **options)
        db.set_trace_callback(trace)
        return db
    return traced

async def work(path, pipe, rounds):
    def note(what, seq):
        os.write(pipe, json.dumps({what: seq}).encode() + b"\\n")
    outbox, left = Outbox(path), []
    await outbox.open(left.extend)
    note("left", [entry.seq for entry in left])
    seq = max((entry.seq for entry in left), default=0)
    for _ in range(rounds):
        for _ in range(3):
            seq += 1
            note("putting", seq)
            outbox.put(Entry(seq, Message(topic="t", payload=str(seq).encode())))
        while outbox.unsaved:
            await asyncio.sleep(0.0005)
        note("saved", seq)
        note("removing", seq - 1)
        outbox.remove(seq - 1)
    await outbox.close()
    note("closed", seq)

def life(path, step=None, after_s=None):
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        if step is not None:
            sqlite3.connect = dying_at(step, write)
        asyncio.run(work(path, write, 4 if step is not None else 10**6))
        os._exit(0)
    os.close(write)
    if after_s is not None:
        time.sleep(after_s)
        os.kill(pid, signal.SIGKILL)
    with os.fdopen(read) as lines:
        notes = [json.loads(line) for line in lines]
    os.waitpid(pid, 0)
    print(json.dumps(notes), flush=True)
    return notes

folder = Path(sys.argv[1])
if sys.argv[2] == "steps":
    for step in range(1000):
        path = folder / str(step)
        if "closed" in life(path, step)[-1]:
            break
        life(path, 10**9)
else:
    for _ in range(int(sys.argv[3])):
        life(folder / "outbox", after_s=random.uniform(0.02, 0.25))
    life(folder / "outbox", 10**9)
"""


async def lives(folder: Path, *arguments: str) -> list[list[dict]]:
    """What each of some processes noted that opened an outbox one after the other and were killed."""
    driver = [sys.executable, "-c", DRIVER, folder, *arguments]
    done = await asyncio.to_thread(subprocess.run, driver, cwd=ROOT, capture_output=True, check=True, timeout=120)
    return [json.loads(line) for line in done.stdout.splitlines()]


def check(notes: list[dict], before: set[int], left: list[int]) -> None:
    """Whether what is left is what must be, given what was there before and what the killed process did to it."""
    put = {note["putting"] for note in notes if "putting" in note}
    removed = {note["removing"] for note in notes if "removing" in note}
    last_saved = max((note["saved"] for note in notes if "saved" in note), default=0)
    saved = {seq for seq in put if seq <= last_saved}
    assert left == sorted(set(left))
    assert (before | saved) - removed <= set(left) <= before | put


@pytest.mark.fault(6, "kill -9 at every SQL statement")
async def test_killed_at_any_statement_it_keeps_what_was_saved_and_invents_nothing(measured, tmp_path):
    notes = await lives(tmp_path, "steps")
    died_at = [each[-1]["died at"].split()[0] for each in notes if "died at" in each[-1]]
    assert {"PRAGMA", "BEGIN", "CREATE", "SELECT", "INSERT", "DELETE", "COMMIT"} <= set(died_at)
    for killed, heir in zip(notes[::2], notes[1::2], strict=False):
        check(killed, set(), heir[0]["left"])
    measured(lost=0)


@pytest.mark.fault(6, "kill -9 at random moments")
async def test_killed_at_any_moment_it_keeps_what_was_saved_and_invents_nothing(measured, tmp_path):
    notes = await lives(tmp_path, "moments", "20")
    long_enough_to_open_it = [each for each in notes if each]
    before: set[int] = set()
    for killed, heir in pairwise(long_enough_to_open_it):
        check(killed, before, heir[0]["left"])
        before = set(heir[0]["left"])
    assert len(before) > 20
    measured(lost=0)
