"""Every measurement runs with a model that costs nothing and finds nothing amiss; how fast that was does not matter."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import EmotionMonitorError, UsageError
from core.ltu_as.config import AudioConfig
from core.ltu_as.tiny import save_tiny
from core.settings import ModelSettings, Settings
from core.wire.health import StreamHealth
from monitor.bench import original, roofline, streams, throughput, vad
from monitor.bench.stages import LENGTHS_S
from tests import sample_events
from tests.program import run

FAKE = replace(Settings(), model=ModelSettings(name="fake"))


def test_the_segmenter_stands_beside_its_detector():
    outcome = vad.measure(Settings(), repeat=1)
    assert not outcome.faults
    assert set(outcome.ratios) == {"vad_10ms", "vad_20ms", "vad_30ms"}
    for row in outcome.measured.rows:
        assert row.segmenter_us > row.detector_us * 0.5
        assert row.ratio > 0


def test_streams_are_all_read_and_add_up():
    outcome = streams.measure(FAKE, streams=[2], sound_s=3.5, deadline_ms=1e6)
    assert not outcome.faults
    (row,) = outcome.measured.rows
    assert row.utterances >= 2
    assert row.dropped == {}
    assert row.in_time


def test_utterances_that_are_dropped_are_a_fault():
    last = StreamHealth(
        stream="s", source="speech:0", state="ended", segments=2, published=1, segments_dropped={"overload": 1}
    )
    health = replace(sample_events.health(), streams=(last,))
    heard = streams.Heard(readings=[sample_events.utterance(1)], health_events=[health])
    assert streams.faults(heard, 2) == ["2 streams: 1 utterances were dropped"]


def test_batches_are_compared_with_utterances_read_alone():
    outcome = throughput.measure(FAKE, batches=[3], length_s=0.5, repeat=2)
    assert not outcome.faults
    assert [row.batch for row in outcome.measured.rows] == [1, 3]
    assert [row.drift for row in outcome.measured.rows] == [0, 0]
    assert list(outcome.ratios) == ["batch_3"]


def test_stages_stand_beside_what_the_machine_could_do(tmp_path):
    save_tiny(tmp_path, audio=AudioConfig(pool=10, window="utterance", level=1.5))
    tiny = replace(Settings(), model=ModelSettings(name=str(tmp_path), device="cpu"))
    outcome = roofline.measure(tiny, repeat=1)
    assert not outcome.faults
    assert [(stage.stage, stage.length_s) for stage in outcome.measured.stages] == [
        (name, length_s) for length_s in LENGTHS_S for name in ("features", "answer")
    ]
    for stage in outcome.measured.stages:
        assert min(stage.gflop, stage.limit_ms, stage.took_ms, stage.weights_mb) > 0


def test_a_model_without_stages_is_told_in_one_line():
    with pytest.raises(EmotionMonitorError, match="fake has no stages"):
        roofline.measure(FAKE, repeat=1)


@pytest.mark.slow
def test_the_real_program_is_timed_to_a_subscriber_and_readings_begun_early_are_the_same():
    done = run("bench", "end-to-end", "--seconds", "2", "--model", "fake", "--json", "--check")
    found = json.loads(done.out)
    assert found["failed"] == []
    assert done.code == 0
    late, early = found["measured"]["rows"]
    assert late["utterances"] == early["utterances"] > 0
    assert late["early"] == 0
    assert min(row["wait_ms"]["p50"] for row in (late, early)) > 0
    assert found["model"]["name"] == "fake"


STAND_IN = """
import time
import gradio as gr
text_cache = {"left": "over"}
print("loading")

def predict(path, question):
    assert not text_cache
    text_cache[path] = question
    print("audio path, ", path)
    time.sleep(0.02)
    return "The speaker sounds Angry." if "only one" in question else "anger: 70%, neutral: 30%"

demo = gr.Interface(fn=predict, inputs=[gr.Audio(type="filepath"), gr.Textbox(value="?")], outputs=[])
demo.launch(debug=False, share=True)
"""


def stand_in(folder: Path, program: str = STAND_IN) -> Path:
    """A checkout in which the authors' program is a few lines."""
    path = folder / "src" / "ltu_as" / "inference_gradio.py"
    path.parent.mkdir(parents=True)
    path.write_text(program)
    return folder


def compare(checkout: Path | None, python: str = sys.executable):
    return original.measure(FAKE, checkout=checkout, python=python, repeat=2, length_s=1.0)


def test_a_checkout_is_run_as_it_is_and_opens_no_page(tmp_path):
    outcome = compare(stand_in(tmp_path))
    assert [row.prompt for row in outcome.measured.rows] == ["single", "ambiguous"]
    for row in outcome.measured.rows:
        assert row.sounds == 2
        assert 0 <= row.same <= 2
        assert min(row.ratio, row.ours_ms.p95) > 0
    assert set(outcome.ratios) == {"single", "ambiguous", "same_single", "same_ambiguous"}


def test_without_a_checkout_it_is_said_where_to_get_one(tmp_path):
    done = run("bench", "compare-original")
    assert done.code == 2
    assert len(done.err.splitlines()) == 1
    assert "compare-original needs the authors' program" in done.err
    assert "--checkout" in done.err
    with pytest.raises(UsageError, match="no checkout of the authors' repository"):
        compare(tmp_path)


def test_a_program_of_theirs_that_fails_is_told_with_its_last_words(tmp_path):
    checkout = stand_in(tmp_path, "raise RuntimeError('no GPU is at hand')")
    with pytest.raises(EmotionMonitorError, match="the authors' program failed: RuntimeError: no GPU is at hand"):
        compare(checkout)


def test_an_interpreter_that_is_none_is_told(tmp_path):
    with pytest.raises(UsageError, match="cannot be started"):
        compare(stand_in(tmp_path), python=str(tmp_path / "python"))
