"""A model as a user's program opens it: anywhere, and with the numbers of the live program."""

import gc
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import soundfile

import core
from core.errors import AudioError, EmotionMonitorError, UsageError
from core.settings import ModelSettings, Settings
from core.sound.audio import read_audio
from tests.program import SAMPLE, run

RATE_HZ = 16_000


@pytest.fixture(scope="module")
def fake():
    return core.open_model("fake")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    from core.ltu_as.tiny import save_tiny

    folder = tmp_path_factory.mktemp("tiny")
    save_tiny(folder, anchored=True)
    return folder


def speech(seconds=2.0, rate_hz=RATE_HZ):
    """A buzz that counts as speech, float64 in -1..1."""
    t = np.arange(round(seconds * rate_hz)) / rate_hz
    return 0.1 * sum(np.sin(2 * np.pi * 140 * n * t) / n for n in range(1, 20)) * (1.2 + np.sin(2 * np.pi * 4 * t)) / 2


def test_importing_core_costs_neither_torch_nor_numpy():
    code = "import sys, core; core.open_model.__name__ if len(sys.argv) > 1 else 0; print(*sys.modules)"
    imported = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "transformers", "numpy", "pydantic"} & set(imported)
    named = subprocess.run([sys.executable, "-c", code, "1"], capture_output=True, text=True, check=True).stdout
    assert "torch" not in named.split()


def test_a_name_that_core_does_not_have_is_said_as_python_says_it():
    with pytest.raises(AttributeError, match="module 'core' has no attribute 'open_models'"):
        core.open_models  # noqa: B018


def test_the_shipped_model_is_found_by_its_name_from_any_folder(tmp_path, monkeypatch):
    from core.ltu_as import LTUAS

    monkeypatch.chdir(tmp_path)
    assert LTUAS.from_pretrained("ltu-as-mini").config.name == "ltu-as-mini"
    with pytest.raises(UsageError, match="ltu-as-mimi: no such model"):
        LTUAS.from_pretrained("ltu-as-mimi")


def test_the_program_s_own_settings_are_the_defaults(tiny):
    reading = core.open_model(tiny).read(read_audio(SAMPLE)[: 4 * RATE_HZ])
    assert reading.adaptation is not None
    assert (reading.adaptation.utterances, reading.adaptation.weight) == (0, 0.0)
    alone = Settings(model=ModelSettings(adapt=False))
    assert core.open_model(tiny, settings=alone).read(read_audio(SAMPLE)[: 4 * RATE_HZ]).adaptation is None


@pytest.mark.slow
def test_a_recording_is_heard_as_the_live_program_hears_it():
    """The shipped model, calibrated, abstaining and getting to know the voice."""
    played = run(
        "run", "--source", f"file:{SAMPLE}", "--speed", "max", "--headless", "--sink", "jsonl", "--mqtt", "off"
    )
    model = core.open_model("ltu-as-mini")
    heard = list(model.listen(SAMPLE))
    assert [(one.start_s, one.end_s) for one in heard] == [(one["start_s"], one["end_s"]) for one in played.events]
    for one, event in zip(heard, played.events, strict=True):
        assert one.reading.distribution.as_dict() == pytest.approx(event["distribution"], abs=1e-6)
        assert one.reading.adaptation.utterances == event["adaptation"]["utterances"]
        assert one.reading.model.calibration == event["model"]["calibration"] is not None
    first = heard[0]
    alone = model.read(read_audio(SAMPLE)[round(first.start_s * RATE_HZ) : round(first.end_s * RATE_HZ)])
    assert alone.distribution == first.reading.distribution
    silence = model.read(np.zeros(3 * RATE_HZ, np.int16))
    assert (silence.distribution, silence.reason) == (None, "too quiet")


def test_several_utterances_are_read_each_by_itself(tiny):
    model = core.open_model(tiny)
    first, second = speech(2), speech(3)[::-1].copy()
    assert [one.distribution for one in model.read([first, second])] == [
        model.read(first).distribution,
        model.read(second).distribution,
    ]
    assert model.read([]) == []


def test_samples_and_a_file_of_them_are_the_same_recording(fake, tmp_path):
    sound = np.concatenate([np.zeros(RATE_HZ), speech(), np.zeros(RATE_HZ), speech(3), np.zeros(RATE_HZ)])
    whole = (sound * 32767).astype(np.int16)
    soundfile.write(tmp_path / "a.wav", whole, RATE_HZ)
    from_file, from_samples = list(fake.listen(tmp_path / "a.wav")), list(fake.listen(whole))
    assert len(from_file) == 2
    assert [replace(one.reading, llm_ms=0) for one in from_file] == [
        replace(one.reading, llm_ms=0) for one in from_samples
    ]


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 44_100])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int16])
def test_sound_of_any_rate_and_kind_becomes_what_a_file_of_it_would(fake, tmp_path, rate_hz, dtype):
    sound = speech(rate_hz=rate_hz)
    values = (sound * 32768).round().astype(np.int16) if dtype == np.int16 else sound.astype(dtype)
    soundfile.write(tmp_path / "a.wav", values, rate_hz, subtype="PCM_16" if dtype == np.int16 else "FLOAT")
    assert fake.read(values, rate_hz).distribution == fake.read(read_audio(tmp_path / "a.wav")).distribution


@pytest.mark.parametrize(
    "sound",
    [
        np.zeros((2, 16_000), np.int16),
        np.zeros(16_000, np.int32),
        np.full(16_000, 3000.0),
        np.full(16_000, np.nan, np.float32),
    ],
)
def test_what_is_no_sound_of_one_channel_is_refused_rather_than_read(fake, sound):
    with pytest.raises(AudioError):
        fake.read(sound)


def test_a_transcript_is_told_only_if_it_was_asked_for(fake):
    assert fake.read(speech()).transcript is None
    told = core.open_model("fake", settings=Settings(model=ModelSettings(transcript=True))).read(speech())
    assert told.transcript == f"{2 * RATE_HZ} samples"


def test_a_model_that_does_not_exist_is_one_line():
    with pytest.raises(EmotionMonitorError) as caught:
        core.open_model("ltu-as-maxi")
    assert caught.value.one_line().startswith("ltu-as-maxi: no such model, and no such folder (use ltu-as-mini")


def test_opening_a_model_leaves_the_users_process_as_it_was(tiny):
    before, frozen = (gc.isenabled(), dict(os.environ)), gc.get_freeze_count()
    core.open_model(tiny)
    assert (gc.isenabled(), dict(os.environ)) == before
    assert gc.get_freeze_count() <= frozen, "what other tests have frozen may go meanwhile"
