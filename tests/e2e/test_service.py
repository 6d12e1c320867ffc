"""As a service: systemd hears from the program, and Prometheus reads its numbers."""

import http.client
import signal
import socket

import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.patience import PATIENCE_S, wait_until
from tests.program import Running, long_talk, run, running

HEADLESS = ("--speed", "2", "--headless", "--model", "fake", "--mqtt", "off", "--sink")


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def metrics(port: int) -> dict[str, float]:
    """Name to number; of several samples, the sum."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    connection.request("GET", "/metrics")
    with connection.getresponse() as answer:
        page, status = answer.read().decode(), answer.status
    assert status == 200, page
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            name = sample.name.removeprefix("emotion_monitor_")
            found[name] = found.get(name, 0) + sample.value
    return found


def test_a_service_tells_systemd_and_prometheus_how_it_does(tmp_path):
    port = free_port()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(PATIENCE_S)
        env = {
            "NOTIFY_SOCKET": str(tmp_path / "notify"),
            "WATCHDOG_USEC": "4000000",
            "EMOTION_MONITOR_METRICS__PORT": str(port),
        }
        play = ("run", "--source", f"file:{long_talk()}", *HEADLESS, f"jsonl:{tmp_path / 'events'}")
        with running(*play, env=env) as program:
            assert f"http://127.0.0.1:{port}/metrics" in program.wait_for("metrics: ")
            until_said(manager, "READY=1")
            until_said(manager, "WATCHDOG=1")
            wait_until(lambda: metrics(port)["published_utterances_total"] >= 1, "a reading")
            check_sums(metrics(port))
            check_processes(metrics(port), program)
            program.process.send_signal(signal.SIGTERM)
            until_said(manager, "STOPPING=1")
            program.process.communicate(timeout=PATIENCE_S)
            assert program.process.returncode == 0


def until_said(manager: socket.socket, notice: str) -> None:
    while manager.recv(4096).decode() != notice:
        pass


def check_sums(found: dict[str, float]) -> None:
    counted = ("silence", "segmented", "dropped")
    heard = sum(found.get(f"{part}_audio_seconds_total", 0) for part in counted) + found["pending_audio_seconds"]
    assert found["captured_audio_seconds_total"] == pytest.approx(heard)
    fates = found["published_utterances_total"] + found["failed_utterances_total"] + found["in_flight_utterances"]
    assert found["utterances_total"] == fates + found.get("dropped_utterances_total", 0)
    assert found["accounts_balanced"] == 1


def check_processes(found: dict[str, float], program: Running) -> None:
    process = psutil.Process(program.process.pid)
    assert found["worker_generation"] == 1
    assert 1e6 < found["resident_memory_bytes"] < 1e11
    assert found["open_descriptors"] == pytest.approx(process.num_fds(), abs=20)


def test_a_port_in_use_ends_the_run_with_one_line():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        env = {"EMOTION_MONITOR_METRICS__PORT": str(port)}
        done = run("run", "--source", f"file:{long_talk()}", *HEADLESS, "jsonl", env=env)
    assert done.code == 2
    assert done.err.count("\n") == 1
    assert f"metrics.port = {port}: cannot listen on 127.0.0.1: Address already in use" in done.err
