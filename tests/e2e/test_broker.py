"""The embedded broker of a whole run: found by what the program prints, and gone when the program is gone."""

import asyncio
import re
import signal
from contextlib import suppress
from pathlib import Path

import aiomqtt
import psutil
import pytest

from tests.patience import PATIENCE_S, wait_until
from tests.program import Running, long_talk, running


def play(speed: str = "1") -> tuple[str, ...]:
    return ("run", "--source", f"file:{long_talk()}", "--headless", "--speed", speed, "--model", "fake")


LISTENS = "embedded broker: MQTT"


@pytest.fixture
def place(tmp_path) -> dict[str, str]:
    """Where the program keeps what lasts for a run."""
    return {"XDG_RUNTIME_DIR": str(tmp_path), "EMOTION_MONITOR_MQTT__NODE": "desk"}


def family(program: Running) -> list[psutil.Process]:
    """Its child processes, the broker and the worker among them."""
    return psutil.Process(program.process.pid).children(recursive=True)


def is_gone(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


async def test_what_it_prints_lets_clients_of_every_kind_in(place):
    with running(*play(), env=place, until=LISTENS) as program:
        line = program.said[-1]
        found = dict(re.findall(r"(MQTT 3\.1\.1|MQTT 5|WebSocket) \w+://127\.0\.0\.1:(\d+)", line))
        user, file = re.search(r"user (\w+), password in (\S+)", line).groups()
        password = await asyncio.to_thread(Path(file).read_text)
        login = {"username": user, "password": password.strip(), "timeout": 20}
        kinds = {
            "MQTT 3.1.1": {"protocol": aiomqtt.ProtocolVersion.V311},
            "MQTT 5": {"protocol": aiomqtt.ProtocolVersion.V5},
            "WebSocket": {"transport": "websockets", "websocket_path": "/"},
        }
        assert found.keys() == kinds.keys()
        for kind, options in kinds.items():
            async with (
                asyncio.timeout(PATIENCE_S),
                aiomqtt.Client("127.0.0.1", int(found[kind]), **login, **options) as client,
            ):
                await client.subscribe("emotion/desk/availability", qos=1)
                assert (await anext(client.messages)).payload == b"online"


@pytest.mark.parametrize("until", [LISTENS, "listening to"])
def test_kill_9_of_the_program_at_any_time_leaves_no_process_and_the_next_run_no_file(place, tmp_path, until):
    with running(*play(), env=place, until=until) as program:
        children = family(program)
        assert any("iotcore" in " ".join(child.cmdline()) for child in children)
        program.process.kill()
        program.process.wait()
    wait_until(lambda: all(map(is_gone, children)), "the end of all its processes")
    (folder,) = tmp_path.glob("**/broker-*")
    with running(*play(), env=place, until=LISTENS):
        assert not folder.exists()


def test_a_broker_that_was_stopped_when_its_program_was_killed_is_ended_by_the_next_run(place):
    with running(*play(), env=place, until=LISTENS) as program:
        (broker,) = (child for child in family(program) if "iotcore" in " ".join(child.cmdline()))
        broker.send_signal(signal.SIGSTOP)
        program.process.kill()
        program.process.wait()
    try:
        assert not is_gone(broker), "it cannot notice"
        with running(*play(), env=place, until=LISTENS):
            wait_until(lambda: is_gone(broker), "its end")
    finally:
        with suppress(psutil.NoSuchProcess):
            broker.kill()
