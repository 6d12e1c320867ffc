import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.distribution import EMOTIONS, EmotionDistribution, js_divergence
from core.errors import UsageError
from core.ltu_as.ensemble import pooled, read_members, spread
from core.ltu_as.prompt import PROMPTS, render
from core.ltu_as.readout import InvalidReading
from core.ltu_as.verbalizer import answer_words
from core.ltu_as.wordings import QUESTIONS, members, prompt_of, text_of

ENSEMBLES = ["orders", "paraphrases"]
DISTRIBUTIONS = st.lists(st.floats(0, 1), min_size=4, max_size=4).filter(any).map(EmotionDistribution.from_weights)
MEMBERS = st.lists(DISTRIBUTIONS, min_size=1, max_size=6)


def log_of(distribution):
    return np.log(np.maximum(list(distribution), 1e-10))


def test_the_papers_prompts_are_verbatim():
    assert PROMPTS == {
        "single": "You are an expert in identifying emotions from speech. Predict the emotion of the audio from the "
        "choices [Happiness, Sadness, Neutral, Angry]. Respond with only one of the emotion labels.",
        "ambiguous": "Provide the likelihood (in percentages) that this audio represents each of the following "
        "emotions: anger, happiness, sadness, and neutral. Use logical reasoning to determine the percentages, but do "
        "not include this reasoning in your response.",
    }


@pytest.mark.parametrize("prompt", PROMPTS)
@pytest.mark.parametrize("ensemble", ENSEMBLES)
def test_over_an_ensemble_each_emotion_stands_once_in_each_place(prompt, ensemble):
    names, words = members(prompt, ensemble), QUESTIONS[prompt].words
    asked = [text_of(name) for name in names]
    assert names[0] == prompt
    assert len(set(asked)) == len(asked) == 4
    orders = [sorted(words, key=text.index) for text in asked]
    for place in zip(*orders, strict=True):
        assert sorted(place) == sorted(words)


def test_orders_keep_the_wording_and_paraphrases_change_it():
    def without_words(name):
        return "".join(part for part in text_of(name).split() if part.strip("[],.:?") not in QUESTIONS["single"].words)

    assert len({without_words(name) for name in members("single", "orders")}) == 1
    assert len({without_words(name) for name in members("single", "paraphrases")}) == 4


@pytest.mark.parametrize("prompt", PROMPTS)
@pytest.mark.parametrize("ensemble", ENSEMBLES)
def test_every_member_offers_the_words_of_its_prompt(prompt, ensemble):
    for name in members(prompt, ensemble):
        assert prompt_of(name) == prompt
        assert answer_words(name) == answer_words(prompt)
        offered = {word.casefold() for word in answer_words(name).values()}
        assert all(word in text_of(name).casefold() for word in offered)
        assert text_of(name) in render(name, "hm")


def test_a_question_of_ones_own_has_no_ensemble():
    assert members("Why?", "off") == ("Why?",)
    with pytest.raises(UsageError, match=r"no other way to ask 'Why\?'"):
        members("Why?", "orders")


def test_one_member_is_the_reading_itself():
    alone = EmotionDistribution(0.1, 0.2, 0.3, 0.4)
    assert pooled([alone]) is alone


@given(MEMBERS)
def test_differences_of_pooled_log_probabilities_are_the_means_of_the_members(read):
    together, each = log_of(pooled(read)), np.mean([log_of(one) for one in read], axis=0)
    kept = np.array(list(pooled(read))) > 1e-9  # smaller ones are cut off again
    assert np.ptp((together - each)[kept]) < 1e-6


@given(DISTRIBUTIONS, st.lists(st.floats(-3, 3), min_size=4, max_size=4), st.permutations(range(4)))
def test_a_bias_for_places_cancels_over_a_latin_square(heard, bias, words):
    biased = []
    for rotation in range(4):
        order = [*words[rotation:], *words[:rotation]]
        place = [order.index(emotion) for emotion in range(4)]
        logits = [math.log(max(p, 1e-3)) + bias[at] for p, at in zip(heard, place, strict=True)]
        biased.append(EmotionDistribution.from_log_weights(logits))
    plain = EmotionDistribution.from_weights([max(p, 1e-3) for p in heard])
    assert list(pooled(biased)) == pytest.approx(list(plain), abs=1e-9)


@given(MEMBERS)
def test_spread_lies_between_none_and_all_there_is_and_knows_no_order(read):
    found = spread(read)
    assert 0 <= found <= math.log(min(len(read), 4)) / math.log(4) + 1e-9
    assert spread(read[::-1]) == pytest.approx(found, abs=1e-12)
    assert spread(read * 2) == pytest.approx(found, abs=1e-12)
    assert spread([read[0]] * 3) == pytest.approx(0, abs=1e-12)


@given(DISTRIBUTIONS, DISTRIBUTIONS)
def test_spread_of_two_is_their_jensen_shannon_divergence_over_ln_4(one, other):
    assert spread([one, other]) == pytest.approx(js_divergence(one, other) / math.log(4), abs=1e-9)


def test_four_members_certain_of_four_emotions_are_as_far_apart_as_can_be():
    certain = [EmotionDistribution.from_weights([float(other == one) for other in EMOTIONS]) for one in EMOTIONS]
    assert spread(certain) == pytest.approx(1)
    assert list(pooled(certain)) == pytest.approx([0.25] * 4)


def test_a_member_without_a_reading_leaves_none(make_steps):
    good, bad = make_steps(words=[[3, 1, 1, 1]]), make_steps(words=[[-1, -1, -1, -1]])
    reading, apart = read_members([good, good], kind="paper_linear", pool="mean", scope="all")
    assert reading.dominant == "anger"
    assert apart == pytest.approx(0, abs=1e-12)
    assert read_members([good], kind="paper_linear", pool="mean", scope="all")[1] is None
    with pytest.raises(InvalidReading, match="no positive logit"):
        read_members([good, bad], kind="paper_linear", pool="mean", scope="all")
