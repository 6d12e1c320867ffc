"""Metrics are served to programs of this machine, while they are true."""

import http.client
import socket

import pytest
from prometheus_client.parser import text_string_to_metric_families

from core.errors import UsageError
from monitor.metrics import MetricsServer
from tests.sample_events import health


def get(server: MetricsServer, path: str = "/metrics", host: str | None = None) -> tuple[int, str, str]:
    """Status, content type and body."""
    where = server.url.removeprefix("http://").partition("/")[0]
    connection = http.client.HTTPConnection(where, timeout=30)
    connection.request("GET", path, headers={"Host": host or where})
    with connection.getresponse() as answer:
        told = answer.status, answer.headers["Content-Type"], answer.read().decode()
    connection.close()
    return told


def test_the_last_health_event_is_served_in_the_text_format():
    with MetricsServer(0) as server:
        server.tell(health(uptime_s=1.0))
        server.tell(health(uptime_s=2.0))
        status, kind, page = get(server)
    assert status == 200
    assert kind == "text/plain; version=0.0.4; charset=utf-8"
    found = {family.name: family.samples for family in text_string_to_metric_families(page)}
    assert found["emotion_monitor_uptime_seconds"][0].value == 2
    assert found["emotion_monitor_build_info"][0].labels["version"]
    assert found["emotion_monitor_open_descriptors"][0].value > 3


def test_it_listens_on_the_loopback_address_only():
    with MetricsServer(0) as server:
        port = int(server.url.removeprefix("http://127.0.0.1:").removesuffix("/metrics"))
        with socket.socket() as other:
            other.settimeout(5)
            assert other.connect_ex(("127.0.0.2", port)) != 0


def test_a_web_page_whose_name_leads_here_gets_nothing():
    with MetricsServer(0) as server:
        server.tell(health())
        port = server.url.partition("127.0.0.1:")[2].partition("/")[0]
        assert get(server, host=f"evil.example:{port}")[0] == 403
        assert get(server, host=f"localhost:{port}")[0] == 200


def test_without_numbers_or_with_old_ones_there_is_no_page():
    now_s = [100.0]
    with MetricsServer(0, clock=lambda: now_s[0]) as server:
        assert get(server)[0] == 503
        server.tell(health())
        assert get(server)[0] == 200
        now_s[0] += 16
        status, _, reason = get(server)
        assert status == 503
        assert "16 s" in reason
        server.tell(health())
        assert get(server)[0] == 200


def test_only_one_path_is_served():
    with MetricsServer(0) as server:
        server.tell(health())
        assert get(server, "/")[0] == 404
        assert get(server, "/metrics?name=x")[0] == 200


def test_a_client_that_leaves_without_a_word_disturbs_nobody(capfd):
    with MetricsServer(0) as server:
        server.tell(health())
        for said in (b"", b"GET /met", b"\0\xff\n"):
            with socket.create_connection(("127.0.0.1", int(server.url.split(":")[2].partition("/")[0]))) as client:
                client.sendall(said)
        assert get(server)[0] == 200
    assert capfd.readouterr().err == ""


def test_a_port_in_use_is_one_line_that_names_the_setting():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UsageError) as caught, MetricsServer(port):
            pass
    line = caught.value.one_line()
    assert line.startswith(f"metrics.port = {port}: cannot listen on 127.0.0.1: Address already in use")
    assert caught.value.exit_code == 2


def test_the_port_is_free_again_afterwards_even_while_a_client_says_nothing():
    with MetricsServer(0) as server:
        port = int(server.url.split(":")[2].partition("/")[0])
        silent = socket.create_connection(("127.0.0.1", port))
    with silent, MetricsServer(port) as again:
        again.tell(health())
        assert get(again)[0] == 200
