"""A calibration without labelled speech: what a model says to sounds without content is taken off its readings.

Contextual calibration (Zhao et al. 2021), with silence and noise in place of a question without content: temperature 1,
all of the prior. It undoes what a model prefers to say whatever it hears; how sure it may be, labelled speech alone can
tell.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from core.distribution import EMOTIONS
from core.errors import ModelError, UsageError
from core.ltu_as.calibration import CALIBRATION_NAME, Calibration, Entry
from core.ltu_as.prompt import PROMPTS
from core.settings import Ensemble
from offline_eval.calibration.calibrate import FIT_SEED, READOUTS, questions_of, ways_of
from offline_eval.calibration.hearing import AnyListener, content_free
from offline_eval.calibration.temperature import prior_of
from offline_eval.calibration.worth import LEAST_VALID, log_probs_of

_FITTED_ON = "sounds without content"
_LINEAR = ("paper_linear", "paper_linear_strict", "shifted_linear")
"""Their zeros are cut off and not measured, so that nothing can be divided by them."""


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
    listener: AnyListener,
    *,
    ensembles: Sequence[Ensemble] = ("off",),
    seed: int = 0,
    progress: Callable[[str], None],
) -> Calibration:
    """The calibration of a model by what it says to silence, noises, hum, keys and fans.

    Args:
        listener: The model.
        ensembles: In which ways the prompts are asked, a correction for each.
        seed: Of the sounds.
        progress: Told what comes next.

    Raises:
        ModelError: No read-out gives a distribution for nine of ten of the sounds.
    """
    stamp, usual = listener.reader.stamp, listener.defaults
    kinds = [kind for kind in dict.fromkeys((*READOUTS, usual.readout)) if kind not in _LINEAR]
    ways = ways_of(tuple(dict.fromkeys((*PROMPTS, usual.prompt))), ensembles)
    sounds = [sound for made in content_free(seed, FIT_SEED).values() for sound in made]
    asked = questions_of(ways)
    progress(f"hearing {len(sounds)} sounds without content, asked in {len(asked)} ways")
    heard = [*listener.read(sounds, asked)]
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
