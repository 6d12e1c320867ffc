"""Clips read twice: with nothing heard before and, by a model that gets to know voices, in a stream it knows."""

from collections.abc import Callable, Sequence

import numpy as np

from offline_eval.calibration.hearing import AnyListener, Listener, recorded
from offline_eval.calibration.streams import Stream, anchors_after
from offline_eval.calibration.thresholds import Heard
from offline_eval.calibration.worth import HeldOut, State, fit_readout
from offline_eval.labels.clips import Clip

HEARD = 20
"""Utterances, seven of ten neutral, after which a stream counts as known."""


def read_in_states(
    parts: Sequence[tuple[AnyListener, Sequence[Clip]]],
    prompts: Sequence[str],
    noise: Sequence[Heard],
    *,
    held_out: HeldOut,
    seed: int,
    progress: Callable[[str], None],
) -> list[State]:
    """What models make of the clips that each is to read, joined: first of all clips with nothing heard before.

    What is neutral among what is heard before is known from the first readings, calibrated on all clips.

    Raises:
        AudioError: A clip cannot be decoded.
    """
    clips = [clip for _, some in parts for clip in some]
    known = [(one, some) for one, some in parts if isinstance(one, Listener) and one.pseudo_utterances is not None]
    if len(known) < len(parts):
        steps = [one for listener, some in parts for one in listener.read(recorded(some), prompts)]
        return [State(heard=0, steps=steps, weights=np.zeros(len(clips)))]
    return _read_twice(known, clips, prompts, noise, held_out=held_out, seed=seed, progress=progress)


def _read_twice(
    parts: Sequence[tuple[Listener, Sequence[Clip]]],
    clips: Sequence[Clip],
    prompts: Sequence[str],
    noise: Sequence[Heard],
    *,
    held_out: HeldOut,
    seed: int,
    progress: Callable[[str], None],
) -> list[State]:
    sounds = [[*listener.hear(recorded(some))] for listener, some in parts]
    steps = [one for (listener, _), some in zip(parts, sounds, strict=True) for one in listener.steps(some, prompts)]
    first = State(heard=0, steps=steps, weights=np.zeros(len(clips)))
    asked = parts[0][0].defaults
    correction = fit_readout(asked.prompt, asked.readout, clips, [first], noise, held_out=held_out).entry
    progress(f"hearing them again, each after {HEARD} others of its speaker")
    stream = Stream(heard=HEARD)
    anchors = [
        anchors_after(stream, some, heard, listener.reader, rng=np.random.default_rng(seed), correction=correction)
        for (listener, some), heard in zip(parts, sounds, strict=True)
    ]
    asked_again = [*zip(parts, sounds, anchors, strict=True)]
    return [
        first,
        State(
            heard=HEARD,
            steps=[one for (listener, _), heard, known in asked_again for one in listener.steps(heard, prompts, known)],
            weights=np.array(
                [
                    anchor.weight(listener.pseudo_utterances or 0.0)
                    for (listener, _), _, known in asked_again
                    for anchor in known
                ]
            ),
        ),
    ]
