"""The whole program listens on a WebSocket; the shipped sample is spoken into it, and readings come back."""

import asyncio
import json
import re

from websockets.asyncio.client import connect

from core.sound.audio import read_audio
from tests.program import SAMPLE, running

SPEED = 8
HELLO = {"type": "hello", "sample_rate_hz": 16000, "name": "test"}
FRAME_BYTES = 3200


async def speak(url: str, samples) -> list[dict]:
    """Sends the samples at SPEED times real time; everything the server says until it closes."""
    sound = samples.astype("<i2").tobytes()
    async with connect(url, proxy=None) as websocket:
        await websocket.send(json.dumps(HELLO))
        assert json.loads(await websocket.recv())["type"] == "ready"

        async def send() -> None:
            loop = asyncio.get_running_loop()
            began_s = loop.time()
            for start in range(0, len(sound), FRAME_BYTES):
                await asyncio.sleep(began_s + start / 32_000 / SPEED - loop.time())
                await websocket.send(sound[start : start + FRAME_BYTES])
            await websocket.send('{"type":"end"}')

        sending = asyncio.create_task(send())
        said = [json.loads(message) async for message in websocket]
        await sending
        assert (websocket.close_code, websocket.close_reason) == (1000, "everything is read")
    return said


def test_what_is_spoken_into_the_socket_is_told_there_and_to_the_other_sinks_alike(tmp_path):
    file = tmp_path / "events.jsonl"
    listen = ("run", "--source", "ws://127.0.0.1:0", "--speed", str(SPEED), "--mqtt", "off", "--headless")
    calm = {"EMOTION_MONITOR_WORKER__MAX_WAIT_S": "60", "EMOTION_MONITOR_WORKER__QUEUE_PER_STREAM": "100"}
    interim = {"EMOTION_MONITOR_OUTPUT__JSONL_INTERIM": "true"}
    with running(*listen, "--model", "fake", "--sink", f"jsonl:{file}", env=calm | interim) as program:
        url = re.search(r"ws://127\.0\.0\.1:[1-9]\d*", program.wait_for("sound may come to"))
        assert url
        said = asyncio.run(speak(url[0], read_audio(SAMPLE, max_s=None)))
    written = [json.loads(line) for line in file.read_text().splitlines()]
    readings = [message["reading"] for message in said if message.get("reading")]
    assert readings == [event for event in written if event["schema"] == "emotion-monitor/utterance/1"]
    assert not [message for message in said if message["type"] in {"drop", "error"}]
    kinds = [message["type"] for message in said]
    assert kinds.count("utterance.start") == kinds.count("utterance.end") >= 6
    assert kinds.count("measurement") >= 4
    assert said[-1]["type"] == "session.closed"
    assert {reading["source"] for reading in readings} == {url[0]}


def test_an_address_that_others_can_reach_is_refused_in_one_line():
    from tests.program import run

    done = run("run", "--source", "ws://0.0.0.0:8765", "--headless", "--mqtt", "off")
    assert done.code == 2
    assert done.err.count("\n") == 1
    assert "no token is set" in done.err
