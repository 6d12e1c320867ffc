"""Weights of 8 and 4 bits: readings stay near, events name them, and what is missing is said in one line."""

import sys

import numpy as np
import pytest
import torch
from torch import nn

from core.distribution import js_divergence
from core.errors import ModelError, UsageError
from core.ltu_as.calibration import Calibration, Entry, LogProbabilities
from core.ltu_as.checkpoint import folder_sha256
from core.ltu_as.decode import Decoding
from core.ltu_as.passes import Buckets
from core.ltu_as.quantization import GROUP, held_bytes, quantize
from core.ltu_as.reader import LTUASReader
from core.ltu_as.tiny import save_tiny, tiny_model

RATE = 16_000
SOUNDS = [(np.random.default_rng(seed).normal(size=n) * 3000).astype(np.int16) for seed, n in enumerate((RATE, 30_000))]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """With adapters, and calibrated for the stored weights."""
    folder = tmp_path_factory.mktemp("tiny")
    save_tiny(folder)
    prior = LogProbabilities(anger=-0.2, happiness=-3, sadness=-3, neutral=-3)
    entry = Entry(prompt="single", readout="seq_logprob", temperature=2, prior=prior, prior_strength=0.5)
    calibration = Calibration(model_sha256=folder_sha256(folder), fitted_on="nothing", entries=(entry,), neutral_odds=3)
    calibration.to_json(folder / "calibration.json")
    return folder


@pytest.fixture(scope="module")
def quantized(torchao, folder):  # noqa: ARG001
    """Readers by the bits of their weights."""
    return {kind: LTUASReader(folder, quantize=kind) for kind in ("int8", "int4")}


def test_readings_stay_near_those_of_the_stored_weights_and_fewer_bits_move_them_further(quantized, folder):
    stored = LTUASReader(folder, calibrate=False)
    moved = {
        kind: max(
            js_divergence(one.distribution, other.distribution)
            for one, other in zip(stored.read(SOUNDS), reader.read(SOUNDS), strict=True)
        )
        for kind, reader in quantized.items()
    }
    assert 0 < moved["int8"] < 1e-3
    assert moved["int8"] < moved["int4"] < 0.2


def test_the_layers_take_less_memory_and_the_head_is_left_alone(quantized, folder):
    stored = LTUASReader(folder).model.llama
    int8, int4 = (quantized[kind].model.llama for kind in ("int8", "int4"))
    assert held_bytes(stored.model.layers) > 2 * held_bytes(int8.model.layers) > 2 * held_bytes(int4.model.layers)
    assert torch.equal(int4.lm_head.weight, stored.lm_head.weight)


@pytest.mark.parametrize("kind", ["int8", "int4"])
def test_events_name_the_weights_and_a_calibration_for_others_corrects_nothing(quantized, folder, kind):
    assert LTUASReader(folder).stamp.calibration is not None
    assert quantized[kind].stamp.readout == f"seq_logprob/{kind}"
    assert quantized[kind].stamp.calibration is None
    plain = LTUASReader(folder, quantize=kind, calibrate=False)
    assert quantized[kind].stamp == plain.stamp
    assert quantized[kind].read(SOUNDS[:1])[0].distribution == plain.read(SOUNDS[:1])[0].distribution


@pytest.mark.parametrize("kind", ["int8", "int4"])
def test_fixed_shapes_read_quantised_weights_as_exact_ones_do(torchao, kind):  # noqa: ARG001
    model = tiny_model(lora=False)
    model.quantize(kind, "cpu")
    asked = {"transcripts": [None, "so sad"], "decoding": Decoding.greedy(max_new_tokens=5)}
    exact = model.answer(model.hear(SOUNDS), **asked)
    model.use_graphs(Buckets(batches=(2,), lengths=(192,), widths=(1, 8), rooms=(16,)))
    for one, other in zip(exact, model.answer(model.hear(SOUNDS), **asked), strict=True):
        assert one.tokens.tolist() == other.tokens.tolist()
        np.testing.assert_allclose(one.logits, other.logits, rtol=0, atol=1e-3)


def test_int8_in_half_precision_does_not_overflow_where_the_stored_weights_do_not(torchao):  # noqa: ARG001
    random = torch.Generator().manual_seed(0)
    layers = nn.Sequential(nn.Linear(4 * GROUP, 64, bias=False)).half()
    heard = (1000 * torch.randn(3, 4 * GROUP, generator=random)).half()
    with torch.inference_mode():
        expected = layers(heard).float()
        quantize(layers, "int8", "cpu")
        assert torch.linalg.norm(layers(heard).float() - expected) < 0.02 * torch.linalg.norm(expected)


def test_adapters_are_merged_first(torchao):  # noqa: ARG001
    with pytest.raises(ValueError, match="merged"):
        tiny_model().quantize("int8", "cpu")


def test_matrices_without_whole_groups_are_refused(torchao):  # noqa: ARG001
    with pytest.raises(ModelError, match="has 40 inputs"):
        quantize(nn.Sequential(nn.Linear(40, 8)), "int4", "cpu")


def test_without_torchao_the_error_says_what_to_install(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "torchao", None)  # as if it were not there
    with pytest.raises(UsageError) as caught:
        LTUASReader(folder, quantize="int8")
    assert caught.value.one_line() == (
        "model.quantize = int8 needs torchao, which is not installed "
        "(pip install 'emotion-monitor[quantized]', or pip install 'torchao==0.18.*')"
    )
