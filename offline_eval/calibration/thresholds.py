"""Thresholds of abstention: strict enough for sound without speech, at a small and known cost in speech."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from core.ltu_as.abstention import Abstention, ActiveSound, Outlier, answer_mass
from core.ltu_as.steps import StepLogits

SHARE = 0.01
"""Largest share of the speech that one check may refuse."""
TOTAL = 0.02
"""Largest share that all checks together may refuse."""
LONGEST_SHORT_S = 1.0
"""Speech from this duration on is never called too short."""
LOUDEST_QUIET_DBFS = -60.0
"""Speech from this level on is never called too quiet: how loud recordings are is no matter of the speaker, so those
at hand say little about others."""

TOWARDS_SPEECH = 0.25
"""Where a threshold lies between noise (0) and speech (1): nearer to noise, which varies less than live speech does."""

_LEAST_STD = 1e-3

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """A sound as abstention sees it: itself, and what the model made of it for each prompt."""

    sound: ActiveSound
    steps: Mapping[str, StepLogits]


Measure = Callable[[Heard], float]
"""Of a sound; the smaller, the rather it should be refused."""


def reason_not_to_read(abstention: Abstention, heard: Heard, prompt: str) -> str | None:
    """Why there would be no reading, if so; as `LTUASReader` decides it."""
    return abstention.before(heard.sound) or abstention.after(heard.steps[prompt])


def fit_outlier(feature_means: Values) -> Outlier:
    """The distribution of the training speech: [K, d_model] mean features; nothing is far from it yet."""
    std = np.maximum(feature_means.std(axis=0), _LEAST_STD)
    return Outlier(mean=_rounded(feature_means.mean(axis=0)), inverse_std=_rounded(1 / std), max_distance=1e9)


def fit_abstention(
    speech: Sequence[Heard],
    noise: Sequence[Heard],
    outlier: Outlier | None = None,
    *,
    share: float = SHARE,
    total: float = TOTAL,
) -> Abstention:
    """The thresholds that refuse much of the noise and little of the speech.

    Each check may refuse `share` of the speech, and less if all together would refuse more than `total` with some
    prompt. Within that, a threshold lies a quarter of the way from the noise it refuses to the next speech; a check
    that would refuse no noise is left out. Only what is too short has nothing to do with noise: that is shorter than
    all but `share` of the speech, and than a second. What is too quiet is also below -60 dBFS.

    Args:
        speech: Utterances of speakers that the model was not trained on, all with the same prompts.
        noise: Sounds without speech.
        outlier: See `fit_outlier`; None leaves the check out.
        share: Per check.
        total: With all checks of a prompt.
    """
    for refused in range(math.floor(share * len(speech)), -1, -1):
        abstention = _thresholds(speech, noise, outlier, refused)
        worst = max(
            sum(reason_not_to_read(abstention, one, prompt) is not None for one in speech) for prompt in speech[0].steps
        )
        if worst <= total * len(speech):
            break
    return abstention


def _thresholds(speech: Sequence[Heard], noise: Sequence[Heard], outlier: Outlier | None, refused: int) -> Abstention:
    """Thresholds at which each check refuses at most so many of the speech."""

    def least(measure: Measure) -> float | None:
        return _between(np.sort([measure(heard) for heard in speech]), np.array([*map(measure, noise)]), refused)

    masses = {prompt: least(_mass(prompt)) for prompt in speech[0].steps}
    nearness = least(_nearness(outlier)) if outlier else None
    level_dbfs = least(lambda heard: heard.sound.level_dbfs)
    shortest_s = sorted(heard.sound.duration_s for heard in speech)[refused]
    return Abstention(
        min_speech_s=min(math.floor(shortest_s * 100) / 100, LONGEST_SHORT_S) or None,
        min_level_dbfs=level_dbfs and min(level_dbfs, LOUDEST_QUIET_DBFS),
        min_answer_mass={prompt: mass for prompt, mass in masses.items() if mass is not None},
        outlier=replace(outlier, max_distance=-nearness) if outlier and nearness else None,
    )


def _mass(prompt: str) -> Measure:
    return lambda heard: answer_mass(heard.steps[prompt])


def _nearness(outlier: Outlier) -> Measure:
    """Minus the distance; the features are the same whatever the prompt."""

    def measure(heard: Heard) -> float:
        feature_mean = next(iter(heard.steps.values())).feature_mean
        return 0.0 if feature_mean is None else -float(outlier.distance(feature_mean))

    return measure


def _between(speech: Values, noise: Values, refused: int) -> float | None:
    """From the highest noise below the speech that must be read, a quarter of the way to the next speech.

    Args:
        speech: Ascending.
        noise: In any order.
        refused: How many of the speech may lie below.

    Returns:
        None if no noise lies there.
    """
    below = noise[noise < speech[refused]]
    if not len(below):
        return None
    highest = below.max()
    return float(highest + TOWARDS_SPEECH * (speech[speech > highest][0] - highest))


def _rounded(values: Values) -> tuple[float, ...]:
    return tuple(float(f"{value:.5g}") for value in values)
