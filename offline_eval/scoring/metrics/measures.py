"""Every measure by name, from the topics that compute them."""

from collections.abc import Sequence
from typing import Protocol

from offline_eval.scoring.metrics import (
    ambiguity,
    calibration,
    correlation,
    divergence,
    hard_labels,
    overlap,
    ranks,
    scoring_rules,
)
from offline_eval.scoring.metrics.measure import Measure
from offline_eval.scoring.metrics.sample import Sample, Values


class Topic(Protocol):
    """Measures that follow from sums over utterances; the modules of this package are such."""

    @property
    def MEASURES(self) -> tuple[Measure, ...]:  # noqa: N802 - a module's constant
        """What `values` gives for EMOTIONS."""

    def terms(self, sample: Sample) -> Values:
        """[N, K]: what each utterance adds."""

    def values(self, sums: Values, classes: Sequence[str]) -> dict[str, Values]:
        """The measures, [...] each, of sums [..., K]."""


TOPICS: tuple[Topic, ...] = (
    divergence,
    overlap,
    correlation,
    scoring_rules,
    calibration,
    hard_labels,
    ambiguity,
)

MEASURES: tuple[Measure, ...] = (*(measure for topic in TOPICS for measure in topic.MEASURES), *ranks.MEASURES)
"""In the order of a report."""

MEASURE = {measure.name: measure for measure in MEASURES}
REPORTED = tuple(measure.name for measure in MEASURES if measure.reported)
HEADLINES = tuple(measure.name for measure in MEASURES if measure.headline)
