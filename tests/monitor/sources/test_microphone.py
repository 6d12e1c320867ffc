"""Microphones: real capture by PortAudio from a sound server of our own, and what users see when there is none."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from core.sound.audio import read_audio
from monitor.sources.microphone import MicrophoneSource
from monitor.sources.opening import SAMPLE
from monitor.sources.portaudio import Microphone, matching
from tests.patience import PATIENCE_S
from tests.pulse import MICROPHONE, start_pulse

pytestmark = [pytest.mark.system, pytest.mark.alone]

RECORD_PY = Path(__file__).with_name("record.py")
LISTENING = b"listening\n"


def start_recording(pulse, spec, duration_s, *, setup=""):
    """Starts record.py in a process of its own; `setup` is Python that runs in it first."""
    program = (
        f"import runpy, sys; sys.argv[:] = sys.argv[1:]\n{setup}\nrunpy.run_path(sys.argv[0], run_name='__main__')"
    )
    command = [sys.executable, "-c", program, RECORD_PY, spec, str(duration_s)]
    recorder = subprocess.Popen(command, env=pulse.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    line = recorder.stderr.readline()
    assert line == LISTENING, line + recorder.stderr.read()
    return recorder


def finish(recorder):
    """The samples and the counts of a recording that ends by itself."""
    sound, report = recorder.communicate(timeout=PATIENCE_S)
    assert recorder.returncode == 0, report
    return np.frombuffer(sound, "<i2"), json.loads(report.splitlines()[0])  # libraries may add a word at exit


def run_program(program, env):
    return subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True, check=False)


def likeness(heard, played):
    """Correlation of what was played with what was heard, where the two fit best."""
    size = 1 << (len(heard) + len(played)).bit_length()
    spectrum = np.fft.rfft(heard.astype(float), size) * np.conj(np.fft.rfft(played.astype(float), size))
    start = int(np.argmax(np.fft.irfft(spectrum)[: len(heard)]))
    cut = heard[start : start + len(played)]
    return np.corrcoef(cut, played[: len(cut)])[0, 1] if len(cut) > 0.95 * len(played) else 0.0


@pytest.fixture(scope="module")
def speech(tmp_path_factory):
    """Three seconds of speech."""
    path = tmp_path_factory.mktemp("speech") / "speech.wav"
    samples, rate_hz = soundfile.read(SAMPLE, stop=3 * 48_000)
    soundfile.write(path, samples, rate_hz)
    return path


@pytest.mark.parametrize("spec", ["mic", f"mic:{MICROPHONE}"])
def test_what_is_spoken_is_heard_whole(pulse, speech, spec):
    recorder = start_recording(pulse, spec, 4.5)
    pulse.play(speech).wait()
    heard, report = finish(recorder)
    assert likeness(heard, read_audio(speech)) > 0.95
    assert report["lost"] == 0
    assert report["name"] == ("mic:default" if spec == "mic" else f"mic:{MICROPHONE}")


def test_the_default_microphone_is_taken_when_nothing_is_said(pulse):
    _, report = finish(start_recording(pulse, "auto", 0.1))
    assert report["name"] == "mic:default"
    assert report["notices"] == []


def test_a_device_that_refuses_16_khz_mono_is_opened_at_its_own_rate(pulse, speech):
    """Only the refusal is made up; the sound is captured at 44.1 kHz in stereo, mixed down and resampled."""
    refuse = (
        "import sounddevice as sd\n"
        "def check_input_settings(*, samplerate, channels, **others):\n"
        "    if samplerate == 16000 or channels == 1: raise sd.PortAudioError('Invalid sample rate')\n"
        "sd.check_input_settings = check_input_settings\n"
    )
    recorder = start_recording(pulse, "mic", 4.5, setup=refuse)
    pulse.play(speech).wait()
    heard, report = finish(recorder)
    assert likeness(heard, read_audio(speech)) > 0.95
    assert report["lost"] == 0


@pytest.mark.fault(8, "sink of PulseAudio suspended for 0.4 s")
def test_sound_that_the_device_lost_is_counted(pulse, measured):
    recorder = start_recording(pulse, "mic", 5.0)
    time.sleep(2.0)
    started_s = time.monotonic()
    pulse.suspend(0.4)
    at_most_s = time.monotonic() - started_s
    _, report = finish(recorder)
    assert 0.3 < report["lost"] / 16_000 < at_most_s + 0.1
    measured(lost=f"{report['lost'] / 16_000:.2f} s, counted")


@pytest.mark.fault(8, "SIGSTOP of the program for 2.5 s")
def test_a_program_that_was_stopped_for_a_while_loses_nothing_and_goes_on(pulse, measured):
    recorder = start_recording(pulse, "mic", 4.0)
    recorder.send_signal(signal.SIGSTOP)
    time.sleep(2.5)
    recorder.send_signal(signal.SIGCONT)
    _, report = finish(recorder)
    assert report["samples"] >= 4.0 * 16_000
    assert report["lost"] == 0
    measured(lost=0)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
@pytest.mark.fault(7, "{how.name} of PulseAudio")
def test_a_microphone_that_vanishes_is_reported_at_once(how, measured):
    """SIGSTOP is the sound server that hangs: it neither delivers nor closes."""
    with start_pulse() as pulse:
        recorder = start_recording(pulse, "mic", 3_600)
        pulse.process.send_signal(how)
        sent_s = time.monotonic()
        _, report = recorder.communicate(timeout=30)  # of the hour that it would go on
        measured(detected_s=time.monotonic() - sent_s)
    assert recorder.returncode == 1
    assert b"AudioError: microphone default stopped delivering sound" in report
    assert b"Traceback" not in report


class TestFindingOne:
    def test_all_are_listed_with_what_they_can_do(self, pulse):
        program = "from monitor.sources.portaudio import list_microphones as l; print(*map(repr, l()), sep='\\n')"
        result = run_program(program, pulse.env)
        assert result.stderr == ""
        found = [eval(line, {"Microphone": Microphone}) for line in result.stdout.splitlines()]  # noqa: S307
        assert {"default", "pulse", MICROPHONE} <= {microphone.name for microphone in found}
        assert [microphone.name for microphone in found if microphone.is_default] == ["default"]
        assert all(microphone.channels > 0 and microphone.default_rate_hz > 0 for microphone in found)

    @pytest.mark.parametrize(
        ("spec", "message"),
        [("mic:Yeti", "no microphone is called 'Yeti'"), ("mic:u", "more than one microphone fits")],
    )
    def test_a_name_that_fits_none_or_several_lists_what_there_is(self, pulse, spec, message):
        result = run_program(
            f"from monitor.sources.opening import open_source\ntry: open_source({spec!r})\n"
            "except Exception as error: print(type(error).__name__, error.one_line())",
            pulse.env,
        )
        assert result.stdout.startswith(f"UsageError {message}")
        assert "pulse, ALSA" in result.stdout
        assert MICROPHONE in result.stdout

    def test_an_exact_name_wins_over_longer_ones(self):
        assert [found.index for found in matching(MANY, "USB Audio")] == [1]

    def test_part_of_a_name_is_enough_in_any_case(self):
        assert [found.index for found in matching(MANY, "yeti")] == [3]

    def test_the_host_api_tells_equal_names_apart(self):
        assert [found.index for found in matching(MANY, "Headset")] == [4, 5]
        assert [found.index for found in matching(MANY, "Headset, MME")] == [5]


class TestWithoutOne:
    @pytest.fixture
    def env(self, tmp_path):
        env = os.environ | {
            "HOME": str(tmp_path),
            "XDG_RUNTIME_DIR": str(tmp_path),
            "PULSE_SERVER": "unix:/nonexistent",
        }
        program = "from monitor.sources.portaudio import list_microphones; print(len(list_microphones()))"
        result = run_program(program, env)
        if result.stdout.strip() != "0":
            pytest.skip(
                f"this machine has microphones of its own, or no PortAudio: {result.stdout}{result.stderr[-200:]}"
            )
        return env

    def test_no_microphone_is_one_line_and_nothing_else_is_printed(self, env):
        result = subprocess.run(
            [sys.executable, RECORD_PY, "mic", "1"], env=env, capture_output=True, text=True, check=False
        )
        assert result.returncode == 1
        assert result.stderr == "AudioError: no microphone found (connect one, or use --source file:PATH)\n"

    def test_the_shipped_sample_is_played_instead_and_the_user_told(self, env):
        result = subprocess.run([sys.executable, RECORD_PY, "auto", "0.1"], env=env, capture_output=True, check=True)
        report = json.loads(result.stderr.splitlines()[-1])
        assert report["name"] == "file:two_cities.flac"
        assert report["notices"][0].startswith("no microphone found")
        assert report["notices"][0].endswith("playing the shipped sample")

    def test_a_missing_portaudio_says_what_to_install(self, env):
        """sounddevice finds the library by ctypes; here that finds none, as where it is not installed."""
        result = run_program(
            "import ctypes.util; ctypes.util.find_library = lambda name: None\n"
            "from monitor.sources.opening import open_source\n"
            "print(open_source('auto').notices[0])\n"
            "try: open_source('mic')\n"
            "except Exception as error: print(type(error).__name__, error.one_line())",
            env,
        )
        missing = "the PortAudio library is missing (on Debian and Ubuntu: apt install libportaudio2)"
        assert result.stdout.splitlines() == [f"{missing}: playing the shipped sample", f"AudioError {missing}"]

    def test_a_microphone_that_is_gone_before_it_is_opened_is_one_line(self, env):
        result = run_program(
            "import asyncio\n"
            "from monitor.sources.microphone import MicrophoneSource\n"
            "from monitor.sources.portaudio import Microphone\n"
            "gone = Microphone(name='Yeti', host_api='ALSA', default_rate_hz=48000,\n"
            "                  channels=2, is_default=True, index=7)\n"
            "async def main():\n"
            "    async with MicrophoneSource(gone): print('opened')\n"
            "try: asyncio.run(main())\n"
            "except Exception as error: print(type(error).__name__, error)",
            env,
        )
        assert result.stdout.startswith("AudioError microphone Yeti cannot be opened: ")
        assert result.stderr == ""


def microphone(index, name, host_api="ALSA"):
    return Microphone(name=name, host_api=host_api, default_rate_hz=48_000, channels=2, is_default=False, index=index)


MANY = [
    microphone(1, "USB Audio"),
    microphone(2, "USB Audio Deluxe"),
    microphone(3, "Blue Yeti"),
    microphone(4, "Headset", "WASAPI"),
    microphone(5, "Headset", "MME"),
]


def test_a_microphone_is_named_before_it_is_opened():
    source = MicrophoneSource(MANY[2])
    assert source.name == "mic:Blue Yeti"
    assert source.realtime
