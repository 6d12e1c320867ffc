"""A slower reading for displays: the average of what was heard lately, per stream."""

import math

from core.distribution import EMOTIONS, EmotionDistribution
from core.settings import SmoothingSettings

PROBABILITY_FLOOR = 1e-4
"""Smaller probabilities count as this: without it one reading that rules an emotion out would rule it out for long."""


class Smoother:
    """Exponential moving average of log-probabilities, weighted by how long each utterance lasted.

    The average of logarithms, renormalised, is the geometric mean of the distributions: the one with the least
    summed KL divergence to them. A reading of an utterance of length dt has weight alpha = 1 - exp(-dt / tau) and
    all before it share the rest, so that an utterance cut in two counts as much as in one piece. Only speech moves
    the average: silence neither ages nor changes it, until a gap longer than `reset_gap_s` starts it anew.
    The weights are normalised by their sum: the first reading, however short, is not taken for a long past.

    Attributes:
        tau_s: Time constant, in seconds; 0 turns the average off. May be changed between readings.
    """

    def __init__(self, settings: SmoothingSettings) -> None:
        self.tau_s = settings.tau_s
        self._reset_gap_s = settings.reset_gap_s
        self.reset()

    def reset(self) -> None:
        """Forgets all readings."""
        self._mean = [0.0] * len(EMOTIONS)
        self._weight = 0.0
        self._end_s = -math.inf

    def push(
        self, start_s: float, end_s: float, distribution: EmotionDistribution, *, final: bool
    ) -> EmotionDistribution:
        """The average with this reading in it.

        Args:
            start_s: Start of the utterance on the stream's clock.
            end_s: Its end; utterances of a stream come in order.
            distribution: What was heard in it.
            final: False for an interim reading: it is shown, and forgotten when the next one comes.
        """
        if self.tau_s == 0:
            return distribution
        if start_s - self._end_s > self._reset_gap_s:
            self.reset()
        keep = math.exp(-(end_s - start_s) / self.tau_s)
        weight = 1 - keep * (1 - self._weight)
        share = (1 - keep) / weight if weight else 1.0
        logs = [math.log(max(p, PROBABILITY_FLOOR)) for p in distribution]
        mean = [old + share * (new - old) for old, new in zip(self._mean, logs, strict=True)]
        if final:
            self._mean, self._weight, self._end_s = mean, weight, end_s
        return EmotionDistribution.from_log_weights(mean)
