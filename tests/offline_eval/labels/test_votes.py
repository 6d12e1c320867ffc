import pytest
from hypothesis import given
from hypothesis import strategies as st

from offline_eval.labels.spelling import normalised
from offline_eval.labels.votes import FEWEST_VOTES, LEAST_SHARE, MOSTLY_OTHER, NO_VOTES, TOO_FEW, Votes

LABELS = ["anger", "happiness", "sadness", "neutral", "fear", "disgust"]
counts = st.dictionaries(st.sampled_from(LABELS), st.integers(0, 12))


def test_the_target_is_the_share_of_each_emotion_among_the_votes_for_the_four():
    votes = Votes({"anger": 3, "neutral": 1, "fear": 2})
    assert votes.refusal is None
    assert votes.target().as_dict() == {"anger": 0.75, "happiness": 0, "sadness": 0, "neutral": 0.25}
    assert votes.outside == {"fear": 2}


def test_a_tie_stays_a_tie():
    votes = Votes({"anger": 2, "sadness": 2})
    assert votes.target().as_dict() == {"anger": 0.5, "happiness": 0, "sadness": 0.5, "neutral": 0}
    assert votes.leading is None


@pytest.mark.parametrize(
    ("votes", "why"),
    [
        ({}, NO_VOTES),
        ({"anger": 0, "fear": 0}, NO_VOTES),
        ({"anger": 1}, TOO_FEW),
        ({"anger": 1, "fear": 1}, TOO_FEW),
        ({"anger": 2, "fear": 2}, None),
        ({"anger": 2, "fear": 3}, MOSTLY_OTHER),
        ({"fear": 9}, MOSTLY_OTHER),
    ],
)
def test_votes_that_say_too_little_about_the_four_give_no_target(votes, why):
    assert Votes(votes).refusal == why


def test_of_shares_nobody_knows_how_many_voted():
    assert Votes({"anger": 0.5, "fear": 0.5}, counted=False).refusal is None
    assert Votes({"anger": 0.4, "fear": 0.6}, counted=False).refusal == MOSTLY_OTHER


@given(counts)
def test_what_is_not_refused_has_a_target_from_enough_votes(of):
    votes, four, total = Votes(of), sum(of.get(e, 0) for e in LABELS[:4]), sum(of.values())
    assert (votes.refusal is None) == (four >= FEWEST_VOTES and four >= LEAST_SHARE * total)
    if votes.refusal is None:
        assert list(votes.target()) == pytest.approx([of.get(e, 0) / four for e in LABELS[:4]])
    assert sum(votes.outside.values()) == total - four


def test_a_label_is_a_vote_of_all():
    assert Votes.all_for("Angry").target().dominant == "anger"
    assert Votes.all_for("angry", "SAD").target().as_dict() == {
        "anger": 0.5,
        "happiness": 0,
        "sadness": 0.5,
        "neutral": 0,
    }
    assert Votes.all_for("fearful").leading == "fear"


@pytest.mark.parametrize(
    ("spelling", "label"),
    [
        (" Happy ", "happiness"),
        ("PLEASANT_SURPRISE", "surprise"),
        ("pleasant-surprised", "surprise"),
        ("calm", "calm"),
        ("Bored", "boredom"),
        ("Wistful  longing", "wistful longing"),
    ],
)
def test_labels_are_spelled_alike(spelling, label):
    assert normalised(spelling) == label
