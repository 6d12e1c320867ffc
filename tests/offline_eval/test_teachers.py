"""Teachers learn from labels what carries over; the model takes it over from them."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from core.errors import UsageError
from core.ltu_as.config import AudioConfig, LlamaConfig, LTUASConfig, TLTRConfig, WhisperConfig
from core.ltu_as.model import LTUAS
from core.ltu_as.tokenizer import Tokenizer
from offline_eval.training.feature_cache import Features
from offline_eval.training.material import Draw, mixed
from offline_eval.training.network import fit_scales, take_over
from offline_eval.training.recipe import Recipe
from offline_eval.training.teachers import Teachers
from offline_eval.training.vocabulary import train_vocabulary

RECIPE = Recipe(teachers=4, learning_rate=3e-3, weight_decay=0.1, feature_dropout=0.2, mixing=0.4, bfloat16=False)
LAYERS, DIM, CLIPS = 3, 8, 80
RNG = np.random.default_rng(0)
LABELS = RNG.integers(4, size=CLIPS)
CENTRES = RNG.normal(size=(4, LAYERS, DIM)) * 2


def features(labels) -> np.ndarray:
    """[clips, layers, 1, dim]: a place for each label, and noise; some channels a hundred times louder."""
    loud = np.where(np.arange(DIM) % 4 == 0, 100.0, 1.0)
    values = (CENTRES[labels] + RNG.normal(size=(len(labels), LAYERS, DIM))) * loud
    return values[:, :, None].astype(np.float32)


HEARD = features(LABELS)


@pytest.fixture(scope="module")
def model() -> LTUAS:
    tokenizer = Tokenizer(train_vocabulary(600))
    config = LTUASConfig(
        name="m",
        whisper=WhisperConfig(d_model=DIM, layers=LAYERS, heads=1, ffn=16, positions=500),
        audio=AudioConfig(pool=500, window="utterance"),
        tltr=TLTRConfig(layer_heads=1, standardise=True, join="concat", activation="gelu"),
        llama=LlamaConfig(
            vocab_size=tokenizer.vocab_size,
            hidden_size=32,
            intermediate_size=32,
            num_hidden_layers=1,
            num_attention_heads=2,
        ),
    )
    torch.manual_seed(0)
    made = LTUAS(config, tokenizer)
    fit_scales(made, torch.from_numpy(HEARD))
    return made


@pytest.fixture(scope="module")
def teachers(model) -> Teachers:
    torch.manual_seed(0)
    made = Teachers(model.audio_encoder, 32, RECIPE)
    sounds = Features.of([clip.transpose(1, 0, 2).astype(np.float16) for clip in HEARD])
    draw = Draw([sounds], np.full(CLIPS, 1 / CLIPS), 16, np.random.default_rng(0))
    made.learn(
        draw, targets=np.eye(4)[LABELS], recipe=RECIPE, steps=150, rng=np.random.default_rng(0), track=lambda s, _: s
    )
    return made


def test_teachers_tell_new_clips_apart(teachers):
    labels = RNG.integers(4, size=200)
    read = teachers.readings(torch.from_numpy(features(labels)))
    assert read.shape == (200, 4)
    assert np.allclose(read.sum(1), 1)
    assert (read.argmax(1) == labels).mean() > 0.9


def test_what_they_listen_for_becomes_the_projection(model, teachers):
    take_over(model, teachers)
    heard = torch.from_numpy(HEARD)
    standard = (heard - model.audio_encoder.input_mean) / model.audio_encoder.input_std
    with torch.no_grad():
        tokens = model.audio_embeddings(heard)[:, 0]
        hidden = torch.cat([member[:3](standard.mean(2).flatten(1)) for member in teachers.members], dim=1)
    assert torch.allclose(tokens, hidden, atol=1e-4)


def test_before_anything_is_learned_tltr_only_standardises_and_joins(model):
    heard = torch.from_numpy(HEARD)
    standard = (heard - model.audio_encoder.input_mean) / model.audio_encoder.input_std
    with torch.no_grad():
        assert torch.allclose(model.tltr(heard)[:, 0], standard[:, :, 0].flatten(1), atol=1e-5)


def test_a_width_that_teachers_cannot_share_is_refused(model):
    with pytest.raises(UsageError, match="3 teachers cannot share a width of 32"):
        Teachers(model.audio_encoder, 32, replace(RECIPE, teachers=3))


def test_of_two_mixed_clips_the_louder_one_leads_and_targets_are_mixed_alike():
    clips, targets = torch.eye(4)[:, None, None], np.eye(4)
    blend, wanted = mixed(clips, targets, 0.8, np.random.default_rng(1))
    assert np.allclose(blend[:, 0, 0].numpy(), wanted, atol=1e-6)
    assert (wanted.argmax(1) == np.arange(4)).all()
    assert np.allclose(wanted.sum(1), 1)
    unmixed, same = mixed(clips, targets, 0.0, np.random.default_rng(1))
    assert unmixed is clips
    assert same is targets
