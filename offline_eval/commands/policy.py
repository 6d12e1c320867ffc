"""Arguments that choose a label policy."""

import argparse
from dataclasses import fields
from typing import get_args

from offline_eval.labels.policy import LabelPolicy

_TEXTS = {
    "subset": "which utterances count",
    "self_reports": "speakers' ratings of their own recordings",
    "other": "a vote for 'other' counts as one for none of the four, or as not cast",
    "vote_weight": "what a label weighs where a rater gave several: 1, or one over their number",
    "ties": "utterances with a tie have no hard label, or that of the first rater",
}


def add_policy(parser: argparse.ArgumentParser) -> None:
    """Adds an option for every choice of a `LabelPolicy`."""
    group = parser.add_argument_group("label policy", "The defaults are those that fit the paper best.")
    for option in fields(LabelPolicy):
        if (text := _TEXTS.get(option.name)) is not None:
            group.add_argument(
                f"--{option.name.replace('_', '-')}",
                choices=get_args(option.type),
                default=option.default,
                help=f"{text} (default %(default)s)",
            )
    group.add_argument("--no-merge-excited", dest="merge_excited", action="store_false", help="excited is no happiness")


def policy_of(arguments: argparse.Namespace) -> LabelPolicy:
    """The policy that was chosen.

    Raises:
        UsageError: The choices contradict each other.
    """
    return LabelPolicy(**{option.name: getattr(arguments, option.name) for option in fields(LabelPolicy)})
