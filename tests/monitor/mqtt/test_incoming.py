"""Commands one after the other, and what a slow one does to those after it."""

import asyncio
from contextlib import suppress

import aiomqtt
import pytest

from monitor.mqtt import incoming
from monitor.mqtt.incoming import Commands
from monitor.mqtt.messages import Message
from tests.patience import until


def asked(name: str) -> aiomqtt.Message:
    return aiomqtt.Message("cmd", name.encode(), qos=1, retain=False, mid=1, properties=None)


class Handler:
    """Answers with the name; `slow` takes until it is told to end, `broken` fails."""

    def __init__(self) -> None:
        self.end = asyncio.Event()
        self.begun: list[bytes] = []

    async def handle(self, message: aiomqtt.Message) -> Message | None:
        self.begun.append(message.payload)
        if message.payload == b"slow":
            await self.end.wait()
        elif message.payload == b"broken":
            raise LookupError
        else:
            await asyncio.sleep(0.01)
        return Message(topic="answer", payload=message.payload)


async def test_a_slow_command_holds_up_the_next_for_a_moment_only_and_is_answered_in_the_end(monkeypatch):
    monkeypatch.setattr(incoming, "PATIENCE_S", 0.05)
    handler, answers = Handler(), []
    commands = Commands(handler, answers.append)
    running = asyncio.create_task(commands.run())
    for name in ("first", "broken", "slow", "pause", "resume"):
        commands.push(asked(name))
    await until(lambda: len(answers) == 3)
    assert [answer.payload for answer in answers] == [b"first", b"pause", b"resume"]
    handler.end.set()
    await until(lambda: len(answers) == 4)
    assert answers[-1].payload == b"slow"
    assert handler.begun == [b"first", b"broken", b"slow", b"pause", b"resume"]
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running


async def test_the_end_leaves_no_command_behind():
    handler = Handler()
    commands = Commands(handler, lambda _: pytest.fail("nothing was to be answered"))
    running = asyncio.create_task(commands.run())
    commands.push(asked("slow"))
    await until(lambda: bool(handler.begun))
    before = len(asyncio.all_tasks())
    running.cancel()
    await asyncio.wait({running})
    await asyncio.sleep(0)
    assert len(asyncio.all_tasks()) == before - 2
