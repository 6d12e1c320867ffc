"""Choices of a recipe as a user states them."""

import pytest

from core.errors import UsageError
from offline_eval.training.anchors import Anchors
from offline_eval.training.recipe import Recipe, chosen


def test_what_is_off_is_switched_on_by_its_name_or_by_a_choice_of_it():
    assert Recipe().anchors is None
    assert chosen(Recipe(), ["anchors=default"]).anchors == Anchors()
    assert chosen(Recipe(), ["anchors.missing=.5", "anchors.few=1"]).anchors == Anchors(missing=0.5, few=1.0)
    assert chosen(Recipe(anchors=Anchors()), ["anchors=none"]).anchors is None


@pytest.mark.parametrize(
    ("choices", "why"),
    [
        (["anchors.mising=1"], "no choice 'anchors.mising'"),
        (["anchors.missing=-1"], "shares of anchors"),
        (["anchors=default", "standardise=false"], "anchors need standardise"),
        (["balance=speakers"], "balance"),
        (["piece_s=5", "pool=20"], "one audio token"),
    ],
)
def test_a_choice_that_does_not_fit_is_refused(choices, why):
    with pytest.raises(UsageError, match=why):
        chosen(Recipe(), choices)
