import dataclasses
import io

import numpy as np
import pytest

from core.ltu_as.steps import StepLogits


def test_a_record_written_to_disk_gives_back_every_number(make_steps):
    rng = np.random.default_rng(0)
    made = make_steps(tokens=["▁Sad", "ness", "."])
    steps = dataclasses.replace(
        made,
        logits=rng.normal(size=made.logits.shape).astype(np.float32),
        text="Sadness.",
        transcript='she said "no"\n',
        feature_mean=rng.normal(size=8).astype(np.float32),
        decoding={"do_sample": True, "temperature": 0.1, "seed": None},
        truncated_s=0.1 + 0.2,
        features_ms=1 / 3,
        llm_ms=2 / 3,
    )
    file = io.BytesIO()
    np.savez(file, **steps.to_record())
    file.seek(0)
    with np.load(file, allow_pickle=False) as record:
        back = StepLogits.from_record(record)
    for field in dataclasses.fields(StepLogits):
        before, after = getattr(steps, field.name), getattr(back, field.name)
        if isinstance(before, np.ndarray):
            assert before.dtype == after.dtype
            np.testing.assert_array_equal(before, after)
        elif field.name != "answer_logprobs":
            assert before == after
    assert len(back.answer_logprobs) == 4
    for before, after in zip(steps.answer_logprobs, back.answer_logprobs, strict=True):
        np.testing.assert_array_equal(before, after)


def test_a_record_without_answers_or_sound_stays_without(make_steps):
    back = StepLogits.from_record(make_steps(answer_logprobs=()).to_record())
    assert (back.answer_logprobs, back.feature_mean) == ((), None)


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        (["▁Sad", "ness"], [1, 1]),
        (["S", "ad", "ness", "."], [1, 1, 1, 0]),
        (["▁H", "app", "iness", ":", "▁", "3", "5", "%", "▁An", "gry"], [1, 1, 1, 0, 0, 0, 0, 0, 1, 1]),
        (["▁H", "anger"], [0, 0]),
        (["▁H", "e", "▁is", "▁sad"], [0, 0, 0, 1]),
        (["▁Sad", "ly"], [0, 0]),
        (["▁Ne", "ut", "ral", "ity"], [0, 0, 0, 0]),
        (["<0x0A>", "An", "gry", "<0x0A>"], [0, 1, 1, 0]),
        (["Ang", "er", "Sad", "ness"], [0, 0, 0, 0]),
        (["▁", "H", "A", "P", "PY"], [0, 1, 1, 1, 1]),
    ],
)
def test_only_tokens_of_an_emotion_word_are_emotion_tokens(make_steps, tokens, expected):
    assert make_steps(tokens=tokens).emotion_tokens().tolist() == [bool(e) for e in expected]


def test_an_answer_that_ends_at_once_keeps_the_answer_position(make_steps):
    steps = make_steps(words=[[1, 2, 3, 4]], tokens=[])
    assert steps.logits.shape[0] == 1
    assert steps.emotion_tokens().tolist() == [False]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"logits": np.zeros((2, 3), np.float32)}, "logits has shape"),
        ({"log_normalizer": np.zeros(3, np.float32)}, "log_normalizer has shape"),
        ({"minimum": np.zeros((2, 1), np.float32)}, "minimum has shape"),
        ({"tokens": np.zeros(1, np.int64)}, "tokens has shape"),
        ({"token_pieces": ()}, "0 tokens do not fit 2 steps"),
        ({"piece_ids": np.array([1, 2])}, "not the verbalizer's"),
        ({"answer_logprobs": (np.zeros(1, np.float32),)}, "answer_logprobs have lengths"),
        ({"prompt": "ambiguous"}, "answer_logprobs have lengths"),
    ],
)
def test_arrays_that_do_not_fit_each_other_are_refused(make_steps, change, complaint):
    steps = make_steps(words=np.zeros((2, 4)), verbalizer=None)
    with pytest.raises(ValueError, match=complaint):
        dataclasses.replace(steps, **change)


def test_no_step_at_all_is_refused(make_steps):
    with pytest.raises(ValueError, match="logits has shape"):
        make_steps(words=np.zeros((0, 4)), log_normalizer=np.zeros(0), minimum=np.zeros(0))
