"""The pages of examples/browser in a real Chromium: against mosquitto, the embedded broker and a monitor."""

import asyncio
import json
import math
import re
import time
from dataclasses import asdict, replace

import numpy as np
import paho.mqtt.publish
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from paho.mqtt.enums import MQTTProtocolVersion

from core.distribution import EMOTIONS, EmotionDistribution
from core.verdict import Worth, agreement, verdict
from core.wire.events import Adaptation, encode
from core.wire.values import timestamp
from monitor.broker import EmbeddedBroker
from monitor.websocket.address import TOKEN_VARIABLE
from tests import sample_events
from tests.chromium import browsing, chromium, serving
from tests.mosquitto import free_port, make_mosquitto
from tests.program import REPOSITORY, SAMPLE, running

__all__ = ["chromium", "make_mosquitto"]

pytestmark = pytest.mark.system

PAGES = REPOSITORY / "examples" / "browser"
INDEX = f"file://{PAGES}/index.html"
MIXED = EmotionDistribution(0.08, 0.06, 0.45, 0.41)
CALIBRATION = "cf1ba53dc18a"
TOKEN = "a long enough token"  # noqa: S105
CLEAR = EmotionDistribution(0.9, 0.05, 0.03, 0.02)


class Broker:
    """A mosquitto with a WebSocket listener, and the monitor's part of the conversation."""

    def __init__(self, make_mosquitto) -> None:
        self.websocket = free_port()
        self.mosquitto = make_mosquitto(f"listener {self.websocket} 127.0.0.1", "protocol websockets")
        self.url = f"ws://127.0.0.1:{self.websocket}"

    def publish(self, *messages: tuple[str, bytes | str, bool]) -> None:
        """Topic below the base, payload, retained or not."""
        paho.mqtt.publish.multiple(
            [
                {"topic": f"emotion/{topic}", "payload": payload, "qos": 1, "retain": keep}
                for topic, payload, keep in messages
            ],
            hostname="127.0.0.1",
            port=self.mosquitto.port,
            protocol=MQTTProtocolVersion.MQTTv5,
        )

    def state(self, distribution=MIXED, *, valid_s: float = 120.0, node: str = "desk", **changes) -> None:
        event = sample_events.state(valid_s=valid_s)
        values = {
            "distribution": distribution,
            "smoothed": distribution,
            "source": "mic:USB",
            "calibration": CALIBRATION,
        }
        values |= changes
        self.publish((f"{node}/s1/state", encode(replace(event, **values)), True))

    def utterance(self, number: int, distribution=MIXED, *, ago_s: float = 10.0, node: str = "desk", **changes) -> None:
        values = {
            "distribution": distribution,
            "source": "mic:USB",
            "model": replace(sample_events.MODEL, calibration=CALIBRATION),
            "started_at": timestamp(time.time() - ago_s),
            **changes,
        }
        self.publish((f"{node}/s1/utterance", encode(sample_events.utterance(number, **values)), False))


@pytest.fixture
def broker(make_mosquitto):
    return Broker(make_mosquitto)


@pytest.fixture
def page(chromium):
    opened = chromium.page()
    opened.look(width=1200)
    yield opened
    opened.close()
    assert [complaint for complaint in opened.complaints if "WebSocket" not in complaint] == []


def watch(page, broker) -> None:
    page.open(INDEX)
    page.fill(url=broker.url)
    page.click("#connect")
    page.until("document.querySelector('#connection').innerText.startsWith('connected')")


def shown(page) -> dict[str, str]:
    """The bars: emotion to number, as they are read."""
    return page.ask(
        "Object.fromEntries([...document.querySelectorAll('.bar')].map(b => b.innerText.split('\\n').filter(Boolean)))"
    )


def test_bars_and_words_show_what_was_published(broker, page):
    broker.publish(("desk/availability", "online", True))
    broker.state()  # retained: it is there before the page is
    watch(page, broker)
    page.until("document.querySelector('.verdict')?.innerText === 'mixed: sadness or neutral'")
    assert "MQTT 5" in page.text("#connection")
    assert shown(page) == {"Anger": "8 %", "Happiness": "6 %", "Sadness": "45 %", "Neutral": "41 %"}
    assert page.ask("[...document.querySelectorAll('.fill')].map(e => e.style.width)") == ["8%", "6%", "45%", "41%"]
    assert page.text("h2") == "desk · mic:USB"
    assert page.text(".card .status") == "online"
    broker.state(CLEAR, final=False)
    page.until("document.querySelector('.verdict').innerText === 'so far clear: anger'")
    assert "still speaking · few would disagree" in page.text(".detail")
    assert page.ask("document.querySelector('[role=meter]').ariaValueText") == "90 percent"
    broker.state(CLEAR, adaptation=Adaptation(utterances=0, weight=0.0))
    page.until("document.querySelector('.verdict').innerText === 'mostly anger'")
    assert "getting to know this voice" in page.text(".detail")


def test_a_reading_that_is_no_longer_valid_is_shown_as_such(broker, page):
    watch(page, broker)
    broker.state(valid_s=1.5)
    page.until("document.querySelector('.verdict')?.innerText === 'mixed: sadness or neutral'")
    assert not page.ask("document.querySelector('.card.stale')")
    page.until("document.querySelector('.card.stale .verdict')?.innerText === 'was mixed: sadness or neutral'")
    assert "too old" in page.text(".note")
    broker.state(CLEAR)
    page.until("document.querySelector('.verdict').innerText === 'clear: anger'")
    assert not page.ask("document.querySelector('.card.stale')")


def test_the_history_has_every_utterance_once_however_often_it_is_delivered(broker, page):
    watch(page, broker)
    for number in (1, 2, 3, 2, 1):
        broker.utterance(number, CLEAR if number == 3 else MIXED, ago_s=100 - 20 * number)
    broker.utterance(4, None, status="invalid", reason="too_quiet", ago_s=5)
    page.until("document.querySelector('svg')?.ariaLabel.startsWith('Last 5 minutes: 4 utterances')")
    assert page.ask("document.querySelectorAll('svg rect').length") == 3 * 4 + 1
    assert page.ask("document.querySelector('svg').ariaLabel").endswith("the latest: clear: anger")
    assert page.ask("[...document.querySelectorAll('tbody tr')].map(r => r.children[1].textContent)") == [
        "no reading: too quiet",
        "clear: anger",
        "mixed: sadness or neutral",
        "mixed: sadness or neutral",
    ]


def test_a_broker_that_is_killed_and_comes_back_is_found_again(broker, page):
    watch(page, broker)
    broker.publish(("desk/availability", "online", True))
    broker.state()
    page.until("document.querySelector('.card .status')?.innerText === 'online'")
    broker.mosquitto.kill()
    page.until("document.querySelector('#connection').innerText.startsWith('connection lost')")
    assert page.text(".card .status") == "unknown"
    broker.mosquitto.start()
    page.until("document.querySelector('#connection').innerText.startsWith('connected')")
    broker.state(CLEAR)
    page.until("document.querySelector('.verdict').innerText === 'clear: anger'")
    assert page.ask("document.querySelectorAll('#streams .card').length") == 1


def test_whether_the_node_is_there_and_what_its_streams_do_is_shown(broker, page):
    watch(page, broker)
    broker.state()
    health = replace(sample_events.health(stream_state="paused"), node="desk")
    for topic, payload, words in (
        ("desk/availability", "online", "online"),
        ("desk/availability", "degraded", "degraded"),
        ("desk/availability", "offline", "offline"),
        ("desk/availability", "online", "online"),
        ("desk/health", encode(health), "online, paused"),
    ):
        broker.publish((topic, payload, True))
        page.until(f"document.querySelector('.card .status')?.innerText === {json.dumps(words)}")
    broker.publish(("desk/health", encode(replace(health, streams=())), True))  # another run: the stream is gone
    page.until("document.querySelectorAll('#streams .card').length === 0")


def test_a_clock_that_is_wrong_is_noticed_and_its_readings_are_not_stale(broker, page):
    watch(page, broker)
    hour_ago = time.time() - 3600
    for _ in range(3):
        broker.state(at=timestamp(hour_ago), valid_until=timestamp(hour_ago + 120))
    page.until("document.querySelector('#clocks').innerText.includes('ahead of')")
    broker.state(CLEAR, at=timestamp(hour_ago + 1), valid_until=timestamp(hour_ago + 121))
    page.until("document.querySelector('.verdict').innerText === 'clear: anger'")
    assert not page.ask("document.querySelector('.card.stale')")


def test_what_others_publish_is_text_and_junk_is_ignored(broker, page):
    watch(page, broker)
    for junk in (
        b"\xff\x00",
        "[]",
        "null",
        '{"schema":"emotion-monitor/state/1"}',
        '{"schema":"emotion-monitor/state/2"}',
    ):
        broker.publish(("desk/s1/state", junk, False), ("desk/s1/utterance", junk, False), ("desk/health", junk, False))
    bad = json.loads(encode(sample_events.state()))
    bad["distribution"]["anger"] = 3
    broker.publish(("desk/s1/state", json.dumps(bad), False))
    broker.state(source="<img src=x onerror=alert(1)>", node="<b>")
    page.until("document.querySelectorAll('#streams .card').length === 1")
    assert page.text("h2") == "<b> · <img src=x onerror=alert(1)>"
    assert page.ask("document.querySelectorAll('img, h2 b').length") == 0


def test_the_embedded_broker_can_be_watched_and_a_wrong_password_is_not_silent(page):
    async def watch_embedded() -> None:
        async with EmbeddedBroker() as broker:
            page.open(INDEX)
            page.fill(url=f"ws://127.0.0.1:{broker.ports.websocket}", user="emotion", password=broker.address.password)
            await asyncio.to_thread(page.click, "#connect")
            await asyncio.to_thread(
                page.until, "document.querySelector('#connection').innerText === 'connected (MQTT 3.1.1)'"
            )
            kept = page.ask("JSON.stringify([Object.keys(sessionStorage), Object.keys(localStorage), document.cookie])")
            assert broker.address.password not in kept
            assert json.loads(kept)[1:] == [[], ""]
            page.fill(password="wrong")  # noqa: S106
            await asyncio.to_thread(page.ask, "document.querySelector('#settings').open = true")
            await asyncio.to_thread(page.click, "#connect")
            await asyncio.to_thread(
                page.until, "document.querySelector('#connection').innerText.includes('is the password right?')"
            )
            assert "the user or the password is wrong" in page.text("#broker-error")
            page.fill(password=broker.address.password)
            await asyncio.to_thread(page.click, "#connect")
            await asyncio.to_thread(page.until, "document.querySelector('#connection').dataset.state === 'good'")
            assert page.text("#broker-error") == ""

    asyncio.run(watch_embedded())


def test_a_password_that_a_broker_refuses_is_said_to_be_wrong(page, make_mosquitto):
    websocket = free_port()
    make_mosquitto(f"listener {websocket} 127.0.0.1", "protocol websockets", anonymous=False)
    page.open(INDEX)
    page.fill(url=f"ws://127.0.0.1:{websocket}", user="somebody", password="wrong")  # noqa: S106
    page.click("#connect")
    page.until("document.querySelector('#connection').innerText.includes('wrong user or password')")
    assert page.text("#broker-error") == "The user or the password is wrong."


def test_an_address_that_is_not_encrypted_needs_the_user_s_word(page):
    page.open(INDEX)
    page.fill(url="ws://broker.example:9001")
    page.click("#connect")
    page.until("document.querySelector('#broker-error').innerText.includes('not encrypted')")
    assert "not connected" in page.text("#connection")
    page.fill(url="http://broker.example")
    page.click("#connect")
    page.until("document.querySelector('#broker-error').innerText.includes('begins with ws://')")


@settings(max_examples=200)
@given(
    st.lists(st.floats(0.001, 1), min_size=4, max_size=4),
    st.sampled_from([None, "cf1ba53dc18a"]),
    st.sampled_from([None, Adaptation(utterances=0, weight=0.0), Adaptation(utterances=9, weight=0.7)]),
)
def test_the_page_uses_the_dashboard_s_words(chromium, weights, calibration, adaptation):
    distribution = EmotionDistribution.from_weights(weights)
    event = {"calibration": calibration, "adaptation": adaptation and asdict(adaptation)}
    shares, worth = json.dumps(distribution.as_dict()), Worth.of(calibration, adaptation)
    for told in (event, {"model": {"calibration": calibration}, "adaptation": event["adaptation"]}):
        weak = f"Readings.weakness({json.dumps(told)})"
        said = words_page(chromium).ask(f"['verdict', 'agreement'].map((what) => Readings[what]({shares}, {weak}))")
        assert said == [verdict(distribution, worth), agreement(distribution, worth)]


def words_page(chromium, _kept: list = []):  # noqa: B006 - one page for all examples
    if not _kept:
        _kept.append(chromium.page())
        _kept[0].open(INDEX)
    return _kept[0]


def test_everything_can_be_reached_by_keyboard_and_has_a_name(page):
    for name in ("index.html", "microphone.html"):
        page.open(f"file://{PAGES}/{name}")
        reached = []
        for _ in range(12):
            page.press("Tab")
            reached.append(
                page.ask("document.activeElement.name || document.activeElement.id || document.activeElement.tagName")
            )
        controls = "[...document.querySelectorAll('input, button')]"
        assert page.ask(f"{controls}.filter(e => !(e.labels?.[0]?.innerText || e.innerText)).length") == 0
        assert {"url", "connect" if name == "index.html" else "start", "A"} <= set(reached)


@pytest.mark.parametrize("width", [320, 390, 1200])
def test_nothing_is_cut_off_on_a_phone_or_a_desk(broker, page, width):
    page.look(width=width)
    watch(page, broker)
    broker.state(source="mic:A microphone with quite a long name, ALSA")
    broker.utterance(1)
    page.until("document.querySelector('tbody tr')")
    page.ask("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert page.ask("document.documentElement.scrollWidth") <= width
    page.open(f"file://{PAGES}/microphone.html")
    assert page.ask("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("dark", [False, True])
def test_text_and_bars_stand_out_from_what_is_behind_them(broker, page, dark):
    page.look(width=390, dark=dark)
    watch(page, broker)
    broker.state(valid_s=1)
    page.until("document.querySelector('.card.stale')")
    behind = ("--card", "--page")
    for foreground in ("--text", "--quiet", "--accent", "--bad", "--warning"):
        assert min(contrast(page, foreground, one) for one in behind) >= 4.5, foreground
    for emotion in EMOTIONS:
        assert contrast(page, f"--{emotion}", "--track") >= 3, emotion
    for one in ("--good", "--warning", "--bad", "--voice"):
        assert contrast(page, one, "--card") >= 3, one
    assert contrast(page, "--on-accent", "--accent") >= 4.5


def contrast(page, first: str, second: str) -> float:
    """Ratio of WCAG 2 between two of the page's colours."""

    def luminance(name: str) -> float:
        value = page.ask(f"getComputedStyle(document.documentElement).getPropertyValue('{name}')").strip()
        channels = [int(value[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    lighter, darker = sorted((luminance(first), luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def test_no_bar_moves_for_those_who_want_no_motion(page):
    page.look(width=390, calm=True)
    page.open(f"file://{PAGES}/microphone.html")
    page.ask("document.querySelector('#streams').append(new StreamView('x').root); showLight('on')")
    assert page.ask("getComputedStyle(document.querySelector('.fill')).transitionDuration") == "0s"
    assert page.ask("getComputedStyle(document.querySelector('.light'), '::before').animationName") == "none"


@pytest.mark.parametrize("rate_hz", [16_000, 44_100, 48_000])
def test_the_recorder_keeps_speech_and_removes_what_16_khz_cannot_hold(page, rate_hz):
    page.open(f"file://{PAGES}/microphone.html")
    page.ask((PAGES / "recorder.js").read_text() + "; window.Downsampler = Downsampler; 0")

    def gain(frequency_hz: int) -> tuple[float, int]:
        made = page.ask(
            f"(() => {{ const d = new Downsampler({rate_hz}), out = []; for (let n = 0; n < {rate_hz}; n += 128) {{"
            f" out.push(...d.push(Float32Array.from({{length: 128}}, (_, i) =>"
            f" Math.sin(2 * Math.PI * {frequency_hz} * (n + i) / {rate_hz})))); }} return out; }})()"
        )
        middle = np.array(made[2000:-2000])
        return math.sqrt(2 * np.mean(middle**2)), len(made)

    for frequency_hz in (200, 1000, 4000, 6500):
        amplitude, samples = gain(frequency_hz)
        assert amplitude == pytest.approx(1, abs=0.03)
        assert abs(samples - 16_000) < 200
    if rate_hz > 16_000:
        assert gain(9500)[0] < 0.02


@pytest.mark.slow
def test_the_browser_is_the_microphone_of_a_real_monitor(tmp_path):
    samples, rate_hz = soundfile.read(SAMPLE, dtype="int16")
    soundfile.write(tmp_path / "speech.wav", samples[: 12 * rate_hz], rate_hz)
    flags = (
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-audio-capture={tmp_path / 'speech.wav'}",
    )
    listen = ("run", "--source", "ws://127.0.0.1:0", "--mqtt", "off", "--headless", "--model", "fake")
    file = tmp_path / "events.jsonl"
    with (
        browsing(tmp_path, *flags) as browser,
        serving(PAGES) as site,
        running(*listen, "--sink", f"jsonl:{file}", env={TOKEN_VARIABLE: TOKEN}) as program,
    ):
        found = re.search(r"ws://127\.0\.0\.1:\d+", program.wait_for("sound may come to"))
        assert found
        page = browser.page()
        page.look(width=390)
        page.open(f"{site}/microphone.html")
        page.fill(url=found[0])
        page.click("#start")
        page.until("document.querySelector('#problem').innerText.includes('agrees')")
        assert page.text("#light") == "not recording"
        page.click("[name=consent]")
        page.click("#start")
        page.until("document.querySelector('#problem').innerText.includes('token is wrong, or missing')")
        page.fill(token=TOKEN)
        page.click("#start")
        page.until("document.querySelector('#connection').innerText === 'connected'")
        assert page.text("#light") == f"recording: sound is sent to {found[0]}"
        page.until("Number(document.querySelector('#level').ariaValueNow) > -40")
        page.until("document.querySelector('tbody tr')")
        assert re.match(r"(so far )?(clear|mostly|leaning|mixed|no clear)", page.text(".verdict"))
        page.click("#stop")
        page.until("document.querySelector('#connection').innerText === 'not connected'")
        assert page.text("#light") == "not recording"
        assert page.ask("recording.microphone.stream.getTracks().every(track => track.readyState === 'ended')")
        assert page.complaints == []
        program.wait_for("is gone: 1000 everything is read")
    written = [json.loads(line) for line in file.read_text().splitlines()]
    assert {event["source"] for event in written} == {found[0]}


def test_a_page_from_elsewhere_cannot_speak_to_the_monitor(page):
    listen = ("run", "--source", "ws://127.0.0.1:0", "--mqtt", "off", "--headless", "--model", "fake")
    with running(*listen) as program:
        found = re.search(r"ws://127\.0\.0\.1:\d+", program.wait_for("sound may come to"))
        page.open(INDEX)  # a file: its origin is null
        code = page.ask(
            f"new Promise(done => new WebSocket({json.dumps(found[0])}).addEventListener('close', e => done(e.code)))"
        )
        assert code == 1006
        program.wait_for("a page of 'null' may not connect")
