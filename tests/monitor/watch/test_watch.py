"""The dashboard over a monitor elsewhere: a real broker, a real program with the fake model, a real screen."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import pytest
from textual.pilot import Pilot

from core.settings import MqttSettings
from core.wire.commands import WIRE_COMMANDS, Quit
from monitor.dashboard import DashboardApp, Session
from monitor.dashboard.backend import Backend
from monitor.mqtt.address import BrokerAddress
from monitor.watch.command import REFUSAL
from monitor.watch.watcher import Watcher
from tests.monitor.dashboard.driving import DESIGN, text
from tests.mosquitto import Wire, make_mosquitto, mosquitto
from tests.patience import PATIENCE_S
from tests.program import long_talk, run, running

__all__ = ["make_mosquitto", "mosquitto"]

pytestmark = pytest.mark.system


def play(speed: str = "1") -> tuple[str, ...]:
    return ("run", "--source", f"file:{long_talk()}", "--headless", "--speed", speed, "--model", "fake")


def node(name: str, *, details: bool = False) -> dict[str, str]:
    return {"EMOTION_MONITOR_MQTT__NODE": name, "EMOTION_MONITOR_MQTT__DETAILS": str(details).lower()}


@dataclass
class Watched:
    """A running dashboard over a broker."""

    app: DashboardApp
    pilot: Pilot[None]

    async def until(self, *words: str, gone: str = "") -> str:
        """The screen once it holds the words, and not what is to be gone."""
        deadline = asyncio.get_running_loop().time() + PATIENCE_S
        while True:
            await self.pilot.pause(0.05)
            shown = text(self.app)
            if all(word in shown for word in words) and not (gone and gone in shown):
                return shown
            assert asyncio.get_running_loop().time() < deadline, f"{words} not on screen:\n{shown}"


@asynccontextmanager
async def watching(address: BrokerAddress, wanted: str | None = None, **settings: object) -> AsyncIterator[Watched]:
    watcher = Watcher(replace(MqttSettings(), **settings), address, wanted)
    backend = Backend(
        commands=frozenset({*WIRE_COMMANDS, Quit}),
        refusal=REFUSAL,
        remote=True,
        remark=watcher.remark,
        welcome=watcher.welcome,
    )
    app = DashboardApp(on_command=watcher.command, session=Session(watched=address.url), backend=backend)

    def looking_at() -> str | None:
        stream = app.view.shown(app.state)
        return stream.stream if stream else None

    async with app.run_test(size=DESIGN) as pilot:
        task = asyncio.create_task(watcher.run(app, looking_at))
        yield Watched(app, pilot)
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled()


async def test_without_details_the_readings_of_a_node_are_shown_and_no_level_is_missed(mosquitto):
    with running(*play("3"), "--mqtt", mosquitto.url, env=node("desk"), until="listening to"):
        async with watching(mosquitto.address) as watched:
            shown = await watched.until("desk · file:", "of speech at", "entropy", "MQTT connected")
            assert "No levels are sent (mqtt.details is off there)." in shown
            assert "No sound" not in shown
            await asyncio.sleep(3.5)
            await watched.until("No levels are sent", gone="No sound has come")


async def test_keys_command_the_node_and_its_answers_are_shown(mosquitto):
    with running(*play(), "--mqtt", mosquitto.url, env=node("desk", details=True), until="listening to"):
        async with watching(mosquitto.address, "desk") as watched:
            await watched.until("desk · file:", "dBFS")
            await watched.pilot.press("p")
            await watched.until("PAUSED", "desk: pause done.")
            await watched.pilot.press("p")
            await watched.until("desk: resume done.", gone="PAUSED")
            await watched.pilot.press("n", *"door", "enter")
            await watched.until("desk: note done.")
            assert any(stream.past.notes for stream in watched.app.state.streams)
            await watched.pilot.press("m", *"Headset", "enter")
            await watched.until("desk refused switch source: ")
            await watched.pilot.press("v", "up", "enter")
            await watched.until("desk: set vad done.")
            assert watched.app.state.health.tuning.vad_mode == 1
            await watched.pilot.press("o", "escape", "a", "escape")
            for key in ("r", "d"):
                await watched.pilot.press("escape", key)
                await watched.until(REFUSAL)


async def test_two_nodes_are_told_apart_and_the_one_that_is_looked_at_is_commanded(mosquitto):
    with (
        running(*play(), "--mqtt", mosquitto.url, env=node("desk", details=True), until="listening to"),
        running(*play(), "--mqtt", mosquitto.url, env=node("hall", details=True), until="listening to") as hall,
    ):
        async with watching(mosquitto.address) as watched:
            await watched.until("desk · file:", "hall · file:", "1 ", "2 ")
            second = watched.app.state.streams[1].source.partition(" ")[0]
            await watched.pilot.press("s", "p")
            shown = await watched.until(f"{second}: pause done.", "Paused: not listening.")
            assert shown.count("Paused: not listening.") == 1
            assert "PAUSED" not in shown, "the other one listens on"
            await watched.pilot.press("p")
            await watched.until(f"{second}: resume done.", gone="Paused: not listening.")
            hall.end(signal.SIGTERM)
            await watched.until("hall is offline: what is shown is from before.", "The monitor is offline.")
            assert "desk" in text(watched.app)


async def test_a_node_that_is_not_there_and_those_that_are_are_named(mosquitto):
    with running(*play(), "--mqtt", mosquitto.url, env=node("hall"), until="listening to"):
        async with watching(mosquitto.address, "desk") as watched:
            await watched.until("Waiting for desk", "There is no node desk; there are: hall (mqtt://127.0.0.1")


async def test_a_broker_that_is_not_there_is_tried_again_until_it_is(make_mosquitto):
    broker = make_mosquitto()
    broker.kill()
    async with watching(broker.address) as watched:
        await watched.until("Connecting to", "No broker yet, trying again: broker unreachable: Connection refused")
        broker.start()
        await watched.until("Waiting for a monitor", "There is no monitor yet")


async def test_a_lost_broker_is_said_and_all_goes_on_when_it_is_back(mosquitto):
    async with Wire(mosquitto.port) as wire:
        with running(*play(), "--mqtt", mosquitto.url, env=node("desk", details=True), until="listening to"):
            async with watching(wire.address) as watched:
                await watched.until("desk · file:", "dBFS")
                await wire.cut()
                await watched.until("The broker is lost: what is shown is from before. Trying again", "MQTT lost")
                await watched.pilot.press("p")
                await watched.until("refused pause: there is no connection", gone="PAUSED")
                await watched.pilot.press("escape")
                await wire.mend()
                await watched.until("MQTT connected", gone="broker is lost")
                assert watched.app.state.mqtt
                assert watched.app.state.mqtt.detail == wire.address.url


async def test_a_broker_that_does_not_let_us_in_is_said(make_mosquitto):
    broker = make_mosquitto(anonymous=False)
    async with watching(broker.address) as watched:
        await watched.until("wrong password, or no permission")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["mqtt://broker.lan"], "is plaintext to another machine"),
        (["mqtts://broker.lan"], "neither a password nor a client certificate"),
        (["http://broker"], "is not the address of a broker"),
        (["mqtt://me:secret@broker.lan"], "a password in the URL is refused"),
        (["mqtt://127.0.0.1", "--base", "a/+"], "without +, #"),
        (["mqtt://127.0.0.1"], "needs a terminal"),
    ],
)
def test_a_mistake_is_one_line_and_status_2(arguments: list[str], said: str):
    done = run("watch", *arguments)
    assert done.code == 2
    assert said in done.err
    assert "secret" not in done.err
    assert len(done.err.splitlines()) == 1
