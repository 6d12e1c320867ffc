import dataclasses
import itertools
import subprocess
import sys
from typing import get_args, get_type_hints

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.distribution import EMOTIONS, EmotionDistribution
from core.errors import UsageError
from core.ltu_as.readout import InvalidReading, Kind, Pool, Scope, check_options, read_text, readout
from core.ltu_as.verbalizer import WORDS, Verbalizer
from core.settings import ModelSettings

KINDS, POOLS, SCOPES = get_args(Kind), get_args(Pool), get_args(Scope)
LINEAR = ("paper_linear", "paper_linear_strict")


def fits(options) -> bool:
    try:
        check_options(*options)
    except UsageError:
        return False
    return True


OPTIONS = [options for options in itertools.product(KINDS, POOLS, SCOPES) if fits(options)]
ANSWER = ["▁H", "app", "iness", ":", "▁", "6", "5", "%", "▁H", "anger", "Sad"]


def softmax(values):
    weights = np.exp(np.asarray(values, np.float64) - np.max(values))
    return weights / weights.sum()


@st.composite
def answers(draw, make_steps, *, low=-30, n_steps=None, scale=1.0):
    """StepLogits of a stretch of ANSWER; numbers are eighths up to 30, so that their sums are exact."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    made = make_steps(tokens=ANSWER[: n_steps or draw(st.integers(3, len(ANSWER)))])

    def array(like):
        return (rng.integers(8 * low, 8 * 30, like.shape, endpoint=True) / 8 * scale).astype(np.float32)

    return dataclasses.replace(
        made,
        logits=array(made.logits),
        log_normalizer=array(made.log_normalizer),
        minimum=array(made.minimum) - np.float32(61 * scale),
        answer_logprobs=tuple(map(array, made.answer_logprobs)),
    )


eighths = st.integers(8, 8 * 20).map(lambda n: n / 8)


def test_the_settings_offer_exactly_these_options():
    hints = get_type_hints(ModelSettings)
    for name, known in {"readout": KINDS, "pool": POOLS, "scope": SCOPES}.items():
        assert set(get_args(hints[name])) - {"auto"} == set(known)  # auto: what the model folder names
    assert fits(("seq_logprob", "mean", "all"))


# Piece counts


@pytest.mark.parametrize("kind", LINEAR)
def test_equal_logits_summed_over_pieces_give_the_piece_counts_and_averaged_a_quarter_each(make_steps, kind):
    steps = make_steps(words=[[3, 3, 3, 3], [5, 5, 5, 5]])
    assert tuple(readout(steps, kind=kind, pool="sum")) == pytest.approx((0.2, 0.3, 0.2, 0.3))
    assert tuple(readout(steps, kind=kind, pool="mean")) == pytest.approx((0.25,) * 4)
    assert tuple(readout(steps, kind=kind, pool="first")) == pytest.approx((0.25,) * 4)


@pytest.mark.shared
@pytest.mark.parametrize(
    ("context", "shares"), [("word_start", (0.2, 0.3, 0.2, 0.3)), ("bare", (2 / 11, 3 / 11, 3 / 11, 3 / 11))]
)
def test_llama_pieces_count_2323_inside_a_sentence_and_2333_at_the_answer_position(
    make_steps, llama_tokenizer, context, shares
):
    verbalizer = Verbalizer.from_tokenizer(llama_tokenizer, context=context)
    steps = make_steps(words=[[3, 3, 3, 3]], verbalizer=verbalizer)
    assert tuple(readout(steps, kind="paper_linear", pool="sum")) == pytest.approx(shares)
    assert tuple(readout(steps, kind="paper_linear", pool="mean")) == pytest.approx((0.25,) * 4)


# Each kind, by numbers worked out by hand or by the formula written out


def test_paper_linear_clips_the_average_of_the_steps_at_zero(make_steps):
    steps = make_steps(words=[[4, -3, 1, 0], [2, 1, 1, 0]])  # averages 3, -1, 1, 0
    assert tuple(readout(steps, kind="paper_linear")) == pytest.approx((0.75, 0, 0.25, 0))
    with pytest.raises(InvalidReading, match="negative logit"):
        readout(steps, kind="paper_linear_strict")


def test_paper_linear_strict_takes_averages_that_are_not_negative(make_steps):
    steps = make_steps(words=[[4, -1, 1, 0], [2, 1, 1, 0]])
    assert tuple(readout(steps, kind="paper_linear_strict")) == pytest.approx((0.75, 0, 0.25, 0))


@pytest.mark.parametrize(("kind", "words"), [("paper_linear", [-1, -2, -3, 0]), ("paper_linear_strict", [0, 0, 0, 0])])
def test_no_positive_logit_is_no_reading(make_steps, kind, words):
    with pytest.raises(InvalidReading, match="no positive logit") as info:
        readout(make_steps(words=[words]), kind=kind)
    assert info.value.reason == "no positive logit"


def test_shifted_linear_measures_from_the_smallest_logit_of_each_step(make_steps):
    steps = make_steps(words=[[0, 1, 2, 3], [-9, -8, -7, -10]], minimum=np.float32([-1, -10]))
    assert tuple(readout(steps, kind="shifted_linear")) == pytest.approx(np.array([2, 4, 6, 4]) / 16)


def test_softmax_of_the_average_is_not_the_average_of_the_softmax(make_steps):
    words = np.array([[4, 0, 0, 0], [0, 1, 0, -2]])
    steps = make_steps(words=words)
    assert tuple(readout(steps, kind="softmax_mean")) == pytest.approx(softmax(words.mean(axis=0)))
    assert tuple(readout(steps, kind="mean_softmax")) == pytest.approx((softmax(words[0]) + softmax(words[1])) / 2)


def test_vocab_prob_weighs_a_step_by_the_mass_it_gives_to_the_words(make_steps):
    words, log_normalizer = np.array([[1, 2, 3, 4], [4, 3, 2, 1]]), np.float32([5, 15])
    steps = make_steps(words=words, log_normalizer=log_normalizer)
    p = np.exp(words - log_normalizer[:, None]).mean(axis=0)
    assert tuple(readout(steps, kind="vocab_prob")) == pytest.approx(p / p.sum())
    summed = p * [2, 3, 2, 3]
    assert tuple(readout(steps, kind="vocab_prob", pool="sum")) == pytest.approx(summed / summed.sum())


def test_vocab_prob_outlives_masses_too_small_for_a_float(make_steps):
    steps = make_steps(words=[[0, 1, 0, 0]], log_normalizer=np.float32([2000]))
    assert tuple(readout(steps, kind="vocab_prob")) == pytest.approx(softmax([0, 1, 0, 0]))


def test_pieces_are_averaged_summed_or_the_first_is_taken(make_steps):
    made = make_steps()
    ids, canonical = made.piece_ids, made.verbalizer.canonical
    logits = np.zeros_like(made.logits)
    for pieces, values in zip(canonical, [(8, 2), (4, 1, 1), (1, 3), (3, 0, 0)], strict=True):
        logits[0, np.searchsorted(ids, pieces)] = values
    steps = dataclasses.replace(made, logits=logits)
    for pool, z in {"mean": (5, 2, 2, 1), "sum": (10, 6, 4, 3), "first": (8, 4, 1, 3)}.items():
        assert tuple(readout(steps, kind="paper_linear", pool=pool)) == pytest.approx(np.array(z) / sum(z))


@given(data=st.data())
def test_equations_1_and_2_written_out_give_paper_linear(make_steps, data):
    steps = data.draw(answers(make_steps))
    column = {int(i): n for n, i in enumerate(steps.piece_ids)}
    z = []
    for pieces in steps.verbalizer.canonical:
        z_j = [sum(float(row[column[i]]) for i in pieces) / len(pieces) for row in steps.logits]
        z.append(max(sum(z_j) / len(z_j), 0.0))
    if sum(z) > 0:
        assert tuple(readout(steps, kind="paper_linear")) == pytest.approx([v / sum(z) for v in z])
    else:
        with pytest.raises(InvalidReading, match="no positive logit"):
            readout(steps, kind="paper_linear")


def test_seq_logprob_is_the_softmax_of_each_answers_mean_or_summed_log_probability(make_steps):
    steps = make_steps(answers=(-1.0, -2.0, -0.5, -3.0))
    counts = np.array([len(ids) for ids in steps.verbalizer.answers("single").values()])
    mean = np.array([-1.0, -2.0, -0.5, -3.0])
    assert len(set(counts)) > 1
    assert tuple(readout(steps, kind="seq_logprob")) == pytest.approx(softmax(mean))
    assert tuple(readout(steps, kind="seq_logprob", pool="sum")) == pytest.approx(softmax(mean * counts))


@given(data=st.data())
@pytest.mark.parametrize("kind", ["seq_logprob", "first_piece"])
def test_the_answer_position_kinds_do_not_look_at_later_steps(make_steps, kind, data):
    steps = data.draw(answers(make_steps, n_steps=5))
    short = dataclasses.replace(
        steps,
        **{name: getattr(steps, name)[:1] for name in ("logits", "log_normalizer", "minimum", "tokens")},
        token_pieces=steps.token_pieces[:1],
    )
    assert readout(steps, kind=kind) == readout(short, kind=kind)


def test_first_piece_is_the_softmax_over_the_pieces_that_begin_the_offered_answers(make_steps):
    made = make_steps(words=np.zeros((2, 4)), answer_logprobs=())
    first = [ids[0] for ids in made.verbalizer.answers("single").values()]
    logits = made.logits.copy()
    logits[0, np.searchsorted(made.piece_ids, first)] = [1, 2, 3, 4]
    logits[1] = 9
    steps = dataclasses.replace(made, logits=logits)
    for pool in POOLS:
        assert tuple(readout(steps, kind="first_piece", pool=pool)) == pytest.approx(softmax([1, 2, 3, 4]))


def test_answers_that_begin_alike_are_told_apart_by_the_piece_where_they_part(make_steps):
    pieces = {word: {"word_start": (1,), "bare": (1,)} for words in WORDS.values() for word in words}
    offered = {"Anger": (7, 1), "Happiness": (2, 3, 4), "Sadness": (2, 3, 5), "Neutral": (2, 6, 1)}
    pieces |= {word: {"word_start": ids, "bare": ids} for word, ids in offered.items()}
    verbalizer = Verbalizer(pieces=pieces)
    made = make_steps(verbalizer=verbalizer, prompt="ambiguous")
    logits = made.logits.copy()
    logits[0, np.searchsorted(made.piece_ids, [2, 7])] = [3, 1]
    logprobs = [(-9, -9), (-8, -1, -2), (-7, -1, -4), (-6, -5, -9)]
    steps = dataclasses.replace(made, logits=logits, answer_logprobs=tuple(np.float32(a) for a in logprobs))
    expected = softmax([1, 3 - 1 - 2, 3 - 1 - 4, 3 - 5])
    assert tuple(readout(steps, kind="first_piece")) == pytest.approx(expected)
    with pytest.raises(InvalidReading, match="begin alike"):
        readout(dataclasses.replace(steps, answer_logprobs=()), kind="first_piece")


def test_seq_logprob_without_answers_is_no_reading(make_steps):
    with pytest.raises(InvalidReading, match="the answers were not run"):
        readout(make_steps(answer_logprobs=()), kind="seq_logprob")


# Scopes


@given(data=st.data())
@pytest.mark.parametrize("kind", ["softmax_mean", "mean_softmax", "vocab_prob", "shifted_linear"])
def test_a_scope_reads_its_steps_as_if_there_were_no_others(make_steps, kind, data):
    steps = data.draw(answers(make_steps, n_steps=len(ANSWER)))
    for scope, rows in {"answer_position": [0], "emotion_tokens": [0, 1, 2]}.items():
        alone = dataclasses.replace(
            steps,
            **{name: getattr(steps, name)[rows] for name in ("logits", "log_normalizer", "minimum", "tokens")},
            token_pieces=tuple(steps.token_pieces[row] for row in rows),
        )
        assert readout(steps, kind=kind, scope=scope) == readout(alone, kind=kind)


def test_percentages_and_pieces_of_other_words_are_no_emotion_tokens(make_steps):
    steps = make_steps(tokens=["▁H", "anger", ":", "▁", "6", "5", "%"])
    with pytest.raises(InvalidReading, match="no emotion token in the answer"):
        readout(steps, kind="softmax_mean", scope="emotion_tokens")


def test_an_answer_that_ends_at_once_is_read_at_the_answer_position(make_steps):
    steps = make_steps(words=[[1, 2, 3, 4]], tokens=[])
    assert tuple(readout(steps, kind="paper_linear")) == pytest.approx((0.1, 0.2, 0.3, 0.4))


# Properties of every kind


@given(data=st.data())
@pytest.mark.parametrize("kind", ["softmax_mean", "mean_softmax", "vocab_prob", "shifted_linear", "first_piece"])
def test_adding_a_constant_to_all_logits_leaves_these_readings_alone(make_steps, kind, data):
    steps = data.draw(answers(make_steps))
    c = np.float32(data.draw(eighths) * data.draw(st.sampled_from([1, -1])))
    moved = dataclasses.replace(
        steps, logits=steps.logits + c, log_normalizer=steps.log_normalizer + c, minimum=steps.minimum + c
    )
    assert tuple(readout(moved, kind=kind)) == pytest.approx(tuple(readout(steps, kind=kind)))


@given(words=st.lists(eighths, min_size=4, max_size=4, unique=True), c=eighths)
@pytest.mark.parametrize("kind", LINEAR)
def test_adding_a_constant_to_all_logits_flattens_the_linear_readings(make_steps, kind, words, c):
    reading = readout(make_steps(words=[words]), kind=kind)
    moved = readout(make_steps(words=[[word + c for word in words]]), kind=kind)
    assert max(moved) - min(moved) < max(reading) - min(reading)


@given(c=eighths)
def test_summing_pieces_makes_softmax_mean_depend_on_a_constant(make_steps, c):
    reading = readout(make_steps(words=[[c] * 4]), kind="softmax_mean", pool="sum")
    assert tuple(reading) == pytest.approx(softmax([2 * c, 3 * c, 2 * c, 3 * c]))


@given(data=st.data(), options=st.sampled_from(OPTIONS), exponent=st.integers(-145, 120))
def test_every_reading_is_finite_and_sums_to_one_or_says_why_not(make_steps, data, options, exponent):
    kind, pool, scope = options
    steps = data.draw(
        answers(
            make_steps, n_steps=data.draw(st.integers(1, 4)), scale=data.draw(st.sampled_from([1.0, 2.0**exponent]))
        )
    )
    try:
        reading = readout(steps, kind=kind, pool=pool, scope=scope)
    except InvalidReading as invalid:
        assert invalid.reason in {"no positive logit", "negative logit", "no emotion token in the answer"}  # noqa: PT017
        assert kind.endswith(("linear", "strict")) or scope == "emotion_tokens"
    else:
        assert np.isfinite(tuple(reading)).all()
        assert sum(reading) == pytest.approx(1)


BROKEN = [np.nan, np.inf, -np.inf]
KEPT = ["logits", "log_normalizer", "minimum", "answer_logprobs"]


def broken_at(steps, name, places):
    """A copy whose array `name` (of the answers: sadness's) holds these {place: value}."""
    old = getattr(steps, name)
    array = (old[2] if name == "answer_logprobs" else old).copy()
    for place, value in places.items():
        array.flat[place % array.size] = value
    return dataclasses.replace(steps, **{name: (*old[:2], array, old[3]) if name == "answer_logprobs" else array})


@pytest.mark.parametrize("value", BROKEN)
@pytest.mark.parametrize("name", KEPT)
def test_a_single_broken_number_anywhere_is_no_reading(make_steps, name, value):
    steps = broken_at(make_steps(words=np.ones((3, 4)), tokens=["▁", "▁Sad", "ness"]), name, {1: value})
    for kind, pool, scope in OPTIONS:
        with pytest.raises(InvalidReading, match="not finite"):
            readout(steps, kind=kind, pool=pool, scope=scope)


@given(
    data=st.data(),
    options=st.sampled_from(OPTIONS),
    name=st.sampled_from(KEPT),
    places=st.dictionaries(st.integers(0, 1000), st.sampled_from(BROKEN), min_size=1),
)
def test_no_mixture_of_nan_and_infinity_becomes_a_distribution(make_steps, data, options, name, places):
    kind, pool, scope = options
    steps = broken_at(data.draw(answers(make_steps)), name, places)
    with pytest.raises(InvalidReading, match="not finite"):
        readout(steps, kind=kind, pool=pool, scope=scope)


@given(data=st.data(), options=st.sampled_from(OPTIONS), order=st.permutations(range(4)))
def test_permuting_the_emotions_permutes_the_reading(make_steps, data, options, order):
    kind, pool, scope = options
    steps = data.draw(answers(make_steps, low=1))
    verbalizer = steps.verbalizer
    lengths = map(len, verbalizer.answers("ambiguous").values())
    steps = dataclasses.replace(
        steps, prompt="ambiguous", answer_logprobs=tuple(-np.arange(n, dtype=np.float32) for n in lengths)
    )
    canonical = [WORDS[emotion][0] for emotion in EMOTIONS]
    permuted = dict(verbalizer.pieces) | {canonical[i]: verbalizer.pieces[canonical[k]] for i, k in enumerate(order)}
    other = dataclasses.replace(
        steps,
        verbalizer=Verbalizer(pieces=permuted),
        answer_logprobs=tuple(steps.answer_logprobs[k] for k in order),
    )
    before, after = (tuple(readout(s, kind=kind, pool=pool, scope=scope)) for s in (steps, other))
    assert after == pytest.approx([before[k] for k in order])


# Options


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("softmax", "mean", "all"), "unknown readout 'softmax'"),
        (("paper_linear", "max", "all"), "unknown pool 'max'"),
        (("paper_linear", "mean", "last"), "unknown scope 'last'"),
        (("seq_logprob", "first", "all"), "cannot pool the first piece"),
        (("seq_logprob", "mean", "emotion_tokens"), "reads the answer position"),
        (("first_piece", "mean", "emotion_tokens"), "reads the answer position"),
    ],
)
def test_options_that_make_no_sense_are_refused_with_a_hint(make_steps, options, complaint):
    kind, pool, scope = options
    with pytest.raises(UsageError, match=complaint) as info:
        readout(make_steps(), kind=kind, pool=pool, scope=scope)
    assert info.value.hint


def test_reading_logits_needs_no_torch():
    code = "import sys, core.ltu_as.readout; print(sorted({'torch', 'transformers'} & set(sys.modules)))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


# Text


@given(
    cuts=st.lists(st.integers(0, 100), min_size=3, max_size=3).map(sorted),
    order=st.permutations(range(4)),
    form=st.sampled_from(["{w}: {n}%", "{w}:{n}%", "{w} {n}%", "{w} - {n} %", "{w} = {n}", "{w} ({n}%)", "{n}% {w}"]),
    separator=st.sampled_from([", ", ",", "; ", "\n", ",\n- "]),
    alias=st.sampled_from([0, 1, -1]),
)
def test_any_distribution_of_whole_percentages_is_read_back(cuts, order, form, separator, alias):
    shares = np.diff([0, *cuts, 100])
    parts = [form.format(w=WORDS[EMOTIONS[i]][alias], n=shares[i]) for i in order]
    assert tuple(read_text(separator.join(parts))) == pytest.approx(shares / 100)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("Happiness: 0%, Neutral: 0%, Sadness: 35%, Anger: 65%", (0.65, 0, 0.35, 0)),
        ("Happiness 0% Neutral 0% Sadness 35% Anger 65%", (0.65, 0, 0.35, 0)),
        ("0% happiness 0% neutral 35% sadness 65% anger", (0.65, 0, 0.35, 0)),
        ("angry: 33.3%, sad: 66.6%", (1 / 3, 0, 2 / 3, 0)),
        ("Anger: 33,5 %, Happy: 66,5 %", (0.335, 0.665, 0, 0)),
        ("Sadness: 40%, Neutral: 40%", (0, 0, 0.5, 0.5)),
        ("Anger: 90%, Fear: 50%, Neutral: 90%", (0.5, 0, 0, 0.5)),
        ("1. Anger: 20%\n2. Happiness: 30%\n3. Sadness: 10%\n4. Neutral: 40%", (0.2, 0.3, 0.1, 0.4)),
        ("The likelihood of anger is 20% and of neutral is about 80%.", (0.2, 0, 0, 0.8)),
        ("**Anger**: 100 percent", (1, 0, 0, 0)),
        ("100 percent sadness", (0, 0, 1, 0)),
        ("Angry", (1, 0, 0, 0)),
        (" the speaker is HAPPY. ", (0, 1, 0, 0)),
        ("Anger (angry)", (1, 0, 0, 0)),
        ("Neutral.", (0, 0, 0, 1)),
        ("\u017fad", (0, 0, 1, 0)),
        ("\u017fad: 40%, anger: 60%", (0.6, 0, 0.4, 0)),
    ],
)
def test_an_answer_is_read_as_it_is_meant(answer, expected):
    assert tuple(read_text(answer)) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("", "no emotion in the answer"),
        ("I cannot tell.", "no emotion in the answer"),
        ("50% and 50%", "no emotion in the answer"),
        ("a stranger, sadly", "no emotion in the answer"),
        ("happy or sad", "several emotions, no percentages"),
        ("I am 90% sure that the speaker is sad", "unclear percentages"),
        ("Anger: 60-70%", "unclear percentages"),
        ("Anger: 1/2, Sadness: 1/2", "unclear percentages"),
        ("Anger: 60% Sadness", "unclear percentages"),
        ("Anger and sadness: high, 50% each", "unclear percentages"),
        ("Anger: 60%, Angry: 40%", "an emotion is given twice"),
        ("Anger: -5%, Sadness: 105%", "negative percentage"),
        ("Anger: 0%, Happiness: 0%, Sadness: 0%, Neutral: 0%", "all percentages are zero"),
        (f"Anger: {'9' * 400}%", "not finite"),
    ],
)
def test_an_answer_without_a_distribution_says_why(answer, reason):
    with pytest.raises(InvalidReading) as info:
        read_text(answer)
    assert info.value.reason == reason


@given(
    st.lists(
        st.one_of(
            st.sampled_from(["Anger", "sad", "\u017fad", "\u0663\u0665", ": ", "%", ", ", "-", "0", "65", ".", "\n"]),
            st.text(),
        )
    ).map("".join)
)
def test_whatever_a_model_writes_is_a_distribution_or_no_reading(answer):
    try:
        reading = read_text(answer)
    except InvalidReading:
        return
    assert isinstance(reading, EmotionDistribution)
