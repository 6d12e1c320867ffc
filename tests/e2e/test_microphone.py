"""The real microphone path: speech goes into a virtual microphone and comes out as the file run's readings."""

import json
import re
import time

import pytest

from core.distribution import js_divergence
from core.wire.events import Event, UtteranceEvent
from monitor.dashboard.paint.troubles import troubles
from monitor.dashboard.state.view_model import DashboardState
from monitor.export.page import page
from monitor.export.session import Spool
from monitor.recordings.tape import Tape
from tests.patience import PATIENCE_S, wait_until
from tests.program import SAMPLE, run, running
from tests.pulse import pulse, start_pulse

__all__ = ["pulse"]

pytestmark = [pytest.mark.system, pytest.mark.alone]

HEARD_S = 17.0
"""How much of the sample is played: three utterances."""
SENTENCE_S = (10.3, 13.6)
"""One of them: a short one, and the pauses around it."""


@pytest.fixture(scope="module")
def speech(tmp_path_factory):
    import soundfile

    samples, rate = soundfile.read(SAMPLE, frames=int(HEARD_S * 48_000), dtype="int16")
    path = tmp_path_factory.mktemp("speech") / "speech.wav"
    soundfile.write(path, samples, rate)
    return path


@pytest.fixture(scope="module")
def sentence(tmp_path_factory):
    """An utterance that is over after some seconds."""
    import soundfile

    start, end = (round(at_s * 48_000) for at_s in SENTENCE_S)
    samples, rate = soundfile.read(SAMPLE, start=start, stop=end, dtype="int16")
    path = tmp_path_factory.mktemp("sentence") / "sentence.wav"
    soundfile.write(path, samples, rate)
    return path


def test_what_is_spoken_into_the_microphone_is_read_like_the_file(pulse, speech, tmp_path):
    file = run("run", "--source", f"file:{speech}", "--speed", "max", "--headless", "--sink", "jsonl", "--mqtt", "off")
    heard = tmp_path / "heard.jsonl"
    words = ("run", "--source", "mic", "--headless", "--mqtt", "off", "--sink", f"jsonl:{heard}")
    env = pulse.env | {"EMOTION_MONITOR_SMOOTHING__TAU_S": "0"}
    with running(*words, env=env, until="listening") as program:
        pulse.play(speech).wait()
        wait_until(lambda: len(heard.read_text().splitlines()) >= len(file.events), "every utterance")
        program.end(2)
    spoken = [json.loads(line) for line in heard.read_text().splitlines()]
    assert len(spoken) == len(file.events)
    offset_s = spoken[0]["start_s"] - file.events[0]["start_s"]
    for at_microphone, in_file in zip(spoken, file.events, strict=True):
        assert at_microphone["source"].startswith("mic:")
        assert at_microphone["start_s"] - offset_s == pytest.approx(in_file["start_s"], abs=0.3)
        assert at_microphone["end_s"] - offset_s == pytest.approx(in_file["end_s"], abs=0.3)
        pair = (at_microphone["distribution"].values(), in_file["distribution"].values())
        assert js_divergence(*map(list, pair)) < 0.05


def test_the_doctor_listens_and_says_what_it_heard(pulse):
    playing = pulse.play(SAMPLE)
    try:
        done = run("doctor", "--listen", "3", "--model", "fake", "--mqtt", "off", env=pulse.env)
    finally:
        playing.kill()
        playing.wait()
    assert done.code == 0, done.out
    assert "about to hear mic:" in done.err
    assert "Stored: nothing" in done.err
    lines = {line.split()[1]: line for line in done.out.splitlines()}
    assert re.search(
        r"ok +sound +mic:.*: speech \d\d% of 3\.0 s, at -\d\d dBFS; noise floor .* nothing clipped", lines["sound"]
    )
    assert "anger" in lines["heard"]


def test_the_doctor_says_that_a_microphone_gives_no_sound(pulse):
    done = run("doctor", "--listen", "1", "--model", "fake", "--mqtt", "off", env=pulse.env)
    assert done.code == 1
    assert re.search(r"FAIL +sound .*no sound at all: is the microphone muted", done.out)
    assert "heard" not in done.out


def test_without_a_source_the_default_microphone_is_taken(pulse, sentence, tmp_path):
    events = tmp_path / "events.jsonl"
    words = ("run", "--headless", "--model", "fake", "--mqtt", "off", "--sink", f"jsonl:{events}")
    with running(*words, env=pulse.env, until="listening") as program:
        assert "mic:" in program.wait_for("listening")
        pulse.play(sentence)
        wait_until(events.read_text, "an utterance")


@pytest.mark.fault(7, "PulseAudio killed and started again")
def test_a_microphone_that_vanished_is_listened_to_again_once_it_is_back(measured, sentence, tmp_path):
    events = tmp_path / "events.jsonl"
    words = ("run", "--source", "mic", "--headless", "--model", "fake", "--mqtt", "off", "--sink", f"jsonl:{events}")

    def told() -> list[dict]:
        return [json.loads(line) for line in events.read_text().splitlines()]

    def heard() -> list[dict]:
        return [event for event in told() if "utterance" in event]

    with (
        start_pulse() as pulse,
        running(*words, env=pulse.env | {"EMOTION_MONITOR_SOURCE__RETRY_S": "0.5"}, until="listening") as program,
    ):
        playing = pulse.play(sentence)
        wait_until(heard, "an utterance")
        killed_s = time.monotonic()
        pulse.kill()
        program.wait_for("stopped delivering sound")
        measured(detected_s=time.monotonic() - killed_s)
        playing.wait()
        pulse.revive()
        revived_s = time.monotonic()
        wait_until(lambda: pulse.listeners() == 1, "the program to listen again")
        measured(healed_s=time.monotonic() - revived_s, lost="what was said meanwhile, counted")
        wait_until(lambda: [event for event in told() if event.get("reason") == "absent"], "the gap")
        before = len(heard())
        pulse.play(sentence)
        wait_until(lambda: len(heard()) > before, "an utterance after it")
        assert len({event["stream"] for event in heard()}) == 1
        program.end(15)
        assert program.process.returncode == 0


@pytest.mark.slow
@pytest.mark.fault(7, "device of PulseAudio unloaded and loaded, ten times")
def test_ten_replugs_of_a_microphone_are_one_stream_one_panel_and_one_plot(measured, sentence, tmp_path):
    words = ("run", "--source", "mic", "--headless", "--model", "fake", "--mqtt", "off", "--record", str(tmp_path))

    def recorded() -> list[Event]:
        (path,) = tmp_path.glob("*.jsonl")
        return [step.event for step in Tape(path).steps() if step.event is not None]

    def utterances() -> list[UtteranceEvent]:
        return [event for event in recorded() if isinstance(event, UtteranceEvent) and event.final]

    def speak() -> None:
        """Until one more utterance is read."""
        before, playing = len(utterances()), pulse.play(sentence)
        wait_until(lambda: len(utterances()) > before, "an utterance")
        playing.kill()
        playing.wait()

    with (
        start_pulse() as pulse,
        running(*words, env=pulse.env | {"EMOTION_MONITOR_SOURCE__RETRY_S": "0.1"}, until="listening to") as program,
    ):
        speak()
        for times in range(1, 11):
            pulse.unplug()
            program.wait_for("stopped delivering sound", times)
            pulse.plug_in()
            program.wait_for("listening to", times + 1)
        speak()
        program.end(15)
        assert program.process.returncode == 0
    state, spool = DashboardState(), Spool(limit=None)
    for event in recorded():
        state = state.push(event, now_s=0.0)
        spool.push(event)
        assert len(state.streams) <= 1
    (stream,) = spool.session().health.streams
    gaps = [drop for drop in spool.session().drops if drop.reason == "absent"]
    assert len(gaps) == 10
    assert stream.dropped["absent"] == pytest.approx(sum(gap.end_s - gap.start_s for gap in gaps) * 16_000)
    assert stream.adds_up
    assert {event.stream for event in utterances()} == {stream.stream}
    assert troubles(state, 0.0) == ()
    assert page(spool.session()).count('<figure class="course">') == 1
    measured(lost="what was said meanwhile, counted")


def test_a_microphone_that_is_not_looked_for_ends_the_program():
    words = ("run", "--source", "mic", "--headless", "--model", "fake", "--mqtt", "off")
    with (
        start_pulse() as pulse,
        running(*words, env=pulse.env | {"EMOTION_MONITOR_SOURCE__RETRY_S": "0"}, until="listening") as program,
    ):
        pulse.kill()
        program.wait_for("stopped delivering sound")
        program.process.communicate(timeout=PATIENCE_S)
        assert program.process.returncode == 1


def test_without_a_microphone_the_shipped_sample_is_played_and_the_user_is_told(tmp_path):
    nowhere = {"PULSE_SERVER": "unix:/nonexistent", "HOME": str(tmp_path)}
    if not run("devices", env=nowhere).out.startswith("no microphone"):
        pytest.skip("this machine has a microphone that cannot be hidden")
    words = ("run", "--headless", "--model", "fake", "--mqtt", "off", "--speed", "max", "--sink", "jsonl")
    done = run(*words, env=nowhere)
    assert done.code == 0
    assert "playing the shipped sample" in done.err
    assert len(done.events_of("utterance")) >= 5
    assert "playing the shipped sample" in done.events_of("error")[0]["message"]
