"""What the model is taught to say to each prompt."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from core.distribution import EMOTIONS
from core.ltu_as.verbalizer import WORDS, answer_words

PERCENT_STEP = 5
"""Likelihoods are written in steps of five percent."""

OPEN_QUESTION = "Which emotion does the speaker express? Answer with one word."
"""Asked in training only, of clips of any emotion: what tells fear from anger also helps to hear anger."""
OPEN_ANSWERS = (*EMOTIONS, "calm", "fear", "disgust", "surprise", "boredom")
"""Labels that the open question may be answered with."""

NO_SPEECH = "None"
"""The answer to any prompt when there is no speech. It is no emotion word: readings show that it is likely by the
little probability they leave to the four."""


def label(emotion: str) -> str:
    """The answer to the single-label prompt."""
    return answer_words("single")[emotion]


def open_answer(emotion: str) -> str:
    """The answer to the open question."""
    return WORDS[emotion][0] if emotion in WORDS else emotion.capitalize()


def likelihoods(percent: Mapping[str, int]) -> str:
    """The answer to the ambiguous prompt, in the order given: "Happiness: 10%, Neutral: 20%, ..."."""
    return ", ".join(f"{WORDS[emotion][0]}: {value}%" for emotion, value in percent.items())


def in_percent(probabilities: Sequence[float] | NDArray[np.float64]) -> tuple[int, ...]:
    """Four probabilities as multiples of 5 that sum to 100, by largest remainder."""
    steps = np.asarray(probabilities, dtype=np.float64) * (100 // PERCENT_STEP)
    whole = np.floor(steps)
    missing = 100 // PERCENT_STEP - int(whole.sum())
    whole[np.argsort(whole - steps, kind="stable")[:missing]] += 1
    return tuple(int(value) * PERCENT_STEP for value in whole)


def draw_order(probabilities: NDArray[np.float64], rng: np.random.Generator) -> list[str]:
    """The four emotions, drawn one after the other in proportion to their probability, without putting back.

    So the first word of a likelihood answer is as probable as its emotion, which is what the answer-position
    read-outs take it for.
    """
    keys = np.log(np.maximum(probabilities, 1e-9)) + rng.gumbel(size=len(EMOTIONS))
    return [EMOTIONS[i] for i in np.argsort(-keys)]
