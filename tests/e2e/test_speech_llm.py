"""Somebody else's speech LLM from a folder: live as another process, and offline through the same read-outs."""

import math

import jsonschema
import pytest

import core
from core.ltu_as.readout import readout
from core.wire.json_schema import json_schemas
from offline_eval.runs.outputs import read_views
from tests.offline_eval.rated_tones import carried_out, rated_tones, views
from tests.program import SAMPLE, run
from tests.tiny_speech_llms import SAVERS

LIKELY = ("qwen2_audio", "qwen2_5_omni", "audioflamingo3", "voxtral")


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    made = {model_type: tmp_path_factory.mktemp(model_type) for model_type in LIKELY}
    for model_type, folder in made.items():
        SAVERS[model_type](folder)
    return made


@pytest.mark.parametrize("model_type", LIKELY)
def test_it_listens_live_and_gives_the_readings_of_the_python_interface(folders, model_type):
    folder = folders[model_type]
    done = run(
        "run", "--source", f"file:{SAMPLE}", "--headless", "--sink", "jsonl", "--mqtt", "off", "--speed", "max",
        "--model", str(folder), "--device", "cpu",
    )  # fmt: skip
    assert done.code == 0, done.err
    assert len(done.err.splitlines()) == 3, "nothing that transformers has to say"
    heard = list(core.open_model(folder, device="cpu").listen(SAMPLE))
    assert len(done.events) == len(heard) >= 5
    for event, utterance in zip(done.events, heard, strict=True):
        jsonschema.validate(event, json_schemas()[event["schema"]])
        assert event["model"]["name"] == folder.name
        assert event["model"]["sha256"] == utterance.reading.model.sha256
        assert list(event["distribution"].values()) == pytest.approx(list(utterance.reading.distribution), abs=1e-5)


@pytest.mark.parametrize("model_type", LIKELY)
def test_a_run_asks_it_and_scores_every_view(folders, tmp_path, model_type):
    rated = rated_tones(tmp_path, 6)
    folder = carried_out(rated, tmp_path / "run", weights=folders[model_type], max_new_tokens=3, batch=4)
    record = folder.record
    assert record.model["name"] == folders[model_type].name
    assert (record.model["device"], record.model["dtype"], record.model["transcribes"]) == ("cpu", "float32", False)
    for question in record.questions:
        for answer in folder.answers(question):
            if answer.steps is None:
                assert answer.reason == "too short"
                continue
            assert (answer.steps.feature_mean is None) == (question.input == "transcript")
            assert math.isclose(sum(readout(answer.steps, kind="seq_logprob")), 1, abs_tol=1e-9)
    read = read_views(folder, record.views)
    assert len(read) == len(views())


def test_a_finished_run_of_a_model_with_an_adapter_needs_it_no_more(tmp_path, monkeypatch):
    weights = tmp_path / "granite"
    weights.mkdir()
    SAVERS["granite_speech"](weights)
    rated = rated_tones(tmp_path, 3)
    kept = {"weights": weights, "max_new_tokens": 1, "views": views(inputs=["audio"], prompts=["single"])}
    carried_out(rated, tmp_path / "run", **kept)
    monkeypatch.setattr("offline_eval.runs.asking.Respondent.__init__", None)
    again = carried_out(rated, tmp_path / "run", **kept)
    assert not any(again.missing(question) for question in again.record.questions)
