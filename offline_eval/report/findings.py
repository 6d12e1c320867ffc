"""What a run came to: its answers read in every way asked for, and these scored beside what needs no model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from core.errors import UsageError
from core.ltu_as.folder import EMBEDDED
from offline_eval.labels.rated import RatedUtterance, humans_of
from offline_eval.runs.folder import Question, RunFolder, RunRecord
from offline_eval.runs.items import Item
from offline_eval.runs.outputs import Readings, read_views
from offline_eval.runs.presets import PRESETS
from offline_eval.runs.summary import contamination
from offline_eval.runs.views import View
from offline_eval.scoring.evaluation import Evaluation, SystemOutput, evaluate
from offline_eval.scoring.metrics.divergence import kl_divergence
from offline_eval.scoring.metrics.sample import Sample, Values
from offline_eval.scoring.reference_points import LeaveOneOut, constant_outputs, leave_one_out
from offline_eval.scoring.resampling import DRAWS
from offline_eval.scoring.trial import Difference

WORST_EPSILON = 1e-2
"""Of the divergence that utterances are ranked by: a smaller one would rank the zeros of a reading."""

_USUAL = "seq_logprob"
"""The read-out that is judged unless another is asked for: that of the live program."""

_LEARNED_FROM = ("ravdess", "nemo", "emodb", "emodb_full", "ased", "emotiontts")
_LEARNED = (
    f"{EMBEDDED} has learned from train speakers of RAVDESS, nEMO, EmoDB, ASED and emotiontts: on those speakers, what "
    "it comes to here says little of others."
)


@dataclass(frozen=True, slots=True)
class Heard:
    """What the model was given of an utterance, beyond its sound.

    Attributes:
        truncated_s: How much of the sound was cut off; None where that is not known.
        transcript: Words in the question, if there were any.
    """

    truncated_s: float | None
    transcript: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """Everything that a report says.

    Attributes:
        record: Of the run.
        rated: N utterances, in the order of the run.
        durations_s: [N] NaN where not known.
        heard: [N] or empty, where the recordings were not asked about.
        readings: Every view that the answers allow.
        constants: What needs no model.
        evaluation: Of readings and constants.
        people: Each rater against the others; None where no utterance has two.
        judged: The view that figures and differences are of.
        differences: The judged view minus each reference.
        unread: Questions of the run whose answers are not all there.
        warnings: What to know before believing any number.
    """

    record: RunRecord
    rated: tuple[RatedUtterance, ...]
    durations_s: Values
    heard: tuple[Heard, ...]
    readings: tuple[Readings, ...]
    constants: tuple[SystemOutput, ...]
    evaluation: Evaluation
    people: LeaveOneOut | None
    judged: View
    differences: tuple[Difference, ...]
    unread: tuple[Question, ...]
    warnings: tuple[str, ...]

    @property
    def views(self) -> dict[str, View]:
        """Name to view, of all readings."""
        return {one.view.name: one.view for one in self.readings}

    @property
    def humans(self) -> Values:
        """[N, 4]."""
        return humans_of(self.rated)

    @property
    def probabilities(self) -> Values:
        """[N, 4] what the judged view reads, NaN where that is invalid."""
        return next(one.output.probabilities for one in self.readings if one.view == self.judged)

    @property
    def valid(self) -> NDArray[np.bool_]:
        """[N] whether the judged view has a reading."""
        valid: NDArray[np.bool_] = np.asarray(np.isfinite(self.probabilities).all(1))
        return valid

    @property
    def sample(self) -> Sample:
        """Utterances with a valid reading of the judged view."""
        rated = [one for one, good in zip(self.rated, self.valid, strict=True) if good]
        return Sample.of(rated, self.probabilities[self.valid])

    @property
    def truncated(self) -> tuple[int, int]:
        """Number of utterances whose end was cut off, and of those of which that is known."""
        known = [one.truncated_s for one in self.heard if one.truncated_s is not None]
        return sum(seconds > 0 for seconds in known), len(known)

    def worst(self, number: int) -> list[tuple[int, float]]:
        """Rows of the utterances that the judged view reads worst, and their KL (eps 1e-2), worst first."""
        rows = np.flatnonzero(self.valid)
        kl = kl_divergence(self.humans[rows], self.probabilities[rows], epsilon=WORST_EPSILON)
        ordered = sorted(
            zip(rows.tolist(), kl.tolist(), strict=True),
            key=lambda pair: (-pair[1], self.rated[pair[0]].utterance.utterance_id),
        )
        return ordered[:number]


def gather(folder: RunFolder, *, judged: str | None = None, draws: int = DRAWS, seed: int = 0) -> Findings:
    """Reads and scores a run.

    Args:
        folder: Of the run.
        judged: Name of the view that figures and differences are of.
        draws: Of the bootstrap.
        seed: The same.

    Raises:
        UsageError: Answers to no question are all there, or no view has the name.
    """
    answered = answered_questions(folder)
    readings = read_views(folder, readable(folder.record, answered))
    view = judged_view(readings, judged)
    return findings_of(
        folder.record, folder.items, readings, judged=view, heard=_heard(folder, answered), draws=draws, seed=seed
    )


def findings_of(
    record: RunRecord,
    items: Sequence[Item],
    readings: Sequence[Readings],
    *,
    judged: View,
    heard: Sequence[Heard] = (),
    draws: int = DRAWS,
    seed: int = 0,
) -> Findings:
    """Scores what was read."""
    rated = [item.rated for item in items]
    constants = constant_outputs(rated)
    evaluation = evaluate(rated, [*(one.output for one in readings), *constants], draws=draws, seed=seed)
    references = [*(one.name for one in constants), *(one.name for one in _without_sound(judged, readings))]
    asked = {asked for one in readings for asked in one.view.asked}
    return Findings(
        record=record,
        rated=tuple(rated),
        durations_s=np.array([np.nan if item.duration_s is None else item.duration_s for item in items]),
        heard=tuple(heard),
        readings=tuple(readings),
        constants=constants,
        evaluation=evaluation,
        people=leave_one_out(rated, draws=draws, seed=seed),
        judged=judged,
        differences=evaluation.paired(judged.name, references),
        unread=tuple(question for question in record.questions if question.asked not in asked),
        warnings=warnings_of(record, rated),
    )


def answered_questions(folder: RunFolder) -> list[Question]:
    """Those whose answers are all there.

    Raises:
        UsageError: There is none.
    """
    answered = [question for question in folder.record.questions if not folder.missing(question)]
    if not answered:
        msg = f"{folder.path}: answers to no question are all there"
        raise UsageError(msg, hint="run the same command again, run the other shards, or merge them")
    return answered


def readable(record: RunRecord, answered: Sequence[Question]) -> tuple[View, ...]:
    """The views that a run asked for, then those of the paper's tables, as far as answers are there."""
    there = {question.asked for question in answered}
    wanted = (*record.views, *(view for preset in PRESETS.values() for view in preset.views))
    return tuple(dict.fromkeys(view for view in wanted if there.issuperset(view.asked)))


def warnings_of(record: RunRecord, rated: Sequence[RatedUtterance]) -> tuple[str, ...]:
    """What to know before believing any number of a run on these utterances."""
    model: Mapping[str, object] = record.model
    found = [note] if (note := contamination(record.dataset, str(model["name"]))) else []
    if model["name"] == EMBEDDED and any(one.utterance.corpus in _LEARNED_FROM for one in rated):
        found.append(_LEARNED)
    return tuple(found)


def judged_view(readings: Sequence[Readings], name: str | None) -> View:
    """The view of a name; else the usual read-out of the recordings, or the first view that reads anything.

    Raises:
        UsageError: There is no view of that name.
    """
    views = {one.view.name: one.view for one in readings}
    if name is not None:
        if name not in views:
            msg = f"there is no view {name!r}"
            raise UsageError(msg, hint=f"there are {', '.join(views)}")
        return views[name]

    def rank(one: Readings) -> tuple[bool, bool, bool, bool]:
        view = one.view
        nothing = not np.isfinite(one.output.probabilities).all(1).any()
        return view.input != "audio", nothing, view.readout != _USUAL, view.prompt != "single"

    return min(readings, key=rank).view


def _without_sound(view: View, readings: Sequence[Readings]) -> list[View]:
    """The same view of silence and of transcripts, where it was asked for."""
    others = (one.view for one in readings if one.view != view and one.view.input != "audio")
    return [other for other in others if replace(other, input="audio") == view]


def _heard(folder: RunFolder, answered: Sequence[Question]) -> tuple[Heard, ...]:
    question = next((one for one in answered if one.input == "audio"), None)
    if question is None:
        return ()
    steps = (answer.steps for answer in folder.answers(question))
    return tuple(Heard(one.truncated_s, one.transcript) if one else Heard(None, None) for one in steps)
