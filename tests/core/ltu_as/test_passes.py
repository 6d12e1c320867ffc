"""Fixed shapes, buffers used again and joined matrices change no number; on a CPU they run as the twin of graphs."""

import numpy as np
import pytest
import torch

from core.ltu_as import passes as module
from core.ltu_as.decode import Decoding
from core.ltu_as.graphs import Graphs
from core.ltu_as.passes import Buckets, GraphedPasses
from core.ltu_as.tiny import tiny_model

RATE = 16_000
SAID = [None, "I am so sad today, the rain will not stop.", "ok"]


@pytest.fixture(scope="module")
def sounds():
    random = np.random.default_rng(5)
    return [(random.normal(size=n) * 4000).astype(np.int16) for n in (RATE, 11 * RATE, 3 * RATE)]


@pytest.fixture(scope="module")
def exact():
    return tiny_model(lora=False)


@pytest.fixture(scope="module")
def fixed():
    model = tiny_model(lora=False)
    model.use_graphs(Buckets(batches=(1, 2, 4), lengths=(192, 384, 512), widths=(1, 16), rooms=(16, 64)))
    return model


def shapes_of(model):
    return model._graphs.shapes + model._graphed.graphs.shapes


def assert_same(mine, others):
    for one, other in zip(mine, others, strict=True):
        assert one.tokens.tolist() == other.tokens.tolist()
        np.testing.assert_allclose(one.logits, other.logits, rtol=0, atol=1e-4)
        np.testing.assert_allclose(one.log_normalizer, other.log_normalizer, rtol=0, atol=1e-4)
        for a, b in zip(one.answer_logprobs, other.answer_logprobs, strict=True):
            np.testing.assert_allclose(a, b, rtol=0, atol=1e-4)


@pytest.mark.parametrize("verified", [False, True])
@pytest.mark.parametrize("n_new", [1, 12, 40])
@pytest.mark.parametrize("rows", [1, 3])
def test_answers_in_fixed_shapes_are_those_in_exact_ones(exact, fixed, sounds, *, rows, n_new, verified):
    decoding = Decoding.greedy(max_new_tokens=n_new)
    asked = {"transcripts": SAID[:rows], "prompt": "ambiguous", "decoding": decoding}
    expected = exact.answer(exact.hear(sounds[:rows]), **asked)
    assert_same(expected, fixed.answer(fixed.hear(sounds[:rows]), **asked, verified=verified))


def test_what_fits_no_shape_is_read_in_its_own(exact, fixed, sounds):
    fixed.answer(fixed.hear(sounds[:1]), transcripts=[None])
    known = shapes_of(fixed)
    decoding = Decoding.greedy(max_new_tokens=3)
    said = ["so sad " * 200]
    expected = exact.answer(exact.hear(sounds[:1]), transcripts=said, decoding=decoding)
    assert_same(expected, fixed.answer(fixed.hear(sounds[:1]), transcripts=said, decoding=decoding))
    assert_same(
        exact.answer(exact.hear(sounds[:1] * 5), transcripts=SAID[:1] * 5, decoding=decoding),
        fixed.answer(fixed.hear(sounds[:1] * 5), transcripts=SAID[:1] * 5, decoding=decoding),
    )
    assert shapes_of(fixed) == known


def test_a_reading_does_not_depend_on_what_was_read_before_it(sounds):
    model = tiny_model(lora=False)
    model.use_graphs()
    decoding = Decoding.greedy(max_new_tokens=6)

    def answers(which, said):
        return model.answer(model.hear([sounds[n] for n in which]), transcripts=said, decoding=decoding)

    first = answers([0], [None])
    answers([1, 2], ["so sad " * 8, None])  # a larger cache: all graphs anew
    answers([2, 1], [None, "ok"])
    assert_same(first, answers([0], [None]))
    for one, other in zip(first, answers([0], [None]), strict=True):
        assert np.array_equal(one.logits, other.logits)


def test_numbers_that_are_not_finite_do_not_outlive_their_utterance(sounds):
    model = tiny_model(lora=False)
    model.use_graphs()
    decoding = Decoding.greedy(max_new_tokens=6)
    (expected,) = model.answer(model.hear(sounds[:1]), transcripts=[None], decoding=decoding)
    bias = model.audio_proj[1].bias
    was = bias.data.clone()
    bias.data.fill_(float("nan"))
    (broken,) = model.answer(model.hear(sounds[:1]), transcripts=["ok"], decoding=decoding)
    bias.data.copy_(was)
    assert not np.isfinite(broken.logits).any()
    (again,) = model.answer(model.hear(sounds[:1]), transcripts=[None], decoding=decoding)
    assert np.array_equal(again.logits, expected.logits)


def test_joined_matrices_hold_the_weights_once_and_under_their_names():
    model, plain = tiny_model(lora=False), tiny_model(lora=False)
    model.use_graphs()
    for name, tensor in plain.state_dict().items():
        assert torch.equal(model.state_dict()[name], tensor)
    attention = model.llama.model.layers[0].self_attn
    held = {p.weight.untyped_storage().data_ptr() for p in (attention.q_proj, attention.k_proj, attention.v_proj)}
    assert len(held) == 1


def test_graphs_serve_those_who_keep_no_gradients_as_well_as_those_who_infer(sounds):
    model = tiny_model(lora=False)
    expected = model.features(sounds[:1])
    model.use_graphs()
    model.hear(sounds[1:2])
    torch.testing.assert_close(model.features(sounds[:1]), expected)
    model.hear(sounds[1:2])


def test_adapters_that_are_not_merged_are_refused():
    with pytest.raises(ValueError, match="merged"):
        tiny_model(lora=True).use_graphs()


def test_a_result_is_overwritten_by_the_next_run_and_shapes_beyond_the_most_are_not_kept():
    graphs = Graphs(most=2)
    one = graphs.run("double", lambda x: 2 * x, torch.ones(2))
    assert one.tolist() == [2, 2]
    graphs.run("double", lambda x: 2 * x, torch.full((2,), 3.0))
    assert one.tolist() == [6, 6]
    graphs.run("double", lambda x: 2 * x, torch.ones(3))
    beyond = graphs.run("double", lambda x: 2 * x, torch.ones(4))
    graphs.run("double", lambda x: 2 * x, torch.zeros(4))
    assert beyond.tolist() == [2] * 4
    assert graphs.shapes == 2


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_rounds_where_transformers_does(dtype):
    llama = tiny_model(lora=False).llama.to(dtype)
    ours = GraphedPasses(llama)
    hidden = torch.randn(2, 5, 32, dtype=dtype)
    norm = llama.model.norm
    torch.testing.assert_close(ours._norm(norm, hidden), norm(hidden), rtol=0, atol=torch.finfo(dtype).eps * 4)
    assert module.additive(torch.tensor([[True, False]]), hidden).dtype == dtype


def test_every_shape_of_a_prompt_is_ready_after_a_warm_up(sounds):
    model = tiny_model(lora=False)
    model.use_graphs(Buckets(batches=(1, 2, 4), lengths=(256, 320, 384), widths=(1, 8), rooms=(16,)))
    decoding = Decoding.greedy(max_new_tokens=5)
    shapes = model.shapes_of("single", max_batch=2)
    assert [batch for batch, _ in shapes] == sorted((batch for batch, _ in shapes), reverse=True), "the largest first"
    for batch, said in shapes:
        model.answer(model.hear(sounds[:1] * batch), transcripts=[said] * batch, decoding=decoding)
    known = shapes_of(model)
    for said in [None, *("so sad " * n for n in (1, 5, 9, 14, 17))]:
        for batch in (1, 2):
            model.answer(model.hear(sounds[:batch]), transcripts=[said] * batch, decoding=decoding)
    assert shapes_of(model) == known
    assert tiny_model().shapes_of("single", max_batch=8) == [(1, None)]
