"""The program ends when it is told to: soon, cleanly, with nothing left behind."""

import shlex
import signal
import socket
import subprocess
import time

import psutil
import pytest
import soundfile

from tests.program import SAMPLE, command, environment, run, running, wait_until

PLAY = ("run", "--source", f"file:{SAMPLE}", "--speed", "1", "--headless")


@pytest.mark.parametrize(("signal_number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
@pytest.mark.parametrize("model", ["ltu-as-mini", "fake:read_s=4"])
def test_a_signal_ends_it_within_five_seconds_and_no_process_stays(signal_number, code, model, tmp_path):
    with running(*PLAY, "--model", model, "--sink", f"jsonl:{tmp_path / 'events'}") as program:
        time.sleep(4)  # into the first utterance
        family = psutil.Process(program.process.pid).children(recursive=True)
        assert len(family) >= 2, "the inference process and the embedded broker"
        assert program.end(signal_number) < 5
        assert program.process.returncode == code
    wait_until(lambda: not any(process.is_running() for process in family), "the end of all its processes")


def test_a_signal_while_the_model_loads_ends_it():
    with running(*PLAY, "--model", "fake:load_s=60", until="mosquitto_sub") as program:
        time.sleep(1)  # into the loading
        assert program.end(signal.SIGINT) < 5
        assert program.process.returncode == 130


def test_what_was_being_said_is_still_read(tmp_path):
    events = tmp_path / "events.jsonl"
    with running(*PLAY, "--model", "fake", "--mqtt", "off", "--sink", f"jsonl:{events}") as program:
        time.sleep(3)  # into the first utterance
        program.end(signal.SIGTERM)
    assert '"final":true' in events.read_text()


def test_a_reader_that_goes_away_ends_it_without_a_traceback():
    words = command(*PLAY, "--model", "fake", "--mqtt", "off", "--sink", "jsonl")  # 44 s in real time
    began_s = time.monotonic()
    done = subprocess.run(
        ["sh", "-c", f"{shlex.join(words)} | head -n 1"], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout.count("\n") == 1
    assert "Traceback" not in done.stderr
    assert time.monotonic() - began_s < 40


def test_a_reader_that_has_stopped_reading_does_not_hold_up_the_end():
    env = environment({"EMOTION_MONITOR_OUTPUT__JSONL_EVENTS": "utterance,level"})  # more than a pipe holds
    words = command(*PLAY, "--speed", "max", "--model", "fake", "--mqtt", "off", "--sink", "jsonl")
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=env) as program:
        time.sleep(6)
        program.send_signal(signal.SIGTERM)
        assert program.wait(5) == 0
        program.stdout.close()


def test_a_broker_that_does_not_answer_does_not_hold_up_the_end():
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(0)
        url = f"mqtt://127.0.0.1:{silent.getsockname()[1]}"
        with running(*PLAY, "--model", "fake", "--mqtt", url) as program:
            time.sleep(2)
            assert program.end(signal.SIGINT) < 5
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


def test_one_standard_stream_is_not_given_twice():
    assert run("run", "--source", "stdin", "--source", "stdin", "--headless").code == 2
    assert run(*PLAY, "--sink", "jsonl", "--sink", "jsonl").code == 2
