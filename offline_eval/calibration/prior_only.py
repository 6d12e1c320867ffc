"""A calibration without labelled speech: what a model says to sounds without content is taken off its readings.

Contextual calibration (Zhao et al. 2021), with silence and noise in place of a question without content: temperature 1,
all of the prior. It undoes what a model prefers to say whatever it hears; how sure it may be, labelled speech alone can
tell.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol, get_args

import numpy as np
from numpy.typing import NDArray

from core.anchor import Anchor
from core.distribution import EMOTIONS
from core.errors import ModelError, UsageError
from core.ltu_as.calibration import CALIBRATION_NAME, Calibration, Entry
from core.ltu_as.decode import Decoding
from core.ltu_as.interpretation import WRITTEN
from core.ltu_as.prompt import PROMPTS
from core.ltu_as.readout import Kind
from core.ltu_as.steps import StepLogits
from core.settings import Ensemble
from core.wire.events import ModelStamp
from offline_eval.calibration.calibrate import FIT_SEED, READOUTS, questions_of, ways_of
from offline_eval.calibration.hearing import AT_ONCE, Sound, content_free
from offline_eval.calibration.temperature import prior_of
from offline_eval.calibration.worth import LEAST_VALID, log_probs_of

_FITTED_ON = "sounds without content"
_LINEAR = ("paper_linear", "paper_linear_strict", "shifted_linear")
"""Their zeros are cut off and not measured, so that nothing can be divided by them."""


class Reader(Protocol):
    """A model of any kind, as far as it is asked here; see `core.ltu_as.reader.LTUASReader`."""

    @property
    def stamp(self) -> ModelStamp:
        """Its hash, and how it is asked and read by default."""

    def answers(
        self,
        waveforms: Sequence[NDArray[np.int16]] | None,
        *,
        transcripts: Sequence[str | None],
        decoding: Decoding,
        prompt: str | None,
        anchors: Sequence[Anchor | None],
    ) -> list[StepLogits]:
        """Answers about sounds."""


def place_of(folder: Path, out: Path | None) -> Path:
    """Where the calibration of a model goes.

    Raises:
        UsageError: There is one that is worth more.
    """
    path = out or folder / CALIBRATION_NAME
    if path.exists() and Calibration.from_json(path).labelled:
        msg = f"{path} was fitted on labelled speech, and is worth more"
        raise UsageError(msg, hint="give --out, or remove it")
    return path


def calibrate_prior(
    reader: Reader, *, ensembles: Sequence[Ensemble] = ("off",), seed: int = 0, progress: Callable[[str], None]
) -> Calibration:
    """The calibration of a model by what it says to silence, noises, hum, keys and fans.

    Args:
        reader: The model, uncalibrated and never silent.
        ensembles: In which ways the prompts are asked, a correction for each.
        seed: Of the sounds.
        progress: Told what comes next.

    Raises:
        ModelError: No read-out gives a distribution for nine of ten of the sounds.
    """
    stamp = reader.stamp
    own = [kind for kind in get_args(Kind) if kind == stamp.readout]
    kinds: list[Kind] = [kind for kind in dict.fromkeys((*READOUTS, *own)) if kind not in _LINEAR]
    ways = ways_of(tuple(dict.fromkeys((*PROMPTS, stamp.prompt))), ensembles)
    sounds = [sound for made in content_free(seed, FIT_SEED).values() for sound in made]
    asked = questions_of(ways)
    progress(f"hearing {len(sounds)} sounds without content, asked in {len(asked)} ways")
    heard = [*_answers(reader, sounds, asked)]
    entries = []
    for prompt, ensemble in ways:
        for kind in kinds:
            log_probs = log_probs_of(heard, prompt, kind, ensemble)
            valid = np.isfinite(log_probs).all(axis=1)
            if valid.mean() < LEAST_VALID:
                continue
            prior = prior_of(log_probs[valid])
            entries.append(
                Entry(prompt=prompt, readout=kind, ensemble=ensemble, temperature=1.0, prior=prior, prior_strength=1.0)
            )
    if not entries:
        msg = f"{stamp.name} says nothing of sounds without content that could be taken off"
        raise ModelError(msg, hint="its readings need no such correction")
    fitted_on = f"{len(sounds)} {_FITTED_ON}, no speech"
    return Calibration(model_sha256=stamp.sha256, fitted_on=fitted_on, labelled=False, entries=tuple(entries))


def report(calibration: Calibration) -> str:
    """Markdown: what the model says without hearing anything, by how it is asked and read."""
    lines = [
        f"Fitted on {calibration.fitted_on}. What the model says to these, and what is taken off its readings:",
        "",
        f"| prompt | read-out | {' | '.join(EMOTIONS)} |",
        f"|---|---|{'---:|' * len(EMOTIONS)}",
    ]
    for entry in calibration.entries:
        asked = entry.prompt if entry.ensemble == "off" else f"{entry.prompt}, {entry.ensemble}"
        shares = " | ".join(f"{np.exp(log_share):.3f}" for log_share in entry.prior)
        lines.append(f"| {asked} | {entry.readout} | {shares} |")
    return "\n".join(lines)


def _answers(reader: Reader, sounds: Sequence[Sound], asked: Sequence[str]) -> Iterator[Mapping[str, StepLogits]]:
    """Of each sound the answers to everything that is asked."""
    for start in range(0, len(sounds), AT_ONCE):
        waveforms = [sound() for sound in sounds[start : start + AT_ONCE]]
        silent: list[str | None] = [None] * len(waveforms)
        answers = [
            reader.answers(waveforms, transcripts=silent, decoding=WRITTEN, prompt=name, anchors=()) for name in asked
        ]
        yield from (dict(zip(asked, one, strict=True)) for one in zip(*answers, strict=True))
