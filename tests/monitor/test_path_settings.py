"""Every setting that is a path, where no file can ever be: one line that names it, from whoever uses it."""

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from core.errors import UsageError
from core.ltu_as.folder import resolve_model
from core.settings import ModelSettings, MqttSettings, OutputSettings, RecordSettings, Settings, WebSocketSettings
from core.speech_llm.server_address import server_address
from core.worker.models import load_model
from monitor.consent import disclosure
from monitor.mqtt.address import broker_address
from monitor.outbox import outbox_path
from monitor.sinks.jsonl import JsonlSink
from monitor.sinks.recording import Recorder
from monitor.sources.opening import open_source
from monitor.websocket.address import listen_address
from tests.certificates import Authority, authority

__all__ = ["authority"]


def broker(**files: str) -> Any:
    return broker_address(MqttSettings(url="mqtts://me@localhost", **files), {})


def listen(**files: str) -> Any:
    return listen_address("wss://127.0.0.1", WebSocketSettings(**files), {})


def model_server(**files: str) -> Any:
    return server_address(ModelSettings(name="openai:https://127.0.0.1/m", **files), {})


def outbox(path: str) -> Any:
    settings = MqttSettings(url="mqtt://localhost", outbox=path)
    return outbox_path(settings, broker_address(settings, {}))


USES: dict[str, Callable[[str], Any]] = {
    "source.sources": lambda path: open_source(f"file:{path}"),
    "websocket.token_file": lambda path: listen(token_file=path, cert_file=__file__),
    "websocket.cert_file": lambda path: listen(cert_file=path),
    "websocket.key_file": lambda path: listen(cert_file=__file__, key_file=path),
    "model.name": resolve_model,
    "model.server_token_file": lambda path: model_server(server_token_file=path),
    "model.server_ca_file": lambda path: model_server(server_ca_file=path),
    "mqtt.password_file": lambda path: broker(password_file=path),
    "mqtt.ca_file": lambda path: broker(ca_file=path),
    "mqtt.cert_file": lambda path: broker(cert_file=path),
    "mqtt.key_file": lambda path: broker(cert_file=__file__, key_file=path),
    "mqtt.outbox": outbox,
    "output.sinks": lambda path: JsonlSink(f"jsonl:{path}", OutputSettings()),
    "record.folder": lambda path: Recorder(RecordSettings(folder=path), "desk", []),
}


@pytest.mark.parametrize("path", ["with\0nul", "~no-such-user-here/file", "x" * 5000], ids=["nul", "user", "long"])
@pytest.mark.parametrize("setting", USES)
def test_a_path_where_nothing_can_be_is_one_line_that_names_the_setting(setting, path):
    with pytest.raises(UsageError) as error:
        USES[setting](path)
    assert error.value.one_line().startswith(f"{setting}: ")
    assert error.value.one_line().isprintable()


def test_no_setting_that_is_a_path_by_its_name_is_missing_here():
    names = {f"{section.name}.{key.name}" for section in fields(Settings) for key in fields(section.default_factory)}
    assert {name for name in names if name.endswith(("_file", "folder", "outbox", "path"))} <= USES.keys()


@pytest.mark.parametrize("path", ["with\0nul", "~no-such-user-here/model"])
def test_the_inference_process_says_so_of_a_model_too(path):
    with pytest.raises(UsageError, match=r"^model\.name: "):
        load_model(ModelSettings(name=path), threads=1)


def test_what_someone_is_asked_to_agree_to_needs_a_path_that_can_be():
    settings = Settings(mqtt=MqttSettings(url="off"), record=RecordSettings(on=True, folder="with\0nul"))
    with pytest.raises(UsageError, match=r"^record\.folder: "):
        disclosure(settings, ["mic"])


def test_a_certificate_of_the_websocket_may_be_in_the_home_folder(authority: Authority, monkeypatch):
    pair = authority.sign("us", host="localhost")
    monkeypatch.setenv("HOME", str(Path(pair.certificate).parent))
    listen(cert_file=f"~/{Path(pair.certificate).name}", key_file=f"~/{Path(pair.key).name}")
