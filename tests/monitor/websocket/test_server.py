"""A real server and real clients on a real socket; the pipeline's part is played by a segmenter alone."""

import asyncio
import json
import logging
import ssl
import time
from contextlib import asynccontextmanager, suppress

import numpy as np
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from core.distribution import EmotionDistribution
from core.errors import UsageError
from core.model import Reading
from core.settings import Settings, WebSocketSettings
from core.sound.audio import read_audio
from core.wire.events import ModelStamp
from core.wire.health import HealthEvent
from monitor.sources.opening import SAMPLE
from monitor.sources.source import AudioBlock
from monitor.sources.websocket import WebSocketSource
from monitor.stream import Stream
from monitor.websocket.address import ListenAddress, listen_address
from tests import sample_events
from tests.monitor.websocket.test_address import TOKEN, WITH_TOKEN, make_certificate
from tests.patience import PATIENCE_S, until

HELLO = {"type": "hello", "sample_rate_hz": 16000}
SPEECH = read_audio(SAMPLE, max_s=None)
FRAME = bytes(3200)
STAMP = ModelStamp(name="m", sha256="", prompt="single", readout="seq_logprob")


class Monitor:
    """Plays a source as the pipeline does, reading everything at once; keeps what it heard."""

    def __init__(self, source: WebSocketSource) -> None:
        self.source = source
        self.heard: list[np.ndarray] = []
        self.stream: Stream

    async def run(self) -> None:
        async with self.source as source:
            self.stream = Stream(stream="s1", source=source.name, paced=source.realtime, settings=Settings())
            self.stream.open(time.time())
            async for block in source.blocks():
                self.heard.append(block.samples)
                pushed = self.stream.push(block, 0.0)
                for event in pushed.events:
                    await source.server.send(event)
                for job in pushed.jobs:
                    heard = Reading(distribution=EmotionDistribution.uniform())
                    for event in self.stream.read(job, heard, STAMP, started_s=0, now_s=0, read_at=0):
                        await source.server.send(event)

    async def report_health(self) -> None:
        while True:
            await asyncio.sleep(0.05)
            event = sample_events.health()
            values = {name: getattr(event, name) for name in event.__dataclass_fields__}
            await self.source.server.send(HealthEvent(**{**values, "streams": (self.stream.health(),)}))

    @property
    def samples(self) -> np.ndarray:
        """Everything that was not silence of the source's own making."""
        heard = np.concatenate([*self.heard, np.empty(0, np.int16)])
        return heard[np.flatnonzero(heard)]


@asynccontextmanager
async def monitoring(*, speed=1.0, address: ListenAddress | None = None, environ=None, **settings):
    values = WebSocketSettings(**settings)
    address = address or listen_address("ws://127.0.0.1:0", values, environ or {})
    monitor = Monitor(WebSocketSource(address, values, speed=speed))
    async with monitor.source.server:
        tasks = [asyncio.create_task(monitor.run())]
        await until(lambda: hasattr(monitor, "stream"))
        tasks.append(asyncio.create_task(monitor.report_health()))
        try:
            yield monitor
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def client(monitor: Monitor, hello=HELLO, **options):
    async with connect(monitor.source.name, proxy=None, **options) as websocket:
        if hello is not None:
            with suppress(ConnectionClosed):  # the server may have said no already
                await websocket.send(json.dumps(hello))
        yield websocket


async def said(websocket, kind: str) -> dict:
    """The next message of a kind."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            message = json.loads(await websocket.recv())
            if message["type"] == kind:
                return message


async def closing(websocket) -> tuple[int, str]:
    """How the server closes."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                await websocket.recv()
            except ConnectionClosed:
                return websocket.close_code, websocket.close_reason


async def play(websocket, samples) -> None:
    for start in range(0, len(samples), 1600):
        await websocket.send(samples[start : start + 1600].tobytes())


async def test_what_a_client_sends_is_what_is_heard_and_everything_is_told_before_the_end():
    speech = SPEECH[: 16_000 * 12]
    async with monitoring(speed="max") as monitor, client(monitor) as websocket:
        assert (await said(websocket, "ready"))["max_rate"] is None
        await play(websocket, speech)
        await websocket.send('{"type":"end"}')
        messages = [json.loads(message) async for message in websocket]
        assert (websocket.close_code, websocket.close_reason) == (1000, "everything is read")
    assert np.array_equal(monitor.samples, speech[np.flatnonzero(speech)])
    assert messages[-1] == {"type": "session.closed", "audio_ms": 12_000, "utterances": messages[-1]["utterances"]}
    ends = [message for message in messages if message["type"] == "utterance.end"]
    assert len(ends) == messages[-1]["utterances"] > 0
    assert all(0 <= end["audio_start_ms"] < end["audio_end_ms"] <= 12_000 for end in ends if end["reading"])
    assert monitor.stream.health().adds_up


async def test_the_same_sound_is_cut_as_it_is_from_a_file_whoever_spoke_before():
    speech = SPEECH[: 16_000 * 20]

    def cuts(pushed) -> list[tuple[int, int]]:
        return [(job.utterance.start, job.utterance.end) for job in pushed.jobs if job.utterance.final]

    file = Stream(stream="f", source="file", paced=False, settings=Settings())
    expected = [
        cut
        for start in range(0, len(speech), 320)
        for cut in cuts(file.push(AudioBlock(speech[start : start + 320]), 0.0))
    ]
    expected += cuts(file.end("ended", 0.0))
    async with monitoring(speed="max") as monitor:
        for _ in range(2):
            async with client(monitor) as websocket:
                await said(websocket, "ready")
                await play(websocket, speech)
                await websocket.send('{"type":"end"}')
                ends = [json.loads(m) async for m in websocket if '"utterance.end"' in m]
            told = [(end["audio_start_ms"] * 16, end["audio_end_ms"] * 16) for end in ends if end["reading"]]
            assert told == expected


async def test_the_stream_goes_on_in_silence_and_a_client_that_stops_is_heard_out():
    async with monitoring(speed=8.0, burst_s=60) as monitor:
        async with client(monitor) as websocket:
            await said(websocket, "ready")
            await play(websocket, SPEECH[: 16_000 * 3])
            assert (await said(websocket, "utterance.start"))["utterance"] == 1
            end = await said(websocket, "utterance.end")  # nothing came for a second
            assert end["reading"]["final"]
        captured = monitor.stream.health().captured
        await asyncio.sleep(1)
        assert monitor.stream.health().captured > captured
        assert monitor.stream.health().adds_up


async def test_the_clock_of_the_stream_is_the_clock_on_the_wall():
    async with monitoring() as monitor:
        began_s = time.monotonic()
        before = monitor.stream.health().captured
        async with client(monitor) as websocket:
            await said(websocket, "ready")
            for _ in range(8):
                await websocket.send(FRAME)
                await asyncio.sleep(0.1)
        await asyncio.sleep(1.5)

        def behind_s() -> float:
            return time.monotonic() - began_s - (monitor.stream.health().captured - before) / 16_000

        await until(lambda: abs(behind_s()) < 0.5, "the two clocks' agreement")  # a clock that is off never gets there
        assert monitor.stream.health().dropped == {}


async def test_a_second_client_is_told_to_try_later_and_may_when_the_first_is_gone():
    async with monitoring() as monitor:
        async with client(monitor) as first:
            await said(first, "ready")
            async with client(monitor) as second:
                assert await closing(second) == (1013, "busy: another client is speaking")
        for _ in range(5):
            await until(lambda: monitor.source.server.connection is None)
            async with client(monitor) as again:
                await said(again, "ready")
        assert monitor.source.server.health().detail.startswith("127.0.0.1")


async def test_clients_that_have_not_said_a_valid_hello_keep_nobody_out():
    async with (
        monitoring(environ=WITH_TOKEN) as monitor,
        client(monitor, hello=None),
        client(monitor, hello=None),
        client(monitor, hello={**HELLO, "token": TOKEN}) as owner,
    ):
        await said(owner, "ready")
        async with client(monitor) as stranger:  # who is not told either that somebody speaks
            assert (await closing(stranger))[1].startswith("unauthorized")


async def test_binary_junk_is_refused_and_sound_after_it_is_heard():
    async with monitoring() as monitor, client(monitor) as websocket:
        await said(websocket, "ready")
        await websocket.send(b"\xff" * 7)
        assert (await said(websocket, "error"))["code"] == "invalid_audio_frame"
        await websocket.send(b"\x01\x00" * 1600)
        await until(lambda: len(monitor.samples) == 1600)
        assert monitor.stream.health().dropped == {"overflow": 3}


@pytest.mark.parametrize(
    ("message", "code"),
    [(bytes(320_001), 1009), ("x" * 320_001, 1009), ("x" * 5000, 1008), ("\x00", 1008)],
    ids=["a long frame", "a very long text", "a long text", "no JSON"],
)
async def test_what_is_too_big_or_no_message_closes_and_the_next_client_is_served(message, code):
    async with monitoring() as monitor:
        async with client(monitor) as websocket:
            await said(websocket, "ready")
            await websocket.send(message)
            assert (await closing(websocket))[0] == code
        await asyncio.sleep(0.1)
        async with client(monitor) as websocket:
            await said(websocket, "ready")


async def test_sound_that_comes_too_fast_is_counted_in_the_stream_s_health():
    async with monitoring(burst_s=1.0) as monitor, client(monitor) as websocket:
        await said(websocket, "ready")
        for _ in range(20):
            await websocket.send(FRAME)
        assert (await said(websocket, "error"))["code"] == "rate_limited"
        await asyncio.sleep(0.3)
        await websocket.send(FRAME)
        assert (await said(websocket, "drop"))["reason"] == "overflow"
        health = monitor.stream.health()
        assert health.dropped["overflow"] >= 1600 * 5
        assert health.adds_up


async def test_a_client_that_says_nothing_is_let_go():
    async with monitoring(idle_s=0.3) as monitor, client(monitor) as websocket:
        assert await closing(websocket) == (1008, "idle: no sound for 0.3 s")


async def test_a_client_that_never_reads_holds_nothing_up_and_what_it_misses_is_counted():
    async with (
        monitoring(speed=8.0, burst_s=60) as monitor,
        client(monitor, max_queue=1, close_timeout=0.1) as websocket,
    ):
        server = monitor.source.server
        await play(websocket, SPEECH[:16_000])
        await until(lambda: server.connection and server.connection.utterances.clock.began_s is not None)
        reading = sample_events.utterance(0, source=server.name, start_s=1e6, end_s=1e6 + 1, transcript="x" * 20_000)
        async with asyncio.timeout(PATIENCE_S):
            for _ in range(1000):
                await server.send(reading)
        assert server.health().dropped > 0
        captured = monitor.stream.health().captured
        await until(lambda: monitor.stream.health().captured > captured)
        websocket.transport.abort()


@pytest.mark.parametrize("origin", ["https://example.org", "null"])
async def test_a_page_of_another_origin_is_refused_before_it_is_connected(origin, caplog):
    caplog.set_level(logging.WARNING, "monitor.websocket.server")
    async with monitoring() as monitor:
        with pytest.raises(InvalidStatus, match="403"):
            async with client(monitor, origin=origin):
                pass
        for _ in range(3):
            with pytest.raises(InvalidStatus, match="403"):
                async with client(monitor, origin=origin):
                    pass
        assert caplog.text.count(origin) == 1
        async with client(monitor, origin="http://localhost:8000") as websocket:
            await said(websocket, "ready")


async def test_a_token_is_asked_for_where_one_is_set():
    async with monitoring(environ=WITH_TOKEN) as monitor:
        async with client(monitor) as websocket:
            assert await closing(websocket) == (1008, "unauthorized: the hello must hold the server's token")
        async with client(monitor, hello={**HELLO, "token": TOKEN}) as websocket:
            await said(websocket, "ready")


async def test_the_connection_may_be_encrypted(tmp_path):
    make_certificate(tmp_path)
    settings = WebSocketSettings(cert_file=str(tmp_path / "cert.pem"), key_file=str(tmp_path / "key.pem"))
    address = listen_address("wss://localhost:0", settings, {})
    context = ssl.create_default_context(cafile=str(tmp_path / "cert.pem"))
    context.check_hostname = False
    async with monitoring(address=address) as monitor, client(monitor, ssl=context) as websocket:
        await said(websocket, "ready")


async def test_a_port_that_is_taken_is_said_before_anything_starts():
    async with monitoring() as monitor:
        port = monitor.source.server.port
        address = ListenAddress(host="127.0.0.1", port=port)
        with pytest.raises(UsageError, match="cannot be listened on"):
            WebSocketSource(address, WebSocketSettings())


async def test_a_client_learns_that_the_monitor_ends():
    async with monitoring() as monitor, client(monitor) as websocket:
        await said(websocket, "ready")
        await monitor.source.server.__aexit__()
        assert await closing(websocket) == (1001, "the monitor has ended")


async def test_connections_do_not_pile_up():
    async with monitoring() as monitor:
        async with client(monitor, hello=None):
            for _ in range(30):
                reader, writer = await asyncio.open_connection("127.0.0.1", monitor.source.server.port)
                writer.write(b"GET / HTTP/1.1\r\n\r\n" if _ % 2 else bytes(range(256)))
                await writer.drain()
                await reader.read(1000)
                writer.close()
        await asyncio.sleep(0.1)
        async with client(monitor) as websocket:
            await said(websocket, "ready")
