"""The program ends when it is told to: soon, cleanly, with nothing left behind."""

import fcntl
import os
import shlex
import signal
import socket
import subprocess
import termios
from array import array
from pathlib import Path

import psutil
import pytest
import soundfile

from core.sound.audio import read_audio
from tests.mosquitto import make_mosquitto, mosquitto, need_mosquitto_sub, subscribe
from tests.patience import PATIENCE_S, wait_until
from tests.program import SAMPLE, command, environment, long_talk, run, running

__all__ = ["make_mosquitto", "mosquitto", "need_mosquitto_sub", "subscribe"]

PLAY = ("run", "--source", f"file:{SAMPLE}", "--speed", "1", "--headless")
LEVELS = {"EMOTION_MONITOR_OUTPUT__JSONL_EVENTS": "utterance,level"}
SOON_S = 20.0
"""Time even for a busy machine, and little beside what is not waited for: ten minutes of sound or of a model."""


def play() -> tuple[str, ...]:
    """A run that goes on until it is ended."""
    return ("run", "--source", f"file:{long_talk()}", "--speed", "1", "--headless")


def until_someone_speaks(events: Path) -> None:
    """For two seconds of sound: enough to be an utterance."""
    wait_until(lambda: events.read_text().count('"speaking":true') >= 20, "the first utterance")


@pytest.mark.parametrize(("signal_number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
@pytest.mark.parametrize("model", ["ltu-as-mini", "fake:hold_while={}/hold"], ids=["ltu-as-mini", "held up"])
@pytest.mark.fault(20, "{signal_number.name} while it listens and reads")
def test_a_signal_ends_it_soon_and_no_process_stays(signal_number, code, model, measured, tmp_path):
    sink = f"jsonl:{tmp_path / 'events'}"
    with running(*play(), "--model", model.format(tmp_path), "--sink", sink, env=LEVELS) as program:
        (tmp_path / "hold").touch()
        until_someone_speaks(tmp_path / "events")
        family = psutil.Process(program.process.pid).children(recursive=True)
        assert len(family) >= 2, "the inference process and the embedded broker"
        took_s = program.end(signal_number)
        measured(healed_s=took_s)
        assert took_s < SOON_S
        assert program.process.returncode == code
    wait_until(lambda: not any(process.is_running() for process in family), "the end of all its processes")


def test_a_signal_while_the_model_loads_ends_it():
    with running(*PLAY, "--model", "fake:load_s=600", until="mosquitto_sub") as program:
        process = psutil.Process(program.process.pid)
        wait_until(lambda: any("core.worker" in child.cmdline() for child in process.children()), "the loading")
        assert program.end(signal.SIGINT) < SOON_S
        assert program.process.returncode == 130


@pytest.mark.fault(20, "SIGTERM or SIGHUP in the middle of a word")
@pytest.mark.parametrize("signal_number", [signal.SIGTERM, signal.SIGHUP])
def test_what_was_being_said_is_still_read(signal_number, tmp_path):
    events = tmp_path / "events.jsonl"
    with running(*play(), "--model", "fake", "--mqtt", "off", "--sink", f"jsonl:{events}", env=LEVELS) as program:
        until_someone_speaks(events)
        program.end(signal_number)
    assert program.process.returncode == 0
    assert '"final":true' in events.read_text()


def test_under_nohup_a_closed_terminal_does_not_end_it(tmp_path):
    events = tmp_path / "events.jsonl"
    words = command(*play(), "--speed", "8", "--model", "fake", "--mqtt", "off", "--sink", f"jsonl:{events}")
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(["nohup", *words], env=environment(LEVELS), **quiet) as program:
        wait_until(lambda: events.exists() and events.stat().st_size, "sound")
        program.send_signal(signal.SIGHUP)
        heard = events.read_text().count("level")
        wait_until(lambda: events.read_text().count("level") > heard + 20, "more sound")
        program.send_signal(signal.SIGTERM)
        assert program.wait(PATIENCE_S) == 0


def test_a_reader_that_goes_away_ends_it_without_a_traceback():
    words = command(*play(), "--model", "fake", "--mqtt", "off", "--sink", "jsonl")  # longer than anybody waits
    done = subprocess.run(
        ["sh", "-c", f"{shlex.join(words)} | head -n 1"],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        env=environment(),
        check=False,
    )
    assert done.stdout.count("\n") == 1
    assert "Traceback" not in done.stderr


def test_a_reader_that_has_stopped_reading_does_not_hold_up_the_end():
    words = command(*PLAY, "--speed", "max", "--model", "fake", "--mqtt", "off", "--sink", "jsonl")
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    with subprocess.Popen(words, stdout=writer, stderr=subprocess.DEVNULL, env=environment(LEVELS)) as program:
        os.close(writer)
        wait_until(lambda: waiting_in(reader) > 3000, "a full pipe")
        program.send_signal(signal.SIGTERM)
        assert program.wait(PATIENCE_S) == 0
        os.close(reader)


def waiting_in(pipe: int) -> int:
    """Bytes that nobody has read yet."""
    return int(array("i", fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)))[0])


@pytest.mark.fault(20, "SIGINT, broker silent")
def test_a_broker_that_does_not_answer_does_not_hold_up_the_end():
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(0)
        url = f"mqtt://127.0.0.1:{silent.getsockname()[1]}"
        with running(*play(), "--model", "fake", "--mqtt", url) as program:
            held, _ = silent.accept()
            with held:
                assert program.end(signal.SIGINT) < SOON_S
            assert program.process.returncode == 130


def test_a_run_that_lost_a_source_or_its_output_fails(tmp_path):
    torn = tmp_path / "torn.wav"
    samples, rate = soundfile.read(SAMPLE, frames=48_000 * 5, dtype="int16")
    soundfile.write(torn, samples, rate)
    torn.write_bytes(torn.read_bytes()[:-100_000])
    both = ("--source", f"file:{torn}", "--speed", "max", "--model", "fake", "--mqtt", "off")
    done = run(*PLAY, *both, "--sink", "jsonl")
    assert done.code == 1
    assert "torn.wav" in done.err
    assert {event["source"] for event in done.events_of("utterance")} == {"file:two_cities.flac", "file:torn.wav"}
    assert run(*PLAY, *both[2:], "--sink", "jsonl:/dev/full").code == 1


def test_a_run_that_ends_while_the_model_fails_on_everything_fails(tmp_path):
    broken = tmp_path / "broken"
    words = ("run", "--source", "stdin", "--speed", "max", "--headless", "--mqtt", "off")
    with running(*words, "--model", f"fake:fails_while={broken}", until="listening to") as program:
        broken.touch()
        program.hear(read_audio(SAMPLE, max_s=None))
        program.process.stdin.close()
        program.process.stdin = None  # or Popen would close it once more
        program.wait_for("the model has failed on 5 utterances in a row: ValueError: log-weights must be finite")
        program.process.stderr.read()
        assert program.process.wait(PATIENCE_S) == 1


def test_one_standard_stream_is_not_given_twice():
    assert run("run", "--source", "stdin", "--source", "stdin", "--headless").code == 2
    assert run(*PLAY, "--sink", "jsonl", "--sink", "jsonl").code == 2


@pytest.mark.system
@pytest.mark.parametrize("signal_number", [signal.SIGTERM, signal.SIGHUP])
def test_no_reading_stays_on_the_broker_and_the_node_is_offline(signal_number, mosquitto, subscribe):
    early = subscribe(mosquitto.port)
    node = {"EMOTION_MONITOR_MQTT__NODE": "desk"}
    with running(*play(), "--speed", "8", "--model", "fake", "--mqtt", mosquitto.url, env=node) as program:
        early.until("a reading", lambda received: any(each.topic.endswith("/state") for each in received))
        program.end(signal_number)
        assert program.process.returncode == 0
    late = subscribe(mosquitto.port)
    late.until("what is retained", lambda _: late.payloads("desk/availability") != [])
    assert late.payloads("desk/availability") == ["offline"]
    assert late.payloads("/state") == []
    early.until("the end", lambda _: early.payloads("desk/availability")[-1:] == ["offline"])
    assert early.payloads("/state")[-1] == "", "cleared by the node itself"
