"""Utterances of real speech: what people marked, acted sentences, a reading."""

import csv

import numpy as np
import pytest
import soundfile
import soxr

from core.model import SAMPLE_RATE_HZ
from core.settings import SegmenterSettings, VadSettings
from core.sound.speech_segmenter import SpeechSegmenter
from core.sound.utterance import Utterance
from tests.core.sound.stretches import at, check_counts, finals


def read(path) -> np.ndarray:
    samples, rate = soundfile.read(path, dtype="float32")
    if rate != SAMPLE_RATE_HZ:
        samples = soxr.resample(samples, rate, SAMPLE_RATE_HZ)
    return np.clip(np.round(samples * 32768), -32768, 32767).astype(np.int16)


def hear(samples: np.ndarray) -> list[Utterance]:
    segmenter = SpeechSegmenter(SegmenterSettings(), VadSettings())
    outputs = [*segmenter.push(samples), *segmenter.flush()]
    check_counts(segmenter, len(samples))
    return finals(outputs)


@pytest.mark.shared
def test_utterances_cover_the_speech_that_people_marked_and_hold_some(shared):
    folder = shared / "data" / "vad"
    marks: dict[str, list[tuple[int, int]]] = {}
    with (folder / "segments.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            if row["label"] == "speech" and row["clip_id"].startswith("tenvad"):
                marks.setdefault(row["clip_id"], []).append((at(float(row["start_s"])), at(float(row["end_s"]))))
    assert len(marks) == 30
    speech = found = 0
    for clip, spans in marks.items():
        marked = np.zeros(at(60), bool)
        for start, end in spans:
            marked[start:end] = True
        covered = np.zeros(at(60), bool)
        for utterance in hear(read(folder / f"{clip}.flac")):
            assert marked[utterance.start : utterance.end].any()
            covered[utterance.start : utterance.end] = True
        speech += int(marked.sum())
        found += int((marked & covered).sum())
    assert found / speech > 0.98


@pytest.mark.shared
@pytest.mark.parametrize("corpus", ["ravdess", "nemo"])
def test_acted_sentences_are_found_even_at_minus_forty_decibel(shared, corpus):
    with (shared / "data" / "manifest.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["dataset"] == corpus][::30]
    with_one = [len(hear(read(shared / "data" / row["path"]))) >= 1 for row in rows]
    assert len(rows) >= 40
    assert np.mean(with_one) > 0.97


@pytest.mark.shared
def test_a_reading_becomes_sentences_that_fit_the_model(shared):
    utterances = hear(read(shared / "sample" / "two_cities.flac"))
    assert 5 <= len(utterances) <= 12
    assert sum(u.end_s - u.start_s for u in utterances) > 38
    assert max(u.end_s - u.start_s for u in utterances) <= 10
