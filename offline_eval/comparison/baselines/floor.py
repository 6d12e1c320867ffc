"""What needs no ears: the floor under every comparison."""

from collections.abc import Sequence
from functools import partial

from offline_eval.comparison.system import Predictor
from offline_eval.labels.clips import Clip
from offline_eval.scoring.reference_points import class_prior, uniform


class Uniform:
    """One quarter each."""

    name = "uniform"
    recipe = "1"

    def fit(self, train: Sequence[Clip]) -> Predictor:  # noqa: ARG002
        """Nothing to learn."""
        return uniform


class ClassPrior:
    """How often each emotion occurs in the training clips of the same corpus: it is told the corpus."""

    name = "class-prior"
    recipe = "1"

    def fit(self, train: Sequence[Clip]) -> Predictor:
        """Counts."""
        return partial(class_prior, train)
