"""A reading in words: what is heard, and whether listeners would agree. Whatever shows readings takes them from here.

Entropy and margin together decide one level of clarity, and all words follow from it, so that none contradicts another.
The shares of a calibrated reading are those of listeners; those of any other reading only resemble them, and its words
claim less.
"""

from enum import Enum, IntEnum

from core.distribution import MIXED_MARGIN, UNCLEAR_ENTROPY, EmotionDistribution
from core.wire.events import Adaptation

TIE_MARGIN = 0.05
"""Emotions closer than this are tied."""
LEANING_SHARE = 0.5
"""Below this, the most likely emotion is only a tendency."""
NOTED_SHARE = 0.2
"""From this share on, the second emotion is mentioned."""
CLEAR_ENTROPY = 0.6
"""Below this normalised entropy, with no second emotion to mention, two in three hear the first."""
PLAIN_ENTROPY = 0.35
"""Below this one, four in five do."""
KNOWN_WEIGHT = 0.5
"""Of what a stream sounds like, so much must be taken off before a model that adapts knows the voice."""


class Clarity(IntEnum):
    """How far one emotion stands out."""

    UNCLEAR = 0
    MIXED = 1
    LEANING = 2
    MOSTLY = 3
    CLEAR = 4


class Worth(Enum):
    """What the percentages of a reading are worth for the voice that it is of; the value says why not more."""

    CALIBRATED = ""
    STRANGER = "getting to know this voice"
    ROUGH = "uncalibrated: only a rough guide"

    @classmethod
    def of(cls, calibration: str | None, adaptation: Adaptation | None) -> "Worth":
        """By the calibration and the adaptation of an event."""
        if calibration is None:
            return cls.ROUGH
        unknown = adaptation is not None and adaptation.weight < KNOWN_WEIGHT
        return cls.STRANGER if unknown else cls.CALIBRATED


def clarity(distribution: EmotionDistribution, worth: Worth = Worth.CALIBRATED) -> Clarity:
    """The level; nothing is clear of a voice that is not known, or without a calibration."""
    (_, share), (_, runner_up), *_ = distribution.ranked
    if distribution.entropy >= UNCLEAR_ENTROPY:
        return Clarity.UNCLEAR
    if distribution.margin < MIXED_MARGIN:
        return Clarity.MIXED
    if share < LEANING_SHARE:
        return Clarity.LEANING
    clear = worth is Worth.CALIBRATED and runner_up < NOTED_SHARE and distribution.entropy < CLEAR_ENTROPY
    return Clarity.CLEAR if clear else Clarity.MOSTLY


def verdict(distribution: EmotionDistribution, worth: Worth = Worth.CALIBRATED) -> str:
    """What is heard, in a few words: clear, mostly, leaning, mixed, or no clear emotion."""
    (first, share), (second, runner_up), *_ = distribution.ranked
    match clarity(distribution, worth):
        case Clarity.UNCLEAR:
            return "no clear emotion heard"
        case Clarity.MIXED:
            *others, last = [name for name, p in distribution.ranked if share - p < MIXED_MARGIN]
            return f"mixed: {', '.join(others)} or {last}"
        case Clarity.LEANING:
            return f"leaning to {first}"
        case Clarity.MOSTLY:
            return f"mostly {first}" + (f", some {second}" if runner_up >= NOTED_SHARE else "")
        case Clarity.CLEAR:
            return f"clear: {first}"


def agreement(distribution: EmotionDistribution, worth: Worth = Worth.CALIBRATED) -> str:
    """Whether listeners would agree on the first emotion; where nobody can know, why not."""
    if worth is not Worth.CALIBRATED:
        return str(worth.value)
    match clarity(distribution):
        case Clarity.UNCLEAR:
            return "all four possible"
        case Clarity.MIXED:
            return f"{'a tie' if distribution.margin < TIE_MARGIN else 'nearly tied'}: many would disagree"
        case Clarity.LEANING:
            return "fewer than half would agree"
        case Clarity.MOSTLY:
            return "half or more would agree"
        case Clarity.CLEAR:
            return "few would disagree" if distribution.entropy < PLAIN_ENTROPY else "most would agree"
