import math
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import f1_score, log_loss

from offline_eval.clips import Clip, one_hot
from offline_eval.scores import class_prior, per_corpus, score, table, uniform

NAMES = ("anger", "happiness", "sadness", "neutral")


def clips(corpus: str, *emotions: str) -> list[Clip]:
    return [
        Clip(path=Path("x"), clip_id=str(i), corpus=corpus, speaker="s", split="dev", target=one_hot(emotion))
        for i, emotion in enumerate(emotions)
    ]


def test_scores_are_those_of_scikit_learn():
    rng = np.random.default_rng(1)
    truth = rng.integers(0, 4, 200)
    probabilities = rng.dirichlet([1, 1, 1, 1], 200)
    ours = score(probabilities, np.eye(4)[truth])
    assert ours.macro_f1 == pytest.approx(f1_score(truth, probabilities.argmax(1), average="macro"))
    assert ours.nll == pytest.approx(log_loss(truth, probabilities, labels=range(4)))


def test_the_prior_is_that_of_the_clips_corpus():
    train = [*clips("a", *["anger"] * 5, "sadness"), *clips("b", "neutral")]
    prior = class_prior(train, [*clips("a", "anger"), *clips("new", "anger")])
    assert prior[0] == pytest.approx([0.6, 0.1, 0.2, 0.1])
    assert prior[1] == pytest.approx([6 / 11, 1 / 11, 2 / 11, 2 / 11])


def test_a_table_has_a_row_for_each_predictor_and_a_column_for_each_corpus():
    some = [*clips("a", *NAMES), *clips("b", "anger")]
    text = table({"uniform": per_corpus(some, uniform(some))})
    assert text.splitlines()[0] == "| macro-F1 / NLL | a (4) | b (1) | all (5) |"
    assert text.count(f"{math.log(4):.3f}") == 3
