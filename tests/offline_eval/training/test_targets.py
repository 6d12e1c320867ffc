"""What labels are taught as."""

import math
from pathlib import Path

import numpy as np
import pytest

from core.distribution import EMOTIONS
from core.errors import UsageError
from offline_eval.training.recipe import Recipe, chosen
from offline_eval.training.targets import listener_votes, soft_targets
from tests.offline_eval.labelled_clips import labelled_clips

HEADER = "intended,intensity,p_anger,p_disgust,p_happiness,p_neutral,p_sadness"


@pytest.fixture
def table(tmp_path):
    rows = [f"{emotion},ALL,.1,.5,.2,.1,.1" for emotion in EMOTIONS]
    path = tmp_path / "listeners.csv"
    path.write_text("\n".join([HEADER, "anger,HI,1,0,0,0,0", *rows]))
    return path


def test_without_listeners_the_mass_goes_to_all_alike():
    targets = soft_targets(labelled_clips("a", "sadness"), smoothing=0.2, listeners=None)
    assert targets == pytest.approx(np.array([[0.05, 0.05, 0.85, 0.05]]))


def test_with_listeners_it_goes_where_they_take_that_emotion_for(table):
    targets = soft_targets(labelled_clips("a", "sadness"), smoothing=0.5, listeners=table)
    assert targets == pytest.approx(np.array([[0.1, 0.2, 0.6, 0.1]]))


def test_votes_for_other_emotions_do_not_count(table):
    assert listener_votes(table) == pytest.approx(np.tile([0.2, 0.4, 0.2, 0.2], (4, 1)))


def test_a_table_without_an_emotion_is_refused(tmp_path):
    path = tmp_path / "listeners.csv"
    path.write_text(f"{HEADER}\nanger,ALL,.1,.5,.2,.1,.1\n")
    with pytest.raises(UsageError, match="every intended emotion: 'happiness'"):
        listener_votes(path)


def test_the_shared_table_says_that_sadness_is_often_taken_for_calm(shared):
    votes = listener_votes(shared / "data" / "cremad_intended_to_votes.csv")
    sadness, neutral = EMOTIONS.index("sadness"), EMOTIONS.index("neutral")
    assert votes.sum(1) == pytest.approx([1] * 4)
    assert votes[sadness, neutral] > votes[sadness, sadness]
    assert math.isclose(votes[neutral].max(), votes[neutral, neutral])


def test_the_table_is_a_choice_of_the_recipe_wherever_it_lies(table):
    path = f"../{table.name}"
    assert chosen(Recipe(), [f"listeners={path}"]).listeners == Path(path)
