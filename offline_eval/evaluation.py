"""How well systems read what people heard: every measure with its interval, and systems against each other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from offline_eval.metrics.measures import HEADLINES
from offline_eval.metrics.sample import Values
from offline_eval.rated import Agreement, RatedUtterance

DRAWS = 2_000


@dataclass(frozen=True, slots=True)
class SystemOutput:
    """What one system, or one reference that needs no model, read.

    Attributes:
        name: Unique within an evaluation.
        probabilities: float64 [N, 4] in the order of EMOTIONS; a row of NaN where the reading is invalid.
    """

    name: str
    probabilities: Values


@dataclass(frozen=True, slots=True)
class Estimate:
    """A measure and its 95 % interval.

    Attributes:
        value: On the utterances themselves; NaN where the measure is undefined on them.
        low: Lower end; None where there is one cluster, or the measure is undefined.
        high: Upper end, the same.
    """

    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """One system on some utterances.

    Attributes:
        n_total: Utterances.
        n_scored: Of these, the ones that the measures are of.
        n_invalid: Of these, the ones without a valid reading.
        n_clusters: What the intervals draw from.
        estimates: Name of each of MEASURES to its estimate.
        confusion: [4][4] utterances by hard label (rows) and likeliest emotion; those without a label are left out.
    """

    n_total: int
    n_scored: int
    n_invalid: int
    n_clusters: int
    estimates: Mapping[str, Estimate]
    confusion: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemScores:
    """One system.

    Attributes:
        name: Of the system.
        scored: On the utterances with a valid reading, as the paper does.
        penalised: On all utterances, an invalid reading counted as uniform.
        by_agreement: As `scored`, for the kinds of agreement that occur.
        by_session: As `scored`, for the sessions that are named.
    """

    name: str
    scored: Scores
    penalised: Scores
    by_agreement: Mapping[Agreement, Scores]
    by_session: Mapping[str, Scores]


@dataclass(frozen=True, slots=True)
class Level:
    """What a measure comes to without a model.

    Attributes:
        chance: For random readings; None where that depends on how they are drawn.
        prior: For the mean human distribution as the constant reading; NaN where undefined.
    """

    chance: float | None
    prior: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One measure of one system minus that of another, on the utterances that both read.

    Attributes:
        first: Name of the one system.
        other: Name of the one subtracted.
        measure: Name of the measure.
        n_common: Utterances that both read.
        estimate: The difference; paired draw by draw.
        p: Two-sided bootstrap p-value, at least 1 / (draws + 1); None where there is no interval.
        p_holm: The same after Holm's correction over all differences of the table.
    """

    first: str
    other: str
    measure: str
    n_common: int
    estimate: Estimate
    p: float | None
    p_holm: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What an evaluation found.

    Attributes:
        systems: Name to scores, in the order given.
        levels: Name of each of MEASURES to what it comes to without a model.
        draws: Of the bootstrap.
        seed: The same.
    """

    systems: Mapping[str, SystemScores]
    levels: Mapping[str, Level]
    draws: int
    seed: int

    def paired(
        self, first: str, others: Sequence[str], *, measures: Sequence[str] = HEADLINES
    ) -> tuple[Difference, ...]:
        """The first system against each other one, on each measure, Holm-corrected over all of these."""
        raise NotImplementedError


def evaluate(
    rated: Sequence[RatedUtterance], outputs: Sequence[SystemOutput], *, draws: int = DRAWS, seed: int = 0
) -> Evaluation:
    """Scores every output on the rated utterances."""
    raise NotImplementedError
