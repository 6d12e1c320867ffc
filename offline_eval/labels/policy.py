"""From ratings to a human distribution: which utterances count, and which labels of which raters."""

import math
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal, get_args

from core.distribution import EMOTIONS, EmotionDistribution
from core.errors import UsageError
from offline_eval.labels.annotation import AnnotatedUtterance, Rating
from offline_eval.labels.rated import AGREEMENTS, Agreement, RatedUtterance

Subset = Literal["four_only", "plurality", "consensus4490", "consensus5531"]
SUBSETS: tuple[Subset, ...] = get_args(Subset)

PAPER_N = {"iemocap": 4373}
"""Corpus to its utterances in the paper, which does not state its rule."""

EXCITED, OTHER = "excited", "other"

NO_RATING = "no rating that counts"
OTHER_VOTE = "a vote for 'other', all else for the four"
OUTSIDE_VOTE = "a vote for none of the four"
OUTSIDE_PLURALITY = "most votes for none of the four"
TIED = "a tie in front"
NO_CONSENSUS = "no consensus stated"
OUTSIDE_CONSENSUS = "consensus outside of the subset"
NONE_IN_FOUR = "no vote for any of the four"

Ballot = dict[str, float]
"""What one rater's labels weigh, in the order stated."""

_TIE = 1e-9
"""Sums of 1/k are equal up to rounding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelPolicy:
    """How ratings become the distribution that a model is held against.

    The defaults are for fidelity: they are the reading of the paper that fits it best. For science, take
    `vote_weight="per_rater"` (each person counts once) and `self_reports="exclude"` (who spoke is no listener).

    Attributes:
        subset: `four_only` (fidelity): every label of every rater is one of the four. `plurality`: one of the four has
            more votes than any other label. `consensus4490`, `consensus5531`: the corpus's own label is one of the
            four, for 5531 or excited. In all but the first, votes for anything else are left out of the distribution.
        merge_excited: Whether excited counts as happiness (fidelity: without that, IEMOCAP has 2,165 utterances).
        self_reports: Whether speakers' ratings of their own recordings count (fidelity: include).
        other: Whether a vote for `other` is a vote for none of the four (disqualify, fidelity), or was not cast (drop).
        vote_weight: Whether each label of a rater who gave k of them weighs 1 (per_label, fidelity) or 1/k (per_rater).
        ties: Whether the utterance has no hard label where emotions tie in front (exclude, science), or that of the
            tied ones that was stated first (first_rater, fidelity). The consensus subsets take the corpus's own label.

    Raises:
        UsageError: A value is none of these, or consensus5531 is asked for with merge_excited off.
    """

    subset: Subset = "four_only"
    merge_excited: bool = True
    self_reports: Literal["include", "exclude"] = "include"
    other: Literal["disqualify", "drop"] = "disqualify"
    vote_weight: Literal["per_label", "per_rater"] = "per_label"
    ties: Literal["exclude", "first_rater"] = "exclude"

    def __post_init__(self) -> None:
        for option in fields(self):
            allowed, value = get_args(option.type) or (True, False), getattr(self, option.name)
            if value not in allowed:
                msg = f"label policy: {option.name} {value!r} is unknown"
                raise UsageError(msg, hint=f"{option.name} is one of {', '.join(map(str, allowed))}")
        if self.subset == "consensus5531" and not self.merge_excited:
            msg = "label policy: consensus5531 counts excited as happiness"
            raise UsageError(msg, hint="leave merge_excited on, or take consensus4490")

    def apply(self, utterances: Sequence[AnnotatedUtterance]) -> "Kept":
        """Makes distributions, in the order given, and counts what is left out."""
        rated, left_out = [], Counter[str]()
        n_by_subset = {subset: 0 for subset in SUBSETS if subset != "consensus5531" or self.merge_excited}
        for utterance in utterances:
            ballots = [ballot for rating in utterance.ratings if (ballot := self._ballot(rating))]
            for subset in n_by_subset:
                refusal = _refusal(subset, utterance, ballots)
                n_by_subset[subset] += refusal is None
                if subset == self.subset and refusal is not None:
                    left_out[refusal] += 1
                elif subset == self.subset:
                    rated.append(self._rated(utterance, ballots))
        return Kept(policy=self, rated=tuple(rated), left_out=left_out, n_by_subset=n_by_subset)

    def describe(self) -> str:
        """The policy in a line."""
        return ", ".join(
            (
                self.subset,
                f"excited {'as happiness' if self.merge_excited else 'on its own'}",
                f"self-reports {self.self_reports}d",
                f"'other' {'disqualifies' if self.other == 'disqualify' else 'dropped'}",
                f"votes {self.vote_weight.replace('_', ' ')}",
                f"ties {'without a hard label' if self.ties == 'exclude' else 'to the first rater'}",
            )
        )

    def as_dict(self) -> dict[str, Any]:
        """Plain values, by option."""
        return asdict(self)

    def _rated(self, utterance: AnnotatedUtterance, ballots: Sequence[Ballot]) -> RatedUtterance:
        rows = [tuple(float(ballot.get(emotion, 0)) for emotion in EMOTIONS) for ballot in ballots]
        votes = tuple(row for row in rows if any(row))
        human = EmotionDistribution.from_weights([math.fsum(column) for column in zip(*votes, strict=True)])
        agreement, leaders = _agreement(human)
        return RatedUtterance(
            utterance=utterance,
            human=human,
            votes=votes,
            hard_label=self._hard_label(utterance, ballots, leaders),
            agreement=agreement,
        )

    def _ballot(self, rating: Rating) -> Ballot:
        """Weight of each label that counts, in the order stated."""
        if rating.self_report and self.self_reports == "exclude":
            return {}
        weights = rating.weights or (1.0,) * len(rating.labels)
        ballot: dict[str, float] = {}
        for label, weight in zip(map(self._merged, rating.labels), weights, strict=True):
            if weight > 0 and not (label == OTHER and self.other == "drop"):
                ballot[label] = ballot.get(label, 0) + weight
        if self.vote_weight == "per_label":
            return ballot
        total = math.fsum(ballot.values())
        return {label: weight / total for label, weight in ballot.items()}

    def _merged(self, label: str) -> str:
        return "happiness" if label == EXCITED and self.merge_excited else label

    def _hard_label(
        self, utterance: AnnotatedUtterance, ballots: Sequence[Ballot], leaders: Sequence[str]
    ) -> str | None:
        if self.subset in ("consensus4490", "consensus5531") and utterance.consensus:
            return self._merged(utterance.consensus)
        if len(leaders) == 1:
            return leaders[0]
        if self.ties == "exclude":
            return None
        return next(label for ballot in ballots for label in ballot if label in leaders)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What a policy makes of a corpus.

    Attributes:
        policy: The policy.
        rated: In the order given.
        left_out: Number of utterances that are not among `rated`, by reason.
        n_by_subset: How many utterances each subset rule keeps, all else being equal.
    """

    policy: LabelPolicy
    rated: tuple[RatedUtterance, ...]
    left_out: Mapping[str, int] = field(default_factory=Counter)
    n_by_subset: Mapping[Subset, int] = field(default_factory=dict)

    @property
    def agreements(self) -> dict[Agreement, int]:
        """Number of kept utterances, by agreement."""
        counts = Counter(one.agreement for one in self.rated)
        return {agreement: counts[agreement] for agreement in AGREEMENTS}

    def lines(self) -> Iterator[str]:
        """For people: what is kept, what is not, and what the other rules would keep."""
        yield f"label policy: {self.policy.describe()}"
        kept, out = len(self.rated), sum(self.left_out.values())
        corpora = {one.utterance.corpus for one in self.rated}
        beside = "".join(f" (the paper: {number:,})" for corpus, number in PAPER_N.items() if corpus in corpora)
        yield f"kept: {kept:,} of {kept + out:,} utterances{beside}"
        if self.left_out:
            yield f"left out: {_listed(self.left_out)}"
        yield f"by subset: {_listed(self.n_by_subset)}"
        yield f"agreement: {_listed(self.agreements)}"


def _refusal(subset: Subset, utterance: AnnotatedUtterance, ballots: Sequence[Ballot]) -> str | None:
    """Why a subset does not hold an utterance with these votes; None if it does."""
    total = Counter[str]()
    for ballot in ballots:
        total.update(ballot)
    if not total:
        return NO_RATING
    if subset == "four_only":
        return _unless_four_only(total)
    if subset == "plurality":
        return _unless_plurality(total)
    if not any(label in EMOTIONS for label in total):
        return NONE_IN_FOUR
    return _unless_consensus(utterance.consensus, (*EMOTIONS, EXCITED) if subset == "consensus5531" else EMOTIONS)


def _unless_four_only(total: Mapping[str, float]) -> str | None:
    outside = total.keys() - set(EMOTIONS)
    if not outside:
        return None
    return OTHER_VOTE if outside == {OTHER} else OUTSIDE_VOTE


def _unless_plurality(total: Mapping[str, float]) -> str | None:
    leaders = _leaders(total)
    if len(leaders) > 1:
        return TIED
    return None if leaders[0] in EMOTIONS else OUTSIDE_PLURALITY


def _unless_consensus(consensus: str | None, accepted: Collection[str]) -> str | None:
    if consensus is None:
        return NO_CONSENSUS
    return None if consensus in accepted else OUTSIDE_CONSENSUS


def _leaders(weights: Mapping[str, float]) -> list[str]:
    """What has the most weight, in the order given."""
    most = max(weights.values())
    return [label for label, weight in weights.items() if weight >= most - _TIE]


def _agreement(human: EmotionDistribution) -> tuple[Agreement, list[str]]:
    """Of the shares, and the emotions in front."""
    shares = human.as_dict()
    leaders = _leaders(shares)
    most = shares[leaders[0]]
    if len(leaders) > 1:
        return "tie", leaders
    if most >= 1 - _TIE:
        return "unanimous", leaders
    return ("majority" if most > 1 / 2 + _TIE else "plurality"), leaders


def _listed(counts: Mapping[Any, int]) -> str:
    return ", ".join(f"{what} {number:,}" for what, number in counts.items())
