"""How far quantised weights move readings: measured on a tiny model, judged by the spec's two numbers."""

import json
import sys
from dataclasses import replace

import pytest
import soundfile

from core.errors import EmotionMonitorError, UsageError
from core.ltu_as.tiny import save_tiny
from core.settings import ModelSettings, Settings
from core.sound.audio import read_audio
from monitor.bench import drift
from monitor.cli import main
from monitor.sources.opening import SAMPLE

FAKE = replace(Settings(), model=ModelSettings(name="fake"))
WITHIN = drift.Row(
    weights="int8",
    layers_mb=1.0,
    llm_ms=1.0,
    js_mean=1e-3,
    js_p95=0.1,
    js_max=0.5,
    changed=0.005,
    macro=0.1,
    unread=0,
)


def test_the_command_compares_both_kinds_with_the_stored_weights(torchao, tmp_path, capsys):  # noqa: ARG001
    save_tiny(tmp_path)
    soundfile.write(tmp_path / "own.wav", read_audio(SAMPLE)[: 6 * 16_000], 16_000)
    words = ["--model", str(tmp_path), "--device", "cpu", "--repeat", "2", "--file", str(tmp_path / "own.wav")]
    with pytest.raises(SystemExit) as ended:
        main(["bench", "drift", "--json", *words])
    assert ended.value.code == 0
    found = json.loads(capsys.readouterr().out)
    stored, int8, int4 = found["measured"]["rows"]
    assert [row["weights"] for row in (stored, int8, int4)] == ["stored", "int8", "int4"]
    assert (stored["js_max"], stored["changed"], stored["macro"]) == (0, 0, 0)
    assert 0 < int8["js_mean"] < int4["js_mean"]
    assert 0 < int8["js_p95"] <= int8["js_max"]
    assert found["measured"]["sounds"] > 4
    assert found["ratios"]["memory_int4"] < found["ratios"]["memory_int8"] < 0.5
    assert found["model"]["calibration"] is None
    assert found["model"]["readout"] == "seq_logprob"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, []),
        ({"js_mean": 0.002}, ["int8: readings drift by 0.002 nats, more than 0.001"]),
        ({"js_mean": float("nan")}, ["int8: readings drift by nan nats, more than 0.001"]),
        ({"changed": 0.01}, ["int8: 1.0% of readings name another emotion, more than 0.5%"]),
        ({"unread": 2}, ["int8: 2 sounds have a reading with one kind of weights only"]),
    ],
)
def test_the_gate_is_the_mean_divergence_and_the_share_that_names_another_emotion(change, said):
    assert drift.faults(replace(WITHIN, **change)) == said


def test_a_model_without_a_language_model_is_told_in_one_line(torchao):  # noqa: ARG001
    with pytest.raises(EmotionMonitorError, match="fake has no language model"):
        drift.measure(FAKE, weights=["int8"], files=(), repeat=1)


def test_without_torchao_nothing_is_read(monkeypatch):
    monkeypatch.setitem(sys.modules, "torchao", None)
    with pytest.raises(UsageError, match="needs torchao"):
        drift.measure(FAKE, weights=["int8"], files=(), repeat=1)
