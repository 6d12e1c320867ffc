"""Logistic regression on the features that a small LTU-AS hears: what its own layers are worth beyond them."""

from collections.abc import Sequence
from dataclasses import dataclass

from offline_eval.comparison.system import Predictor
from offline_eval.labels.clips import Clip
from offline_eval.training.learn import School


@dataclass(frozen=True, slots=True, kw_only=True)
class SameFeatures:
    """See `School.learn_linearly`.

    Attributes:
        name: Of the system.
        school: Whose encoder it hears through.
    """

    name: str
    school: School

    @property
    def recipe(self) -> str:
        """See `System`."""
        encoder = self.school.encoder
        return f"{encoder.sha256} {encoder.config.layers} {encoder.audio}"

    def fit(self, train: Sequence[Clip]) -> Predictor:
        """See `System`."""
        return self.school.learn_linearly(train)
