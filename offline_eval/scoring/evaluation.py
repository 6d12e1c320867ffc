"""How well systems read what people heard: every measure with its interval, and systems against each other."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from core.distribution import EMOTIONS, SUM_TOLERANCE
from core.errors import UsageError
from offline_eval.labels.rated import AGREEMENTS, Agreement, RatedUtterance
from offline_eval.scoring.levels import Level, levels
from offline_eval.scoring.metrics import hard_labels
from offline_eval.scoring.metrics.measures import HEADLINES, REPORTED
from offline_eval.scoring.metrics.sample import Sample, Values
from offline_eval.scoring.resampling import DRAWS, ClusterBootstrap, Estimate
from offline_eval.scoring.trial import Difference, Trial, corrected


@dataclass(frozen=True, slots=True)
class SystemOutput:
    """What one system, or one reference that needs no model, read.

    Attributes:
        name: Unique within an evaluation.
        probabilities: float64 [N, 4] in the order of EMOTIONS; a row of NaN where the reading is invalid.
    """

    name: str
    probabilities: Values


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """One system on some utterances.

    Attributes:
        n_total: Utterances.
        n_scored: Of these, the ones that the measures are of.
        n_invalid: Of these, the ones without a valid reading.
        n_clusters: What the intervals draw from.
        estimates: Name of each of REPORTED to its estimate.
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
class Evaluation:
    """What an evaluation found.

    Attributes:
        systems: Name to scores, in the order given.
        levels: Name of each of REPORTED to what it comes to without a model.
        draws: Of the bootstrap.
        seed: The same.
    """

    systems: Mapping[str, SystemScores]
    levels: Mapping[str, Level]
    draws: int
    seed: int
    _trials: Mapping[str, Trial] = field(repr=False, compare=False)

    def paired(
        self, first: str, others: Sequence[str], *, measures: Sequence[str] = HEADLINES
    ) -> tuple[Difference, ...]:
        """The first system against each other one, on each measure, Holm-corrected over all of these.

        Few measures are tested unless asked for, as the correction costs each of them.

        Raises:
            UsageError: There is no system, or no measure, of that name.
        """
        _known("system", [first, *others], self._trials)
        _known("measure", measures, REPORTED)
        trial = self._trials[first]
        return corrected([one for other in others for one in trial.minus(self._trials[other], measures)])


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
        trial = trials[output.name] = Trial(output.name, sample.read_as(read), bootstrap, REPORTED)
        by_part = {
            kind: {name: _scores(trial.part(rows, drawn)) for name, (rows, drawn) in by_name.items()}
            for kind, by_name in parts.items()
        }
        systems[output.name] = SystemScores(
            name=output.name,
            scored=_scores(trial),
            penalised=_scores(trial.penalised()),
            by_agreement={name: by_part["agreement"][name] for name in AGREEMENTS if name in by_part["agreement"]},
            by_session=by_part["session"],
        )
    return Evaluation(systems=systems, levels=levels(sample), draws=draws, seed=seed, _trials=trials)


def _scores(trial: Trial) -> Scores:
    """Of the valid readings."""
    table = hard_labels.confusion(trial.sample.rows(trial.valid))
    return Scores(
        n_total=len(trial.valid),
        n_scored=int(trial.valid.sum()),
        n_invalid=int((~trial.valid).sum()),
        n_clusters=trial.bootstrap.number,
        estimates=trial.estimates(),
        confusion=tuple(tuple(int(cell) for cell in row) for row in table),
    )


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


def _known(kind: str, names: Sequence[str], known: Collection[str]) -> None:
    for name in names:
        if name not in known:
            msg = f"there is no {kind} {name!r}; there are {', '.join(known)}"
            raise UsageError(msg)
