"""Label policies: which utterances count, and what becomes of their ratings."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.distribution import EMOTIONS
from core.errors import UsageError
from offline_eval.labels import policy
from offline_eval.labels.annotation import AnnotatedUtterance, Rating
from offline_eval.labels.policy import SUBSETS, LabelPolicy

LETTERS = {
    "A": "anger",
    "H": "happiness",
    "S": "sadness",
    "N": "neutral",
    "E": "excited",
    "F": "frustration",
    "O": "other",
}
OPTIONS = {
    "subset": SUBSETS,
    "merge_excited": (True, False),
    "self_reports": ("include", "exclude"),
    "other": ("disqualify", "drop"),
    "vote_weight": ("per_label", "per_rater"),
    "ties": ("exclude", "first_rater"),
}


def utterance(text: str, consensus: str | None = None, name: str = "u") -> AnnotatedUtterance:
    """`N HE |S`: two raters, of whom the second gave two labels, and a self-report."""
    words = text.split()
    ratings = tuple(
        Rating(f"R{n}", tuple(LETTERS[letter] for letter in word.lstrip("|")), self_report=word.startswith("|"))
        for n, word in enumerate(words)
    )
    return AnnotatedUtterance(
        utterance_id=name, corpus="iemocap", path=None, speaker="s", ratings=ratings, consensus=consensus
    )


def rated(text: str, consensus: str | None = None, **options):
    (one,) = LabelPolicy(**options).apply([utterance(text, consensus)]).rated
    return one


def refusal(text: str, consensus: str | None = None, **options) -> str:
    kept = LabelPolicy(**options).apply([utterance(text, consensus)])
    assert not kept.rated
    ((reason, number),) = kept.left_out.items()
    assert number == 1
    return reason


policies = (
    st.fixed_dictionaries({name: st.sampled_from(values) for name, values in OPTIONS.items()})
    .filter(lambda options: options["subset"] != "consensus5531" or options["merge_excited"])
    .map(lambda options: LabelPolicy(**options))
)
ratings = st.builds(
    Rating,
    rater=st.sampled_from(["E1", "E2", "F1"]),
    labels=st.lists(st.sampled_from(list(LETTERS.values())), min_size=1, max_size=3, unique=True).map(tuple),
    self_report=st.booleans(),
)
utterances = st.builds(
    lambda ratings, consensus: replace(utterance(""), ratings=tuple(ratings), consensus=consensus),
    st.lists(ratings, max_size=5),
    st.sampled_from([None, *LETTERS.values()]),
)


@given(policies, st.lists(utterances, max_size=8))
def test_every_utterance_is_either_kept_or_left_out_for_one_reason(policy, corpus):
    kept = policy.apply(corpus)
    assert len(kept.rated) + sum(kept.left_out.values()) == len(corpus)
    assert kept.n_by_subset[policy.subset] == len(kept.rated) == sum(kept.agreements.values())
    others = [s for s in SUBSETS if s != "consensus5531" or policy.merge_excited]
    assert kept.n_by_subset == {s: len(replace(policy, subset=s).apply(corpus).rated) for s in others}


@given(policies, utterances)
def test_votes_are_a_row_for_each_rater_and_sum_to_the_human_distribution(policy, one):
    for kept in policy.apply([one]).rated:
        total = sum(map(sum, kept.votes))
        assert sum(kept.human) == pytest.approx(1)
        assert [sum(column) / total for column in zip(*kept.votes, strict=True)] == pytest.approx(list(kept.human))
        assert 0 < len(kept.votes) <= len(one.ratings)
        assert all(sum(row) > 0 for row in kept.votes)


@given(policies, utterances)
def test_of_raters_that_count_once_nobody_weighs_more_than_one(policy, one):
    for kept in replace(policy, vote_weight="per_rater").apply([one]).rated:
        assert all(sum(row) <= 1 + 1e-9 for row in kept.votes)
        if policy.subset == "four_only":
            assert [sum(row) for row in kept.votes] == pytest.approx([1] * len(kept.votes))


@given(policies, utterances)
def test_the_hard_label_is_in_front_or_the_corpus_own(policy, one):
    for kept in policy.apply([one]).rated:
        if policy.subset.startswith("consensus"):
            assert kept.hard_label in EMOTIONS
        elif kept.agreement == "tie" and policy.ties == "exclude":
            assert kept.hard_label is None
        else:
            assert kept.human.as_dict()[kept.hard_label] == pytest.approx(max(kept.human))


@given(utterances)
def test_four_only_keeps_nothing_that_any_rater_heard_as_something_else(one):
    allowed = {*EMOTIONS, "excited"}
    heard = {label for rating in one.ratings for label in rating.labels}
    assert bool(LabelPolicy().apply([one]).rated) == (bool(heard) and heard <= allowed)


def test_each_label_counts_or_each_rater():
    assert list(rated("N HS S").human) == pytest.approx([0, 1 / 4, 1 / 2, 1 / 4])
    assert list(rated("N HS S", vote_weight="per_rater").human) == pytest.approx([0, 1 / 6, 1 / 2, 1 / 3])


def test_shares_weigh_as_they_are_stated():
    shares = replace(utterance(""), ratings=(Rating("listeners", ("anger", "neutral", "sadness"), (0.75, 0.25, 0)),))
    (one,) = LabelPolicy().apply([shares]).rated
    assert list(one.human) == [0.75, 0, 0, 0.25]


def test_excited_counts_as_happiness_unless_told_otherwise():
    assert rated("E H N").human.happiness == pytest.approx(2 / 3)
    assert refusal("E H N", merge_excited=False) == policy.OUTSIDE_VOTE
    assert rated("H H E", merge_excited=False, subset="plurality").human.happiness == 1


def test_self_reports_count_unless_told_otherwise():
    assert rated("N N |S").agreement == "majority"
    assert rated("N N |S", self_reports="exclude").agreement == "unanimous"
    assert refusal("N N |F") == policy.OUTSIDE_VOTE
    assert rated("N N |F", self_reports="exclude").agreement == "unanimous"
    assert refusal("|N", self_reports="exclude") == policy.NO_RATING


def test_other_disqualifies_or_was_not_cast():
    assert refusal("N N O") == policy.OTHER_VOTE
    assert refusal("N F O") == policy.OUTSIDE_VOTE
    assert rated("N N O", other="drop").human.neutral == 1
    assert refusal("O", other="drop") == policy.NO_RATING
    assert refusal("N O O", subset="plurality") == policy.OUTSIDE_PLURALITY
    assert rated("N O O", subset="plurality", other="drop").hard_label == "neutral"


def test_plurality_needs_one_label_in_front_among_all_labels():
    assert list(rated("N N F", subset="plurality").human) == [0, 0, 0, 1]
    assert refusal("N F", subset="plurality") == refusal("N S", subset="plurality") == policy.TIED
    assert refusal("N F F", subset="plurality") == policy.OUTSIDE_PLURALITY


def test_the_consensus_subsets_go_by_the_corpus_own_label():
    assert rated("N N F", "neutral", subset="consensus4490").hard_label == "neutral"
    assert rated("E E N", "excited", subset="consensus5531").hard_label == "happiness"
    assert refusal("E E N", "excited", subset="consensus4490") == policy.OUTSIDE_CONSENSUS
    assert refusal("N S A", None, subset="consensus5531") == policy.NO_CONSENSUS
    assert refusal("F", "anger", subset="consensus4490") == policy.NONE_IN_FOUR


@pytest.mark.parametrize(
    ("votes", "agreement"),
    [("N N N", "unanimous"), ("E H", "unanimous"), ("N N S", "majority"), ("N N S H", "plurality"), ("N S", "tie")],
)
def test_agreement_is_that_of_the_votes_for_the_four(votes, agreement):
    assert rated(votes).agreement == agreement


def test_thirds_of_a_rater_tie_with_one():
    assert rated("NSA NSH NHA S", vote_weight="per_rater").agreement == "plurality"
    assert rated("NSA NSA NSA", vote_weight="per_rater").agreement == "tie"


def test_ties_have_no_hard_label_or_that_of_the_first_rater():
    assert rated("S N").hard_label is None
    assert rated("S N", ties="first_rater").hard_label == "sadness"
    assert rated("A S N N S", ties="first_rater").hard_label == "sadness"


@pytest.mark.parametrize("options", [{"subset": "all"}, {"merge_excited": 2}, {"ties": "last"}, {"other": "remap"}])
def test_unknown_values_are_refused_with_those_that_are_known(options):
    with pytest.raises(UsageError, match="is unknown") as error:
        LabelPolicy(**options)
    assert " is one of " in error.value.hint


def test_consensus5531_without_the_merge_is_refused():
    with pytest.raises(UsageError, match="counts excited as happiness"):
        LabelPolicy(subset="consensus5531", merge_excited=False)


def test_the_lines_say_what_was_kept_beside_the_papers_number_and_what_other_rules_keep():
    corpus = [utterance("N N S", "neutral"), utterance("S N"), utterance("N N F", "neutral"), utterance("N O")]
    assert list(LabelPolicy().apply(corpus).lines()) == [
        f"label policy: {LabelPolicy().describe()}",
        "kept: 2 of 4 utterances (the paper: 4,373)",
        "left out: a vote for none of the four 1, a vote for 'other', all else for the four 1",
        "by subset: four_only 2, plurality 2, consensus4490 2, consensus5531 2",
        "agreement: unanimous 0, majority 1, plurality 0, tie 1",
    ]


def test_a_policy_is_described_in_a_line():
    assert LabelPolicy().describe() == (
        "four_only, excited as happiness, self-reports included, 'other' disqualifies, votes per label, "
        "ties without a hard label"
    )


def test_a_policy_can_be_written_down_and_had_again():
    policy = LabelPolicy(subset="plurality", vote_weight="per_rater")
    assert LabelPolicy(**policy.as_dict()) == policy
    assert policy.as_dict()["ties"] == "exclude"
