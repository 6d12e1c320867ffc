"""What a calibration is worth to speakers that it was not fitted on."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from core.ltu_as.abstention import Abstention
from core.ltu_as.calibration import Correction, Entry, log_of
from core.ltu_as.ensemble import read_members
from core.ltu_as.readout import InvalidReading, Kind
from core.ltu_as.steps import StepLogits
from core.ltu_as.wordings import members
from core.settings import Ensemble
from offline_eval.calibration.temperature import fit_adapted_temperature, fit_temperature_and_prior
from offline_eval.calibration.thresholds import Heard, reason_not_to_read
from offline_eval.labels.clips import Clip, targets_of
from offline_eval.scoring.metrics.calibration import expected_error, reliability
from offline_eval.scoring.metrics.sample import Sample, Values
from offline_eval.scoring.metrics.scoring_rules import log_loss

LEAST_VALID = 0.9
"""A read-out that gives a distribution for fewer of the clips is not calibrated."""

HeldOut = Literal["speaker", "corpus"]
"""Whose clips are left out at a time when a correction is judged."""

Rows = NDArray[np.bool_]

_CORRECTION = tuple(part.name for part in fields(Correction))


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """Scores in which each corpus counts alike.

    Attributes:
        nll: In nats.
        ece: Expected calibration error, in bins of the top probability.
        confidence: Mean top probability in those of the bins that hold clips.
        accuracy: Share of the clips of each whose likeliest emotion is the label.
        share: Of all clips, those of each.
    """

    nll: float
    ece: float
    confidence: tuple[float, ...]
    accuracy: tuple[float, ...]
    share: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Worth:
    """What a correction does to readings.

    Attributes:
        temperature: That of a stream of which nothing was heard, or that of one which is wholly known.
        before: As the model reads.
        after: Each speaker, or corpus, corrected by what was fitted on the others.
    """

    temperature: float
    before: Quality
    after: Quality


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class State:
    """Readings of clips whose streams were heard before.

    Attributes:
        heard: So many utterances.
        steps: Of each clip, by prompt.
        weights: [N], of the anchors that they were read with.
    """

    heard: int
    steps: Sequence[Mapping[str, StepLogits]]
    weights: Values


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """One prompt and read-out, pooled by the mean over all steps.

    Attributes:
        prompt: The prompt.
        readout: The read-out.
        ensemble: In which ways the prompt was asked.
        clips: How many had a distribution.
        entry: Fitted on all of them; None where the read-out is too often invalid.
        worth: What that does, by the utterances that were heard of a stream before; empty where there is no entry.
    """

    prompt: str
    readout: Kind
    clips: int
    ensemble: Ensemble = "off"
    entry: Entry | None = None
    worth: Mapping[int, Worth] = field(default_factory=dict)

    @property
    def asked(self) -> str:
        """The prompt, and the ensemble if there is one."""
        return self.prompt if self.ensemble == "off" else f"{self.prompt}, {self.ensemble}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """What becomes of some sounds with a prompt: how many there are, and how many have no reading, by reason."""

    sounds: str
    prompt: str
    number: int
    reasons: Mapping[str, int]


def fit_readout(
    prompt: str,
    kind: Kind,
    clips: Sequence[Clip],
    states: Sequence[State],
    noise: Sequence[Heard],
    *,
    ensemble: Ensemble = "off",
    held_out: HeldOut = "speaker",
) -> Fitted:
    """Fits one read-out on clips of at least two speakers, and scores the fit by leaving one speaker out at a time.

    Or one corpus, where `held_out` says so: what a correction is worth to voices and rooms like none it was fitted on.

    Args:
        prompt: The prompt.
        kind: The read-out.
        clips: Labelled.
        states: Their readings when nothing was heard before and, of a model that gets to know voices, another.
        noise: Sounds without content.
        ensemble: In which ways the prompt was asked.
        held_out: Whose clips are left out.
    """
    of_state = [log_probs_of(state.steps, prompt, kind, ensemble) for state in states]
    valid = np.all([_complete(log_p) for log_p in of_state], axis=0)
    heard = [clip for clip, has in zip(clips, valid, strict=True) if has]
    if valid.mean() < LEAST_VALID or len({getattr(clip, held_out) for clip in heard}) < 2:  # noqa: PLR2004
        return Fitted(prompt=prompt, readout=kind, ensemble=ensemble, clips=len(heard))
    targets, weights = targets_of(heard), _weights(heard)
    of_state, known = [log_p[valid] for log_p in of_state], [state.weights[valid] for state in states]
    content_free = log_probs_of([one.steps for one in noise], prompt, kind, ensemble)
    content_free = content_free[_complete(content_free)]

    def fit(rows: Rows) -> Correction:
        correction = fit_temperature_and_prior(of_state[0][rows], targets[rows], content_free, weights[rows])
        for log_p, anchored in zip(of_state[1:], known[1:], strict=True):
            correction = fit_adapted_temperature(correction, log_p[rows], anchored[rows], targets[rows], weights[rows])
        return correction

    corrected = [np.empty_like(log_p) for log_p in of_state]
    for part in _each(heard, held_out):
        correction = fit(~part)
        for log_q, log_p, anchored in zip(corrected, of_state, known, strict=True):
            log_q[part] = correction.corrected(log_p[part], anchored[part])
    correction = fit(np.ones(len(heard), np.bool_))
    return Fitted(
        prompt=prompt,
        readout=kind,
        ensemble=ensemble,
        clips=len(heard),
        entry=Entry(
            prompt=prompt,
            readout=kind,
            ensemble=ensemble,
            **{name: getattr(correction, name) for name in _CORRECTION},
        ),
        worth={
            state.heard: Worth(
                temperature=float(correction.temperature_at(state.heard > 0)),
                before=_quality(heard, log_p, weights),
                after=_quality(heard, log_q, weights),
            )
            for state, log_p, log_q in zip(states, of_state, corrected, strict=True)
        },
    )


def refused(name: str, prompt: str, judged: Iterable[tuple[Heard, Abstention]]) -> Refused:
    """Counts sounds, each judged by thresholds that it had no part in."""
    reasons = [reason_not_to_read(abstention, heard, prompt) for heard, abstention in judged]
    counts = Counter(reason for reason in reasons if reason is not None)
    return Refused(sounds=name, prompt=prompt, number=len(reasons), reasons=counts)


def log_probs_of(
    sounds: Sequence[Mapping[str, StepLogits]], prompt: str, kind: Kind, ensemble: Ensemble = "off"
) -> Values:
    """[N, 4]: log-probabilities of sounds, given each prompt's and member's logits; NaN where a reading is invalid."""
    rows, asked = np.full((len(sounds), 4), np.nan), members(prompt, ensemble)
    for row, steps in zip(rows, sounds, strict=True):
        try:
            heard, _ = read_members([steps[name] for name in asked], kind=kind, pool="mean", scope="all")
        except InvalidReading:
            continue
        row[:] = log_of(tuple(heard))
    return rows


def _each(clips: Sequence[Clip], held_out: HeldOut) -> Iterator[Rows]:
    """For each speaker, or corpus, which of the clips [N] are theirs."""
    owners = np.array([getattr(clip, held_out) for clip in clips])
    for owner in np.unique(owners):
        yield owners == owner


def _complete(log_p: Values) -> Rows:
    complete: Rows = np.isfinite(log_p.sum(axis=1))
    return complete


def _weights(clips: Sequence[Clip]) -> Values:
    sizes = Counter(clip.corpus for clip in clips)
    return np.array([1 / sizes[clip.corpus] for clip in clips])


def _quality(clips: Sequence[Clip], log_q: Values, weights: Values) -> Quality:
    sample = Sample.of_clips(clips, np.exp(log_q))
    diagram = reliability(sample, weights)
    sizes, tops, hits = diagram[diagram[:, 0] > 0].T
    return Quality(
        nll=float(np.average(log_loss(sample.human, sample.model), weights=weights)),
        ece=float(expected_error(diagram)),
        confidence=tuple((tops / sizes).tolist()),
        accuracy=tuple((hits / sizes).tolist()),
        share=tuple((sizes / sizes.sum()).tolist()),
    )
