"""The outbox as its owner and the next run see it."""

import contextlib
import logging
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import UsageError
from core.settings import MqttSettings
from monitor.clock import steady_s
from monitor.mqtt.address import BrokerAddress
from monitor.mqtt.messages import Message
from monitor.mqtt.outgoing import Entry
from monitor.outbox import Outbox, outbox_path
from tests.patience import until

ROOT = Path(__file__).parents[2]
ADDRESS = BrokerAddress(host="broker", port=1883)
FULL = Message(topic="t", payload=b"\x00\xff", schema="s", model="m", correlation=b"\x01", expiry_s=60, valid_until=4e9)


def entry(seq: int) -> Entry:
    return Entry(seq, Message(topic=f"emotion/desk/s{seq % 2}/utterance", payload=b"{}", valid_until=4e9))


def exact(found: Entry) -> Entry:
    """Without the microseconds that lie between two looks at two clocks."""
    until = found.message.valid_until
    return Entry(found.seq, replace(found.message, valid_until=until and round(until)))


@contextlib.asynccontextmanager
async def opened(path: Path) -> AsyncIterator[tuple[Outbox, list[Entry]]]:
    """An open outbox, and what it had held."""
    outbox, left = Outbox(path, retry_s=0.05), []
    await outbox.open(lambda entries: left.extend(map(exact, entries)))
    try:
        yield outbox, left
    finally:
        await outbox.close()


async def left_in(path: Path) -> list[Entry]:
    async with opened(path) as (_, left):
        return left


async def test_the_next_run_finds_what_was_put_and_not_removed_in_order_and_whole(tmp_path):
    path = tmp_path / "new folder" / "outbox"
    async with opened(path) as (outbox, left):
        assert left == []
        for each in (Entry(3, FULL), entry(1), entry(2), entry(4)):
            outbox.put(each)
        outbox.remove(2)
        await until(lambda: outbox.unsaved == 0)
        outbox.remove(4)
    found = await left_in(path)
    assert [each.seq for each in found] == [1, 3]
    assert found[0] == entry(1)
    assert found[1].message == replace(FULL, expiry_s=None)


async def test_closing_tells_how_many_it_keeps(tmp_path):
    outbox = Outbox(tmp_path / "outbox")
    await outbox.open(lambda _: None)
    for seq in range(1, 6):
        outbox.put(entry(seq))
    outbox.remove(1)
    assert await outbox.close() == 4


async def test_it_never_waits_for_the_disk(tmp_path):
    async with opened(tmp_path / "outbox") as (outbox, _):
        began = time.perf_counter()
        for seq in range(1, 5001):
            outbox.put(entry(seq))
            outbox.remove(seq)
        assert time.perf_counter() - began < 1.0  # 5000 syncs take minutes where this was written
    assert await left_in(tmp_path / "outbox") == []


@settings(max_examples=10)
@given(steps=st.lists(st.tuples(st.sampled_from(["put", "remove", "wait", "reopen"]), st.integers(1, 5)), max_size=25))
async def test_whatever_happens_in_whatever_order_the_file_holds_what_waits(tmp_path_factory, steps):
    path = tmp_path_factory.mktemp("outbox") / "outbox"
    waiting: dict[int, Entry] = {}
    outbox = Outbox(path)
    await outbox.open(lambda _: None)
    for step, seq in steps:
        if step == "put" and seq not in waiting:
            waiting[seq] = entry(seq)
            outbox.put(waiting[seq])
        elif step == "remove" and waiting.pop(seq, None):
            outbox.remove(seq)
        elif step == "wait":
            await until(lambda: outbox.unsaved == 0)  # noqa: B023 used at once
        elif step == "reopen":
            assert await outbox.close() == len(waiting)
            outbox, left = Outbox(path), []
            await outbox.open(lambda entries: left.extend(map(exact, entries)))  # noqa: B023 used at once
            assert left == sorted(waiting.values(), key=lambda each: each.seq)
    assert await outbox.close() == len(waiting)


async def test_only_its_user_can_read_it(tmp_path):
    async with opened(tmp_path / "outbox") as (outbox, _):
        outbox.put(entry(1))
        await until(lambda: outbox.unsaved == 0)
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}
    assert set(modes) >= {"outbox", "outbox-wal", "outbox.lock"}
    assert set(modes.values()) == {0o600}


async def test_what_is_removed_is_gone_from_the_disk(tmp_path):
    secret = Message(topic="t", payload=b"how somebody felt")
    async with opened(tmp_path / "outbox") as (outbox, _):
        outbox.put(Entry(1, secret))
        await until(lambda: outbox.unsaved == 0)
        assert any(secret.payload in file.read_bytes() for file in tmp_path.iterdir())
        outbox.remove(1)
    assert not any(secret.payload in file.read_bytes() for file in tmp_path.iterdir())


OWNER = """
import asyncio, sys
from pathlib import Path
from monitor.outbox import Outbox

async def main():
    await Outbox(Path(sys.argv[1])).open(lambda _: None)
    print("open", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


def start_owner(path: Path) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-c", OWNER, path], stdout=subprocess.PIPE, cwd=ROOT)


async def test_a_second_process_is_refused_with_the_number_of_the_first_until_that_is_gone(tmp_path):
    path = tmp_path / "outbox"
    with start_owner(path) as owner:
        assert owner.stdout
        assert owner.stdout.readline() == b"open\n"
        with pytest.raises(UsageError, match=f"runs already, as process {owner.pid}") as refusal:
            await Outbox(path).open(lambda _: None)
        assert "mqtt.node" in refusal.value.one_line()
        owner.kill()
    assert await left_in(path) == []


@pytest.mark.fault(5, "no database at all")
async def test_a_file_that_is_no_database_is_set_aside_and_a_new_one_begun(tmp_path, caplog):
    path = tmp_path / "outbox"
    path.write_text("something else " * 1000)
    async with opened(path) as (outbox, left):
        assert left == []
        assert outbox.problem is None
        outbox.put(entry(1))
    assert (tmp_path / "outbox.corrupt-1").read_text().startswith("something else")
    assert "outbox was corrupt and is set aside as outbox.corrupt-1" in caplog.text
    assert [each.seq for each in await left_in(path)] == [1]


async def test_a_database_of_another_program_is_set_aside_too(tmp_path):
    path = tmp_path / "outbox"
    with contextlib.closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE event (title TEXT)")
    async with opened(path) as (outbox, left):
        assert (left, outbox.problem) == ([], None)
    with contextlib.closing(sqlite3.connect(tmp_path / "outbox.corrupt-1")) as other:
        assert other.execute("SELECT title FROM event").fetchall() == []


@pytest.mark.fault(5, "database damaged")
async def test_of_a_damaged_file_what_can_be_read_is_kept(tmp_path):
    path = tmp_path / "outbox"
    async with opened(path) as (outbox, _):
        for seq in range(1, 301):
            outbox.put(Entry(seq, Message(topic="t", payload=bytes(500), valid_until=4e9)))
    data = bytearray(path.read_bytes())
    data[-4096 * 5 :] = b"\xaa" * 4096 * 5
    path.write_bytes(data)
    found = [each.seq for each in await left_in(path)]
    assert 100 < len(found) < 300
    assert found == list(range(1, len(found) + 1))
    assert (tmp_path / "outbox.corrupt-1").exists()
    assert [each.seq for each in await left_in(path)] == found


async def test_there_is_a_bound_to_what_is_set_aside(tmp_path):
    path = tmp_path / "outbox"
    for number in range(12):
        path.write_text(f"{number} " * 1000)
        await left_in(path)
    aside = [file for file in tmp_path.iterdir() if "corrupt" in file.name]
    assert len(aside) == 9
    assert (tmp_path / "outbox.corrupt-9").read_text().startswith("11 ")


async def test_a_file_that_somebody_else_holds_is_a_problem_that_heals(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    path = tmp_path / "outbox"
    async with opened(path) as (outbox, _):
        outbox.put(entry(1))
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        outbox, left = Outbox(path, retry_s=0.05), []
        await outbox.open(left.extend)
        assert outbox.problem == "database is locked"
        outbox.put(entry(2))
        assert (left, outbox.unsaved) == ([], 1)
    await until(lambda: outbox.problem is None)
    assert [each.seq for each in left] == [1]
    assert await outbox.close() == 2
    assert "is in order again" in caplog.text


def test_each_node_and_broker_has_a_file_of_its_own_and_the_embedded_broker_none(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    url = "mqtt://broker"
    paths = {
        outbox_path(MqttSettings(url=url, node="desk"), ADDRESS),
        outbox_path(MqttSettings(url=url, node="kitchen/../../etc"), ADDRESS),
        outbox_path(MqttSettings(url=url, node="desk", base="home"), ADDRESS),
        outbox_path(MqttSettings(url=url, node="desk"), BrokerAddress(host="other", port=1883)),
    }
    assert len(paths) == 4
    assert all(path and path.parent == tmp_path / "emotion-monitor" for path in paths)
    assert outbox_path(MqttSettings(node="desk"), ADDRESS) is None
    assert outbox_path(MqttSettings(url=url, node="desk", outbox="off"), ADDRESS) is None
    chosen = MqttSettings(node="desk", outbox=str(tmp_path / "chosen"))
    assert outbox_path(chosen, ADDRESS) == tmp_path / "chosen"


def test_a_folder_is_refused_as_outbox(tmp_path):
    with pytest.raises(UsageError, match=r"mqtt\.outbox: .* is a folder"):
        outbox_path(MqttSettings(outbox=str(tmp_path)), ADDRESS)


@pytest.mark.fault(16, "clock as read, 10 h on and back, between two runs")
async def test_setting_the_clock_makes_nothing_that_waits_older_or_younger_for_the_next_run(tmp_path, monkeypatch):
    path, wall = tmp_path / "outbox", time.time
    for by_s in (36_000, -36_000):
        old, new = (Entry(seq, Message(topic="t", payload=b"", valid_until=steady_s() + 60)) for seq in (1, 2))
        async with opened(path) as (outbox, _):
            outbox.put(old)
            await until(lambda: outbox.unsaved == 0)
            monkeypatch.setattr(time, "time", lambda: wall() + by_s)  # noqa: B023 used at once
            outbox.put(new)
        for each in await left_in(path):
            assert each.message.valid_until == pytest.approx(old.message.valid_until, abs=2)
        monkeypatch.setattr(time, "time", wall)
        path.unlink()


async def test_nothing_is_left_open_when_it_is_closed(tmp_path):
    async with opened(tmp_path / "outbox") as (outbox, _):
        outbox.put(entry(1))
    assert not any(str(tmp_path) in file.path for file in psutil.Process().open_files())
    assert not (tmp_path / "outbox-wal").exists()
