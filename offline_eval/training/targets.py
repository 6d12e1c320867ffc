"""What a label is taught as: how likely listeners are to hear each emotion."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from core.distribution import EMOTIONS
from core.errors import UsageError
from offline_eval.datasets.files import read_table
from offline_eval.labels.clips import Clip, targets_of
from offline_eval.scoring.metrics.sample import Values

READING = tuple(0.8 if emotion == "neutral" else 0.2 / 3 for emotion in EMOTIONS)
"""What ordinary reading aloud is taught as: neutral in the main. Nobody has labelled it; that is a modelling choice."""


def soft_targets(clips: Sequence[Clip], *, smoothing: float, listeners: Path | None) -> Values:
    """[N, 4]: the labels, or the shares of votes, with `smoothing` of their mass given away.

    It goes to all four emotions alike or, with a table of `listeners`, as they vote where that emotion was meant:
    sadness is taken for calm far more often than for anger. That a corpus is heard like the table's is an assumption.

    Raises:
        UsageError: The table cannot be read.
    """
    labels = targets_of(clips)
    given = labels @ listener_votes(listeners) if listeners else 1 / len(EMOTIONS)
    return (1 - smoothing) * labels + smoothing * given


def listener_votes(path: Path) -> Values:
    """[4, 4]: row by intended emotion, the listeners' votes for each of the four, without those for others.

    Args:
        path: CSV with the columns intended, intensity (the rows ALL count) and p_EMOTION.

    Raises:
        UsageError: It cannot be read, or an emotion is missing.
    """
    columns = [f"p_{heard}" for heard in EMOTIONS]
    filled = read_table(path).filled("intended", "intensity", *columns)
    rows = {row["intended"]: row for row in filled if row["intensity"] == "ALL"}
    try:
        votes = np.array([[float(rows[meant][column]) for column in columns] for meant in EMOTIONS])
    except (KeyError, ValueError) as error:
        msg = f"{path}: no votes of intensity ALL for every intended emotion: {error}"
        raise UsageError(msg) from error
    shares: Values = votes / votes.sum(1, keepdims=True)
    return shares
