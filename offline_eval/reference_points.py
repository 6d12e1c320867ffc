"""What needs no model: constant readings, and people against each other."""

from collections.abc import Sequence
from dataclasses import dataclass

from offline_eval.evaluation import DRAWS, Estimate, SystemOutput
from offline_eval.rated import RatedUtterance


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaveOneOut:
    """Each rater against the other raters of the same utterance; a mean over all such votes.

    Attributes:
        n_utterances: With two raters or more; others are left out.
        n_votes: Of these.
        agreement: Share of the other raters' votes for what the rater heard.
        kl: KL(rater || others), nats, the others smoothed by .05.
        bd_log_mean: -ln of the mean Bhattacharyya coefficient.
    """

    n_utterances: int
    n_votes: int
    agreement: Estimate
    kl: Estimate
    bd_log_mean: Estimate


def constant_outputs(rated: Sequence[RatedUtterance]) -> tuple[SystemOutput, ...]:
    """The constant readings `uniform`, `vote prior`, `piece count` and `majority`."""
    raise NotImplementedError


def leave_one_out(rated: Sequence[RatedUtterance], *, draws: int = DRAWS, seed: int = 0) -> LeaveOneOut | None:
    """People as a system: None where no utterance has two raters."""
    raise NotImplementedError
