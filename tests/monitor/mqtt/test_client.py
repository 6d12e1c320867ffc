"""What aiomqtt's client lacks."""

import asyncio

import pytest

from monitor.mqtt.client import Client


async def test_a_cancellation_that_comes_with_the_answer_is_not_lost():
    client = Client("127.0.0.1")
    answer = asyncio.get_running_loop().create_future()
    waiting = asyncio.create_task(client._wait_for(answer, None))
    await asyncio.sleep(0)
    answer.set_result(None)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
