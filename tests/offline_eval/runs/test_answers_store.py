from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from core.errors import UsageError
from core.ltu_as.steps import StepLogits
from core.ltu_as.tiny import tiny_tokenizer
from core.ltu_as.verbalizer import Verbalizer
from offline_eval.runs.answers_store import Answer, Configuration, block_path, holds, read_block, write_block

VERBALIZER = Verbalizer.from_tokenizer(tiny_tokenizer())
CONFIGURATION = Configuration(
    prompt="single",
    question="?",
    input="audio",
    model={"sha256": "0"},
    verbalizer=VERBALIZER.as_dict(),
    decoding={"max_new_tokens": 3, "temperature": 0.1},
    batch=8,
    items_sha256="1",
)
PIECES = len(VERBALIZER.piece_ids)


def floats(*shape: int):
    return arrays(np.float32, shape, elements=st.floats(width=32))


@st.composite
def steps(draw: st.DrawFn) -> StepLogits:
    n = draw(st.integers(1, 3))
    tokens = draw(st.sampled_from([n, 0])) if n == 1 else n
    lengths = [len(ids) for ids in VERBALIZER.answers("single").values()]
    return StepLogits(
        piece_ids=np.array(VERBALIZER.piece_ids),
        logits=draw(floats(n, PIECES)),
        log_normalizer=draw(floats(n)),
        minimum=draw(floats(n)),
        tokens=np.arange(tokens, dtype=np.int64),
        token_pieces=tuple(draw(st.lists(st.text(), min_size=tokens, max_size=tokens))),
        text=draw(st.text()),
        answer_logprobs=tuple(draw(floats(length)) for length in lengths) if draw(st.booleans()) else (),
        prompt="single",
        verbalizer=VERBALIZER,
        feature_mean=draw(st.none() | floats(5)),
        decoding=dict(CONFIGURATION.decoding),
        transcript=draw(st.none() | st.text()),
        truncated_s=draw(st.floats(0, 1e3)),
    )


@given(st.lists(st.one_of(steps(), st.just("too short")), min_size=1, max_size=5))
def test_what_is_written_comes_back_bit_by_bit(tmp_path_factory, contents):
    path = block_path(tmp_path_factory.mktemp("answers"), 3)
    answers = [
        Answer(f"u{n}", None, one) if isinstance(one, str) else Answer(f"u{n}", one) for n, one in enumerate(contents)
    ]
    write_block(path, CONFIGURATION, answers)
    for written, read in zip(answers, read_block(path), strict=True):
        assert (written.utterance_id, written.reason) == (read.utterance_id, read.reason)
        if written.steps is None or read.steps is None:
            assert written.steps is read.steps is None
            continue
        ours, theirs = written.steps.to_record(), read.steps.to_record()
        assert ours.keys() == theirs.keys()
        assert all((ours[k].dtype, ours[k].tobytes()) == (theirs[k].dtype, theirs[k].tobytes()) for k in ours)
        assert [a.dtype for a in read.steps.answer_logprobs] == [a.dtype for a in written.steps.answer_logprobs]


def test_the_same_answers_are_the_same_bytes_however_long_they_took(tmp_path: Path):
    one = some_steps()
    for name, made in (("a", one), ("b", replace(one, features_ms=3.0, llm_ms=4.0))):
        write_block(tmp_path / name, CONFIGURATION, [Answer("u", made)])
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize("other", [{"batch": 4}, {"input": "silence"}, {"items_sha256": "2"}, {"model": {}}])
def test_a_file_is_only_that_of_its_own_configuration(tmp_path: Path, other):
    path = block_path(tmp_path, 0)
    assert not holds(path, CONFIGURATION)
    write_block(path, CONFIGURATION, [Answer("u", None, "too short")])
    assert holds(path, CONFIGURATION)
    assert not holds(path, replace(CONFIGURATION, **other))


def test_a_torn_file_is_none(tmp_path: Path):
    path = block_path(tmp_path, 0)
    write_block(path, CONFIGURATION, [Answer("u", some_steps())])
    path.write_bytes(path.read_bytes()[:-100])
    assert not holds(path, CONFIGURATION)
    with pytest.raises(UsageError, match="not readable"):
        list(read_block(path))


def test_what_a_killed_writer_left_is_gone_once_the_block_is_written(tmp_path: Path):
    path = block_path(tmp_path, 0)
    path.with_name(f"{path.name}.12345.partial").write_bytes(b"half of it")
    write_block(path, CONFIGURATION, [Answer("u", None, "too short")])
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def some_steps() -> StepLogits:
    rng = np.random.default_rng(0)
    return StepLogits(
        piece_ids=np.array(VERBALIZER.piece_ids),
        logits=rng.standard_normal((2, PIECES)).astype(np.float32),
        log_normalizer=np.zeros(2, np.float32),
        minimum=np.zeros(2, np.float32),
        tokens=np.arange(2),
        token_pieces=("▁A", "n"),
        text="An",
        answer_logprobs=(),
        prompt="single",
        verbalizer=VERBALIZER,
        decoding=dict(CONFIGURATION.decoding),
    )
