"""systemd is told that the service listens, lives and stops: in datagrams, as sd_notify(3) has it."""

import os
import secrets
import socket
from collections.abc import Iterator, Mapping

import pytest

from core.settings import WorkerSettings
from monitor.progress import longest_reading_s
from monitor.systemd import ServiceNotices
from tests.monitor.test_progress import waiting
from tests.sample_events import health


class Manager:
    """Stands where systemd does: a datagram socket with a name."""

    def __init__(self, name: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + name[1:] if name.startswith("@") else name)
        self.socket.setblocking(False)  # noqa: FBT003 - its only argument
        self.environ = {"NOTIFY_SOCKET": name}

    def told(self) -> list[str]:
        """What has come since the last time, without the line for people."""
        said = []
        while True:
            try:
                said.append(self.socket.recv(4096).decode())
            except BlockingIOError:
                return [notice for notice in said if not notice.startswith("STATUS=")]


@pytest.fixture(params=["path", "abstract"])
def manager(request, tmp_path) -> Iterator[Manager]:
    name = f"@emotion-{secrets.token_hex(8)}" if request.param == "abstract" else str(tmp_path / "notify")
    one = Manager(name)
    with one.socket:
        yield one


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def notices(environ: Mapping[str, str], clock: Clock | None = None) -> ServiceNotices:
    return ServiceNotices(WorkerSettings(), environ=environ, clock=clock or Clock())


def test_it_is_ready_once_a_source_is_open_and_stops_once(manager):
    with notices(manager.environ) as service:
        service.tell(health(stream_state="opening", worker="starting"))
        assert manager.told() == []
        service.tell(health())
        service.tell(health())
        assert manager.told() == ["READY=1"]
        service.stopping()
        service.stopping()
    assert manager.told() == ["STOPPING=1"]


def test_a_service_that_ends_by_itself_says_so_too(manager):
    with notices(manager.environ):
        pass
    assert manager.told() == ["STOPPING=1"]


def test_signs_of_life_come_with_health_well_within_the_time(manager):
    clock = Clock()
    with notices({**manager.environ, "WATCHDOG_USEC": "60000000", "WATCHDOG_PID": str(os.getpid())}, clock) as service:
        for second in range(60):
            clock.now_s = second
            service.tell(health())
        assert manager.told().count("WATCHDOG=1") == 4


def test_without_health_there_is_no_sign_of_life(manager):
    with notices({**manager.environ, "WATCHDOG_USEC": "1"}):
        assert manager.told() == []


def test_a_standstill_ends_the_signs_of_life_and_progress_brings_them_back(manager):
    clock = Clock()
    with notices({**manager.environ, "WATCHDOG_USEC": "1000000"}, clock) as service:
        service.tell(waiting(1))
        assert "WATCHDOG=1" in manager.told()
        clock.now_s = longest_reading_s(WorkerSettings()) + 1
        service.tell(waiting(1))
        assert manager.told() == []
        service.tell(waiting(1, read=1))
        assert manager.told() == ["WATCHDOG=1"]


@pytest.mark.parametrize(
    "watchdog", [{}, {"WATCHDOG_USEC": "soon"}, {"WATCHDOG_USEC": "1000000", "WATCHDOG_PID": str(os.getpid() + 1)}]
)
def test_no_sign_of_life_is_given_that_nobody_waits_for(manager, watchdog):
    with notices({**manager.environ, **watchdog}) as service:
        service.tell(health())
        assert manager.told() == ["READY=1"]


def test_the_line_for_people_names_nobody(manager):
    with notices(manager.environ) as service:
        service.tell(health())
    said = [manager.socket.recv(4096).decode() for _ in range(2)]
    assert said[1] == "STATUS=1 of 1 streams listening, model ready"


def test_what_systemd_could_not_take_is_said_again(tmp_path):
    with notices({"NOTIFY_SOCKET": str(tmp_path / "late")}) as service:
        service.tell(health())
        late = Manager(str(tmp_path / "late"))
        service.tell(health())
        assert late.told() == ["READY=1"]
        late.socket.close()


@pytest.mark.parametrize("environ", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "vsock:2:1234"}])
def test_without_a_socket_nothing_is_said(environ):
    with notices(environ) as service:
        service.tell(health())
        service.stopping()
