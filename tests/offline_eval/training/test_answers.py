from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from core.distribution import EMOTIONS
from core.ltu_as import read_text
from offline_eval.training.answers import draw_order, in_percent, label, likelihoods


def test_labels_are_the_words_the_prompt_offers():
    assert [label(emotion) for emotion in EMOTIONS] == ["Angry", "Happiness", "Sadness", "Neutral"]


@given(st.lists(st.floats(0.0, 1.0), min_size=4, max_size=4).filter(lambda w: sum(w) > 0.01))
def test_percentages_are_steps_of_five_that_sum_to_a_hundred_and_stay_close(weights):
    probabilities = np.array(weights) / sum(weights)
    percent = in_percent(probabilities)
    assert sum(percent) == 100
    assert all(value >= 0 and value % 5 == 0 for value in percent)
    assert np.abs(np.array(percent) / 100 - probabilities).max() < 0.05


def test_a_written_answer_reads_back_as_what_was_written():
    text = likelihoods({"happiness": 10, "neutral": 20, "sadness": 5, "anger": 65})
    assert text == "Happiness: 10%, Neutral: 20%, Sadness: 5%, Anger: 65%"
    assert read_text(text).as_dict() == {"anger": 0.65, "happiness": 0.1, "sadness": 0.05, "neutral": 0.2}


def test_an_emotion_comes_first_as_often_as_it_is_probable():
    probabilities = np.array([0.6, 0.2, 0.2, 0.0])
    rng = np.random.default_rng(0)
    orders = [draw_order(probabilities, rng) for _ in range(4000)]
    first = Counter(order[0] for order in orders)
    assert abs(first["anger"] / 4000 - 0.6) < 0.03
    assert first["neutral"] == 0
    assert all(sorted(order) == sorted(EMOTIONS) for order in orders)
