"""How well systems read what people heard: every measure with its interval, and systems against each other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from core.distribution import EMOTIONS, SUM_TOLERANCE
from core.errors import UsageError
from offline_eval.labels.rated import AGREEMENTS, Agreement, RatedUtterance
from offline_eval.scoring.levels import Level, levels
from offline_eval.scoring.metrics import hard_labels
from offline_eval.scoring.metrics.measures import HEADLINES, MEASURE
from offline_eval.scoring.metrics.sample import Sample, Values
from offline_eval.scoring.replicates import Replicates, replicates
from offline_eval.scoring.resampling import ClusterBootstrap, holm

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
    _trials: Mapping[str, "_Trial"] = field(repr=False, compare=False)

    def paired(
        self, first: str, others: Sequence[str], *, measures: Sequence[str] = HEADLINES
    ) -> tuple[Difference, ...]:
        """The first system against each other one, on each measure, Holm-corrected over all of these.

        Few measures are tested unless asked for, as the correction costs each of them.

        Raises:
            UsageError: There is no system, or no measure, of that name.
        """
        _known("system", [first, *others], self._trials)
        _known("measure", measures, MEASURE)
        found = [one for other in others for one in self._differences(first, other, measures)]
        corrected = holm([one.p for one in found])
        return tuple(replace(one, p_holm=p) for one, p in zip(found, corrected, strict=True))

    def _differences(self, first: str, other: str, measures: Sequence[str]) -> list[Difference]:
        one, two = self._trials[first], self._trials[other]
        common = one.valid & two.valid
        ours, theirs = one.replicates(common), two.replicates(common)
        found = []
        for name in measures:
            apart = ours[name] - theirs[name]
            found.append(
                Difference(
                    first=first,
                    other=other,
                    measure=name,
                    n_common=int(common.sum()),
                    estimate=_estimate(one.bootstrap, apart),
                    p=one.bootstrap.p_value(apart),
                    p_holm=None,
                )
            )
        return found


def evaluate(
    rated: Sequence[RatedUtterance], outputs: Sequence[SystemOutput], *, draws: int = DRAWS, seed: int = 0
) -> Evaluation:
    """Scores every output on the rated utterances.

    Neither the order of the utterances nor the other outputs change what one output gets.

    Args:
        rated: N utterances.
        outputs: What each system read of them, in the same order.
        draws: Of the bootstrap over `RatedUtterance.cluster`.
        seed: The same.

    Raises:
        UsageError: No utterance; or an output has another's name, not N rows of four, or a row that is neither a
            distribution nor NaN.
    """
    _check(rated, outputs)
    order = sorted(range(len(rated)), key=lambda i: (rated[i].cluster, rated[i].utterance.utterance_id))
    rated = [rated[i] for i in order]
    sample = Sample.of(rated, np.full((len(rated), len(EMOTIONS)), 1 / len(EMOTIONS)))
    clusters = np.array([one.cluster for one in rated], dtype=np.str_)
    bootstrap = ClusterBootstrap(clusters, draws=draws, seed=seed)
    agreements = {name: np.array([one.agreement == name for one in rated]) for name in AGREEMENTS}
    named = sorted({one.utterance.session for one in rated if one.utterance.session is not None})
    sessions = {name: np.array([one.utterance.session == name for one in rated]) for name in named}
    parts = {
        kind: {
            name: (rows, ClusterBootstrap(clusters[rows], draws=draws, seed=seed))
            for name, rows in by_name.items()
            if rows.any()
        }
        for kind, by_name in (("agreement", agreements), ("session", sessions))
    }
    trials, systems = {}, {}
    for output in outputs:
        read = np.asarray(output.probabilities, dtype=np.float64)[order]
        trial = _Trial(sample.read_as(read), bootstrap)
        by_part = {
            kind: {name: _Trial(trial.sample.rows(rows), drawn).scores() for name, (rows, drawn) in by_name.items()}
            for kind, by_name in parts.items()
        }
        trials[output.name] = trial
        systems[output.name] = SystemScores(
            name=output.name,
            scored=trial.scores(),
            penalised=trial.penalised().scores(),
            by_agreement={name: by_part["agreement"][name] for name in AGREEMENTS if name in by_part["agreement"]},
            by_session=by_part["session"],
        )
    return Evaluation(systems=systems, levels=levels(sample), draws=draws, seed=seed, _trials=trials)


class _Trial:
    """What one system read of some utterances, and the draws of these."""

    def __init__(self, sample: Sample, bootstrap: ClusterBootstrap) -> None:
        self.sample = sample
        self.bootstrap = bootstrap
        self.valid: NDArray[np.bool_] = np.asarray(np.isfinite(sample.model).all(1))
        self._scored: Replicates | None = None

    def replicates(self, rows: NDArray[np.bool_]) -> Replicates:
        """Of the chosen utterances, which must be valid; those of all valid ones are kept."""
        if not np.array_equal(rows, self.valid):
            return replicates(self.sample.rows(rows), self.bootstrap.cluster[rows], self.bootstrap)
        if self._scored is None:
            self._scored = replicates(self.sample.rows(rows), self.bootstrap.cluster[rows], self.bootstrap)
        return self._scored

    def penalised(self) -> "_Trial":
        """The same with invalid readings counted as uniform."""
        if self.valid.all():
            return self
        uniform = 1 / self.sample.model.shape[1]
        return _Trial(self.sample.read_as(np.where(self.valid[:, None], self.sample.model, uniform)), self.bootstrap)

    def scores(self) -> Scores:
        """Of the valid readings."""
        drawn = self.replicates(self.valid)
        table = hard_labels.confusion(self.sample.rows(self.valid))
        return Scores(
            n_total=len(self.valid),
            n_scored=int(self.valid.sum()),
            n_invalid=int((~self.valid).sum()),
            n_clusters=self.bootstrap.number,
            estimates={name: _estimate(self.bootstrap, drawn[name]) for name in MEASURE},
            confusion=tuple(tuple(int(cell) for cell in row) for row in table),
        )


def _estimate(bootstrap: ClusterBootstrap, drawn: Values) -> Estimate:
    low, high = bootstrap.interval(drawn) or (None, None)
    return Estimate(float(drawn[0]), low, high)


def _check(rated: Sequence[RatedUtterance], outputs: Sequence[SystemOutput]) -> None:
    if not rated:
        msg = "there is no rated utterance to evaluate on"
        raise UsageError(msg)
    names = [output.name for output in outputs]
    if len(set(names)) < len(names):
        msg = f"two systems have the same name: {', '.join(names)}"
        raise UsageError(msg)
    for output in outputs:
        read = np.asarray(output.probabilities)
        if read.shape != (len(rated), len(EMOTIONS)):
            msg = f"{output.name}: expected {len(rated)} readings of {len(EMOTIONS)} emotions, not {read.shape}"
            raise UsageError(msg)
        with np.errstate(invalid="ignore"):
            good = (read >= 0).all(1) & (np.abs(read.sum(1) - 1) <= SUM_TOLERANCE)
        if not (good | np.isnan(read).all(1)).all():
            msg = f"{output.name}: a reading is neither a distribution nor marked as invalid"
            raise UsageError(msg)


def _known(kind: str, names: Sequence[str], known: Mapping[str, object]) -> None:
    for name in names:
        if name not in known:
            msg = f"there is no {kind} {name!r}; there are {', '.join(known)}"
            raise UsageError(msg)
