"""An MQTT broker of our own, for when no other is given."""

import asyncio
import logging
import os
import secrets
import shlex
import shutil
import sys
from contextlib import suppress
from pathlib import Path
from typing import Self

import aiomqtt

from core import tasks
from core.errors import BrokerError
from monitor.broker_folder import RunningBroker, make_folder, write_private
from monitor.broker_ports import (
    CONFIGURATION_NAME,
    DEFAULT_PORTS,
    HOST,
    USER,
    Listener,
    Ports,
    configuration,
    free,
    listeners,
)
from monitor.mqtt.address import BrokerAddress
from monitor.mqtt.client import Client
from monitor.mqtt.connection import ANSWER_S

logger = logging.getLogger(__name__)

START_S = 10.0
STOP_S = 2.0
RESTART_S = (0.5, 30.0)

REASON_LENGTH = 300
PROBE_S = 0.02

_probe_logger = logging.getLogger(f"{__name__}.probe")
_probe_logger.setLevel(logging.CRITICAL)  # that a listener is not open yet is no error

_LISTENING = "emotion-monitor: listening"
# A client that is back in the very moment in which rumqttd gives its previous session up breaks a lock of that
# listener, which answers nobody any more.
_POISONED = "PoisonError"

# Runs until its standard input closes: when we say so, or when this process is gone, however it went. Signals do not
# stop it, because a Ctrl-C reaches the whole process group and the sink still has to say `offline`.
_PROGRAM = """
import logging, os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
logging.getLogger("rumqttd").setLevel(logging.CRITICAL)  # it logs every packet as an error
try:
    from iotcore import IotCoreBroker
    IotCoreBroker(config_path=sys.argv[1]).start()
except Exception as error:
    print(error, flush=True)
    os._exit(1)
print("emotion-monitor: listening", flush=True)
sys.stdin.buffer.read()
os._exit(0)
"""


class EmbeddedBroker:
    """rumqttd, from the wheel iotcore, as a child process that listens on 127.0.0.1 only.

    Three listeners share all topics: MQTT 3.1.1, MQTT 5, and MQTT 3.1.1 over WebSocket. They take the usual ports
    where those are free, else others. It is a broker for this machine and no security boundary: anything shared
    deserves a real one (`--mqtt mqtt://...`).

    *Credentials.* Without a password, every account of the machine could read along, and so could any web page in a
    browser here, since browsers let pages open WebSockets to 127.0.0.1. So there is one user, `emotion`, with a
    password made for each run. Nobody has to type it: it stands in a file of mode 600 that mosquitto_sub reads by
    itself, and `subscribe_command` is the line to copy. A wrong password is not refused but left unanswered: that is
    how rumqttd does it.

    *No MQTT 5 properties.* rumqttd 0.20 crashes the connection of a 3.1.1 subscriber when it is to pass on a message
    with properties. 3.1.1 is what most clients speak unless told otherwise, so `address` asks the sink for none here.
    Whatever a consumer needs is in the JSON anyway.

    The child reads our end of a pipe: it ends when we do, even by kill -9. If it dies itself, or answers nobody any
    more, it is started again, on the same ports with the same password. What it prints never reaches our standard
    output or error; the debug log has it.

    Args:
        ports: Wishes; a port that is taken is replaced.
        runtime: Folder for configuration and password; by default the user's runtime folder.

    Raises:
        BrokerError: On entering: it cannot be started.
    """

    def __init__(self, *, ports: Ports = DEFAULT_PORTS, runtime: Path | None = None) -> None:
        self._wishes = ports
        self._runtime = runtime
        self._password = secrets.token_hex(8)
        self._child: _Child
        self._supervisor: asyncio.Task[None]
        self.ports: Ports
        """Those in use."""
        self.folder: Path
        """Private to this run; holds the configuration and the credentials."""

    async def __aenter__(self) -> Self:
        try:
            self.folder = make_folder(self._runtime)
        except OSError as error:
            msg = f"no folder for the embedded broker: {error}"
            raise BrokerError(msg) from error
        try:
            self._child = await self._start_on_free_ports()
        except BaseException as error:
            shutil.rmtree(self.folder, ignore_errors=True)
            if isinstance(error, OSError):
                msg = f"the embedded broker cannot start: {error}"
                raise BrokerError(msg) from error
            raise
        self._supervisor = tasks.keep(self._supervise, name="embedded broker")
        return self

    async def __aexit__(self, *_: object) -> None:
        self._supervisor.cancel()
        await asyncio.wait([self._supervisor])
        await self._child.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def address(self) -> BrokerAddress:
        """For MqttSink: the MQTT 5 listener, with credentials."""
        return RunningBroker(pid=os.getpid(), ports=self.ports, password=self._password).address

    @property
    def urls(self) -> dict[str, str]:
        """Protocol to URL, for people; user and password are in `credentials`."""
        return {
            "MQTT 3.1.1": f"mqtt://{HOST}:{self.ports.mqtt311}",
            "MQTT 5": f"mqtt://{HOST}:{self.ports.mqtt5}",
            "WebSocket": f"ws://{HOST}:{self.ports.websocket}",
        }

    @property
    def password_file(self) -> Path:
        """File with nothing but the password, readable by this account only, for programs that take one."""
        return self.folder / "password"

    def announcement(self) -> str:
        """One line for people: where it listens, and how to log in; it holds no password."""
        where = ", ".join(f"{protocol} {url}" for protocol, url in self.urls.items())
        return f"embedded broker: {where}; user {USER}, password in {self.password_file}"

    @property
    def credentials(self) -> Path:
        """File with address, user and password, readable by this account only; mosquitto_sub reads it by itself."""
        return self.folder / "mosquitto_sub"

    def subscribe_command(self, topic: str = "emotion/#") -> str:
        """A shell command that prints all events, to copy; it holds no password."""
        return f"XDG_CONFIG_HOME={shlex.quote(str(self.folder))} mosquitto_sub -v -t {shlex.quote(topic)}"

    def _write_files(self) -> None:
        write_private(self.folder / CONFIGURATION_NAME, configuration(self.ports, self._password))
        write_private(self.password_file, f"{self._password}\n")
        lines = [f"# {protocol}: {url}" for protocol, url in self.urls.items()]
        lines += [f"-h {HOST}", f"-p {self.ports.mqtt311}", f"-u {USER}", f"-P {self._password}"]
        write_private(self.credentials, "\n".join(lines) + "\n")

    async def _start_on_free_ports(self) -> "_Child":
        self.ports = free(self._wishes)
        try:
            return await self._start()
        except BrokerError:
            # Another program may have taken one of them before our child did, and be gone again: now ports that nobody
            # else wishes for.
            self.ports = free(Ports(0, 0, 0))
            return await self._start()

    async def _start(self) -> "_Child":
        """Starts the child and proves that it serves."""
        self._write_files()
        child = await _Child.spawn(self.folder / CONFIGURATION_NAME)
        try:
            await child.listening()
            await self._prove()
        except BaseException:
            await child.stop()
            raise
        return child

    async def _prove(self) -> None:
        """Logs in at every listener: each opens in its own time, and it says that it listens before they do."""
        clock = asyncio.get_running_loop().time
        deadline = clock() + START_S
        for listener in listeners(self.ports):
            while not await self._serves(listener):
                if clock() > deadline:
                    msg = f"the embedded broker does not serve on port {listener.port}"
                    raise BrokerError(msg)
                await asyncio.sleep(PROBE_S)

    async def _serves(self, listener: Listener) -> bool:
        probe = Client(
            *(HOST, listener.port),
            username=USER,
            password=self._password,
            identifier=f"emotion-probe-{secrets.token_hex(4)}",  # another each time, see _POISONED
            protocol=listener.protocol,
            transport=listener.transport,
            websocket_path="/",
            timeout=ANSWER_S,
            logger=_probe_logger,
        )
        try:
            async with probe:
                return True
        except aiomqtt.MqttError:
            probe.cut()
            return False

    async def _supervise(self) -> None:
        clock = asyncio.get_running_loop().time
        first_s, longest_s = RESTART_S
        pause_s = first_s
        while True:
            began = clock()
            code = await self._child.ended()
            logger.warning("the embedded broker ended (status %s) and is started again", code)
            pause_s = first_s if clock() - began > longest_s else pause_s
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, longest_s)
            try:
                self._child = await self._start()
            except (BrokerError, OSError) as error:
                logger.warning("%s", error)


class _Child:
    """The broker's process and the end of what it said."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._said = ""
        self._settled = asyncio.Event()
        self._reader = tasks.start(self._read(), name="embedded broker's output")

    @classmethod
    async def spawn(cls, configuration: Path) -> Self:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-c", _PROGRAM, str(configuration)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={**os.environ, "RUST_BACKTRACE": "0"},
        )
        return cls(process)

    async def listening(self) -> None:
        """Returns once the ports are open.

        Raises:
            BrokerError: They do not open.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(START_S):
                await self._settled.wait()
        if _LISTENING not in self._said:
            reason = " ".join(self._said.split())[-REASON_LENGTH:] or f"it says nothing within {START_S:.0f} s"
            msg = f"the embedded broker cannot start: {reason}"
            raise BrokerError(msg)

    async def ended(self) -> int:
        """Exit status, once there is one."""
        return await self._process.wait()

    async def stop(self) -> None:
        """Asks it to end, then makes it."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            async with asyncio.timeout(STOP_S):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        await asyncio.wait([self._reader])

    async def _read(self) -> None:
        output = self._process.stdout
        while output is not None and (chunk := await output.read(4096)):
            text = chunk.decode(errors="replace")
            logger.debug("embedded broker: %s", text.strip())
            self._said = (self._said + text)[-4096:]
            if _POISONED in self._said and self._process.returncode is None:
                self._process.kill()
            if _LISTENING in self._said:
                self._settled.set()
        self._settled.set()
