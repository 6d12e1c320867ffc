"""The command for a borrowed GPU, rehearsed on a CPU with small shapes."""

import json
import sys

import pytest
import torch

from benchmarks.gpu import stages
from benchmarks.gpu.__main__ import main

SMALL = ["--small", "--device", "cpu"]


def test_every_stage_runs_in_small_and_all_ways_to_answer_agree(tmp_path, capsys):
    assert main([*SMALL, "--json", str(tmp_path / "found.json"), "--check"]) == 0, capsys.readouterr().out
    found = json.loads((tmp_path / "found.json").read_text())
    values = {row["name"]: row["value"] for row in found["rows"]}
    assert found["faults"] == []
    assert all(value > 0 for name, value in values.items() if "JS" not in name)
    assert {value for name, value in values.items() if name.endswith("same tokens")} == {100.0}
    assert max(value for name, value in values.items() if "JS divergence, most" in name) < 1e-6
    printed = capsys.readouterr().out
    assert all(name in printed for name in values)
    assert "no goals: not the real shapes on a GPU" in printed


def test_a_stage_that_fails_is_named_and_the_others_go_on(monkeypatch, capsys):
    def broken(*_):
        msg = "no\nkernel"
        raise RuntimeError(msg)

    monkeypatch.setitem(stages.STAGES, "ceilings", broken)
    assert main([*SMALL, "--check", "--stages", "ceilings", "agreement"]) == 1
    printed = capsys.readouterr().out
    assert "FAULT ceilings: RuntimeError: no kernel" in printed
    assert "eager and graphs: same tokens" in printed


def test_weights_of_few_bits_are_measured_where_torchao_is(torchao, tmp_path):  # noqa: ARG001
    file = tmp_path / "found.json"
    assert main([*SMALL, "--json", str(file), "--check", "--stages", "agreement", "quantized"]) == 0
    found = json.loads(file.read_text())
    values = {row["name"]: row["value"] for row in found["rows"]}
    assert found["skipped"] == []
    assert values["int4: layers of the language model"] < values["int8: layers of the language model"]
    for kind in ("stored", "int8", "int4"):
        assert values[f"{kind}: a token of the language model"] > 0
    assert 0 < values["int8: JS divergence, mean"] < values["int4: JS divergence, mean"] < 0.2


def test_weights_of_few_bits_are_skipped_by_name_without_torchao(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "torchao", None)
    assert main([*SMALL, "--check", "--stages", "quantized"]) == 0
    assert "not measured: int8 and int4 (torchao is not installed), real weights" in capsys.readouterr().out


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
@pytest.mark.parametrize("words", [[], ["--device", "cpu"], ["--small"]])
def test_without_a_gpu_the_real_shapes_are_refused_in_one_line(words, capsys):
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert "GPU" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("ratio", "goal", "met"),
    [(1.6, ("at most", 1.6), True), (1.7, ("at most", 1.6), False), (7.9, ("at least", 8.0), False), (9, None, None)],
)
def test_a_goal_is_about_the_ratio_where_there_is_one(ratio, goal, met):
    assert stages.Row(name="", unit="ms", value=100, ratio=ratio, goal=goal).met is met
