"""What a model gets to know of one stream, from reading to reading: what it sounds like, or what it is read as.

State of a stream, as pure as `core.anchor` and `core.mean_reading`, of which it is made. Whoever reads a stream holds
one, whether the stream is live or a file.
"""

from dataclasses import replace

from core.anchor import Anchor
from core.mean_reading import MeanReading
from core.model import Reading
from core.settings import ModelSettings
from core.wire.events import Adaptation, ModelStamp


class StreamAdaptation:
    """The anchor of a stream or its mean reading, as the settings say.

    Args:
        settings: `adapt` and `adapt_readings` of them.

    Attributes:
        anchor: What the next utterance is to be read with; None where the model is not to get to know the stream.
    """

    def __init__(self, settings: ModelSettings) -> None:
        self.anchor: Anchor | None = Anchor() if settings.adapt else None
        self._mean_reading = MeanReading() if settings.adapt_readings else None

    def take(self, reading: Reading, model: ModelStamp, *, at_s: float, final: bool = True) -> Reading:
        """The reading as it is told; if it is final, the stream is known better afterwards.

        Args:
            reading: As the model gave it.
            model: Whose it is.
            at_s: Where its utterance ended, in seconds of the stream's sound.
            final: Whether the utterance is over.
        """
        told = self._levelled(reading, model, at_s=at_s, final=final)
        if final and self.anchor is not None and told.heard is not None and told.distribution is not None:
            self.anchor = self.anchor.push(told.heard, told.distribution, at_s=at_s)
        return told

    def _levelled(self, reading: Reading, model: ModelStamp, *, at_s: float, final: bool) -> Reading:
        """The reading over the stream's mean, if that is asked for and the model does not get to know voices itself."""
        if self._mean_reading is None or reading.distribution is None or reading.adaptation is not None:
            return reading
        mean = self._mean_reading.of(repr(model))
        if final:
            self._mean_reading = mean.push(reading.distribution, at_s=at_s)
        return replace(
            reading,
            distribution=mean.levelled(reading.distribution),
            adaptation=Adaptation(utterances=mean.utterances, weight=mean.weight),
        )
