"""What the doctor says of metrics and of sound; the rest of its report needs the whole machine."""

import socket
from dataclasses import replace

import numpy as np

from core.settings import MetricsSettings, ModelSettings, MqttSettings, RecordSettings, Settings
from core.sound.audio import read_audio
from monitor.doctor import _disclosed, _heard, _metrics, _read_aloud
from monitor.sources.clip import ClipSource
from monitor.sources.opening import SAMPLE

SPEECH = read_audio(SAMPLE)[: 16_000 * 8]


def test_the_doctor_says_where_metrics_would_be_or_why_not():
    assert _metrics(Settings()).verdict == "ok"
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        settings = Settings(metrics=MetricsSettings(port=port))
        taken.listen()
        assert _metrics(settings).verdict == "FAIL"
        assert f"metrics.port = {port}" in _metrics(settings).text
    found = _metrics(settings)
    assert found.verdict == "ok"
    assert f"http://127.0.0.1:{port}/metrics" in found.text


async def test_it_hears_as_much_as_it_was_asked_to_and_less_where_there_is_no_more():
    for wanted_s, expected in ((0.5, 8000), (1.01, 16160), (9.0, len(SPEECH))):
        samples, lost = await _heard(ClipSource("mic:desk", SPEECH), wanted_s)
        assert np.array_equal(samples, SPEECH[:expected])
        assert lost == 0


async def test_it_says_what_the_model_reads_in_every_utterance():
    settings = replace(Settings(), model=ModelSettings(name="fake"))
    first, *_ = await _read_aloud(settings, "mic:desk", SPEECH)
    assert (first.part, first.verdict) == ("heard", "ok")
    assert first.text.endswith(" (uncalibrated)")
    assert all(emotion in first.text for emotion in ("anger", "happiness", "sadness", "neutral"))


def test_what_is_listened_to_goes_nowhere_whatever_the_settings_are():
    mqtt = MqttSettings(url="mqtts://me@broker", insecure=("anonymous",))
    settings = Settings(mqtt=mqtt, record=RecordSettings(on=True), model=ModelSettings(transcript=True))
    told = _disclosed(settings, ClipSource("mic:desk", SPEECH))
    assert told.startswith("about to hear mic:desk. Leaves this machine: nothing. Stored: nothing; never sound")
