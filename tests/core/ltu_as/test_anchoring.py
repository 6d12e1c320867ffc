"""Readings with an anchor: what a stream sounds like when it is neutral is taken off before TLTR."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from core.anchor import Anchor, Heard
from core.distribution import EmotionDistribution, js_divergence
from core.ltu_as.config import LTUASConfig
from core.ltu_as.model import LTUAS
from core.ltu_as.reader import LTUASReader
from core.ltu_as.readout import readout
from core.ltu_as.tiny import save_tiny, tiny_config

RNG = np.random.default_rng(3)
SOUNDS = [RNG.integers(-3000, 3000, n).astype(np.int16) for n in (16_000, 24_000, 40_000)]
NEUTRAL = EmotionDistribution(anger=0.0, happiness=0.0, sadness=0.0, neutral=1.0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("anchored")
    save_tiny(folder, anchored=True)
    return folder


@pytest.fixture(scope="module")
def reader(folder) -> LTUASReader:
    return LTUASReader(folder, encoder_dtype="float32")


def heard_all(reader: LTUASReader, sounds: list) -> Anchor:
    anchor = Anchor()
    for reading in reader.read(sounds, anchors=[Anchor()] * len(sounds)):
        anchor = anchor.push(reading.heard, NEUTRAL, at_s=0.0)
    return anchor


def test_a_stream_of_which_nothing_was_heard_is_read_as_it_is(reader):
    without = reader.read(SOUNDS)
    with_nothing = reader.read(SOUNDS, anchors=[Anchor()] * len(SOUNDS))
    assert [one.distribution for one in with_nothing] == [one.distribution for one in without]
    assert {one.adaptation for one in without} == {None}
    assert [one.heard for one in without] == [None] * len(SOUNDS)
    assert {(one.adaptation.utterances, one.adaptation.weight) for one in with_nothing} == {(0, 0.0)}


def test_what_is_taken_off_is_the_anchors_distance_from_the_training_speech_by_its_weight(folder, reader):
    anchor = heard_all(reader, SOUNDS)
    (reading,) = reader.read(SOUNDS[:1], anchors=[anchor])
    model = LTUAS.from_pretrained(folder)
    heard = model.hear(SOUNDS[:1])
    weight = len(SOUNDS) / (len(SOUNDS) + model.config.anchor.pseudo_utterances)
    shift = weight * (torch.from_numpy(anchor.mean).view_as(heard.means[0]) - model.audio_encoder.input_mean[:, 0])
    (steps,) = model.answer(
        replace(heard, features=heard.features - shift[None, :, None]), transcripts=[None], prompt="single"
    )
    assert list(reading.distribution) == pytest.approx(list(readout(steps, kind="seq_logprob")), abs=1e-5)
    assert (reading.adaptation.utterances, reading.adaptation.weight) == (len(SOUNDS), pytest.approx(weight))
    assert js_divergence(reading.distribution, reader.read(SOUNDS[:1])[0].distribution) > 1e-6


def test_each_sound_of_a_batch_is_read_with_its_own_anchor(reader):
    anchor = heard_all(reader, SOUNDS[:2])
    anchors = [None, anchor, Anchor()]
    together = reader.read(SOUNDS, anchors=anchors)
    for sound, known, reading in zip(SOUNDS, anchors, together, strict=True):
        (alone,) = reader.read([sound], anchors=[known])
        assert list(reading.distribution) == pytest.approx(list(alone.distribution), abs=1e-4)
        assert reading.adaptation == alone.adaptation


def test_an_anchor_of_another_encoder_is_none(reader):
    foreign = Anchor().push(Heard("another", np.full(7, 5.0, np.float32)), NEUTRAL, at_s=0.0)
    (reading,) = reader.read(SOUNDS[:1], anchors=[foreign])
    assert (reading.adaptation.utterances, reading.adaptation.weight) == (0, 0.0)
    assert reading.distribution == reader.read(SOUNDS[:1])[0].distribution


def test_rounding_the_encoder_does_not_make_it_another(folder, reader):
    rounded = LTUASReader(folder, encoder_dtype="bfloat16")
    (reading,) = rounded.read(SOUNDS[:1], anchors=[heard_all(reader, SOUNDS)])
    assert reading.adaptation.utterances == len(SOUNDS)


def test_adaptation_can_be_turned_off_and_other_models_have_none(folder, tmp_path):
    save_tiny(tmp_path)
    for deaf in (LTUASReader(folder, adapt=False), LTUASReader(tmp_path)):
        (reading,) = deaf.read(SOUNDS[:1], anchors=[Anchor()])
        assert (reading.heard, reading.adaptation) == (None, None)


def test_an_anchor_without_moments_of_the_training_speech_is_no_model():
    with pytest.raises(ValueError, match=r"anchor needs tltr\.standardise"):
        replace(tiny_config(300), anchor=tiny_config(300, anchored=True).anchor)


def test_the_field_of_the_configuration_is_kept(folder):
    assert LTUASConfig.from_json(folder / "config.json").anchor == tiny_config(300, anchored=True).anchor
