"""One system on some utterances: its measures with their intervals, and how far it is from another system."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from offline_eval.scoring.metrics.sample import Sample, Values
from offline_eval.scoring.replicates import Replicates, replicates
from offline_eval.scoring.resampling import ClusterBootstrap, Estimate, holm


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
        p_holm: The same after Holm's correction, see `corrected`; None before it.
    """

    first: str
    other: str
    measure: str
    n_common: int
    estimate: Estimate
    p: float | None
    p_holm: float | None = None


class Trial:
    """What one system read of some utterances.

    Args:
        system: Its name.
        sample: The utterances; rows of NaN where the reading is invalid.
        bootstrap: Draws of their clusters, which all systems on the same utterances share.
        measures: Names of what is measured.

    Attributes:
        system: As given.
        sample: The same.
        bootstrap: The same.
        valid: [N] whether the reading is valid.
    """

    def __init__(self, system: str, sample: Sample, bootstrap: ClusterBootstrap, measures: Collection[str]) -> None:
        self.system = system
        self.sample = sample
        self.bootstrap = bootstrap
        self.valid: NDArray[np.bool_] = np.asarray(np.isfinite(sample.model).all(1))
        self._measures = measures
        self._scored: Replicates | None = None

    def estimates(self) -> dict[str, Estimate]:
        """Each measure of the valid readings."""
        return {name: self.bootstrap.estimate(drawn) for name, drawn in self._of_valid().items()}

    def minus(self, other: "Trial", measures: Collection[str]) -> list[Difference]:
        """How far the two are apart on some of their measures, on the same utterances and draws."""
        common = self.valid & other.valid
        ours, theirs = self.replicates(common, measures), other.replicates(common, measures)
        return [
            Difference(
                first=self.system,
                other=other.system,
                measure=name,
                n_common=int(common.sum()),
                estimate=self.bootstrap.estimate(ours[name] - theirs[name]),
                p=self.bootstrap.p_value(ours[name] - theirs[name]),
            )
            for name in measures
        ]

    def penalised(self) -> "Trial":
        """The same with invalid readings counted as uniform."""
        if self.valid.all():
            return self
        read: Values = np.where(self.valid[:, None], self.sample.model, 1 / self.sample.model.shape[1])
        return Trial(self.system, self.sample.read_as(read), self.bootstrap, self._measures)

    def part(self, rows: NDArray[np.bool_], bootstrap: ClusterBootstrap) -> "Trial":
        """The chosen utterances alone, and the draws of these."""
        return Trial(self.system, self.sample.rows(rows), bootstrap, self._measures)

    def replicates(self, rows: NDArray[np.bool_], measures: Collection[str]) -> Replicates:
        """Some of the measures, of chosen utterances, which must be valid; those of all valid ones are kept."""
        return self._of_valid() if np.array_equal(rows, self.valid) else self._of(rows, measures)

    def _of_valid(self) -> Replicates:
        if self._scored is None:
            self._scored = self._of(self.valid, self._measures)
        return self._scored

    def _of(self, rows: NDArray[np.bool_], measures: Collection[str]) -> Replicates:
        return replicates(self.sample.rows(rows), self.bootstrap.cluster[rows], self.bootstrap, measures)


def corrected(found: Sequence[Difference]) -> tuple[Difference, ...]:
    """The differences with Holm's correction over all of them."""
    p_values = holm([one.p for one in found])
    return tuple(replace(one, p_holm=p) for one, p in zip(found, p_values, strict=True))
