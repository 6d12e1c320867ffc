"""Two files of one name, one of which is called something, on a broker."""

import shutil

import pytest

from tests.mosquitto import make_mosquitto, mosquitto, subscribe
from tests.program import SAMPLE, run

__all__ = ["make_mosquitto", "mosquitto", "subscribe"]

pytestmark = pytest.mark.system


def test_sources_are_told_apart_by_topic_and_name(mosquitto, subscribe, tmp_path):
    paths = [tmp_path / day / "talk.flac" for day in ("mon", "tue")]
    for path in paths:
        path.parent.mkdir()
        shutil.copy(SAMPLE, path)
    subscriber = subscribe(mosquitto.port, "emotion/desk/#")
    sources = ("--source", f"file:{paths[0]}=alice", "--source", f"file:{paths[1]}")
    words = ("run", *sources, "--speed", "max", "--headless", "--sink", "jsonl", "--model", "fake")
    done = run(*words, "--mqtt", mosquitto.url, env={"EMOTION_MONITOR_MQTT__NODE": "desk"})
    assert done.code == 0, done.err
    assert "alice (file:mon/talk.flac): 44.4 s" in done.err
    subscriber.until("the end", lambda _: "offline" in subscriber.payloads("/availability"))
    readings = [m for m in subscriber.received if m.topic.endswith("/utterance")]
    assert {m.topic.split("/")[2] for m in readings if m.json["name"] == "alice"} == {"alice"}
    assert {(m.json["name"], m.json["source"]) for m in readings} == {
        ("alice", "file:mon/talk.flac"),
        (None, "file:tue/talk.flac"),
    }
    assert len({m.topic for m in readings}) == 2
