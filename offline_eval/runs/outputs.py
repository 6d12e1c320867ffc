"""From kept answers to distributions, without the model: any prompt, level, read-out, pool and scope in seconds."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from core.distribution import EMOTIONS
from core.errors import UsageError
from core.ltu_as.readout import InvalidReading
from core.ltu_as.steps import StepLogits
from offline_eval.runs.folder import Question, RunFolder
from offline_eval.runs.views import View
from offline_eval.scoring.evaluation import SystemOutput


@dataclass(frozen=True, slots=True)
class Readings:
    """What one view of a run's answers gives.

    Attributes:
        view: The view.
        output: Under the view's name, rows in the order of the run's utterances.
        invalid: Number of utterances without a reading, by reason.
        spread: Mean over the utterances read of how far apart their answers were; None where each has one.
        invalid_samples: Of utterances that have a reading, the number of drawn texts without one, by reason.
    """

    view: View
    output: SystemOutput
    invalid: Mapping[str, int]
    spread: float | None = None
    invalid_samples: Mapping[str, int] = field(default_factory=dict)


def read_views(folder: RunFolder, views: Sequence[View]) -> list[Readings]:
    """Reads all views, going once through the answers that views of the same ones need, a block in memory at a time.

    Raises:
        UsageError: Answers to a question are not there.
    """
    by_questions: dict[tuple[Question, ...], list[View]] = {}
    for view in views:
        by_questions.setdefault(_questions(folder, view), []).append(view)
    found: dict[View, Readings] = {}
    for questions, some in by_questions.items():
        found |= {readings.view: readings for readings in _read(folder, questions, some)}
    return [found[view] for view in views]


def _read(folder: RunFolder, questions: Sequence[Question], views: Sequence[View]) -> list[Readings]:
    tallies = [_Tally(view, len(folder.items)) for view in views]
    for row, answers in enumerate(zip(*map(folder.answers, questions), strict=True)):
        steps = [answer.steps for answer in answers if answer.steps is not None]
        missing = next((answer.reason or "no answer" for answer in answers if answer.steps is None), None)
        for tally in tallies:
            tally.add(row, steps, missing)
    return [tally.readings for tally in tallies]


class _Tally:
    """The readings of a view, utterance by utterance."""

    def __init__(self, view: View, utterances: int) -> None:
        self._view = view
        self._probabilities = np.full((utterances, len(EMOTIONS)), np.nan)
        self._invalid, self._invalid_samples = Counter[str](), Counter[str]()
        self._spreads: list[float] = []

    def add(self, row: int, steps: Sequence[StepLogits], missing: str | None) -> None:
        """Reads the answers about one utterance; `missing` says why it has not got all of them."""
        if missing is not None:
            self._invalid[missing] += 1
            return
        try:
            seen = self._view.read(*steps)
        except InvalidReading as error:
            self._invalid[error.reason] += 1
            return
        self._probabilities[row] = list(seen.distribution)
        self._invalid_samples += seen.invalid
        self._spreads += [] if seen.spread is None else [seen.spread]

    @property
    def readings(self) -> Readings:
        """Of all utterances."""
        return Readings(
            self._view,
            SystemOutput(self._view.name, self._probabilities),
            dict(sorted(self._invalid.items())),
            float(np.mean(self._spreads)) if self._spreads else None,
            dict(sorted(self._invalid_samples.items())),
        )


def _questions(folder: RunFolder, view: View) -> tuple[Question, ...]:
    there = {question.asked: question for question in folder.record.questions}
    if missing := next((asked for asked in view.asked if asked not in there), None):
        msg = f"{folder.path}: no answers to the {missing.prompt} prompt with {missing.input}"
        options = f" --ensemble {view.ensemble}" if view.ensemble != "off" else ""
        if view.samples is not None:
            options = f" --samples {view.samples.number} --seed {view.samples.seed}"
        raise UsageError(msg, hint=f"run it again with --prompt {view.prompt} --input {view.input}{options}")
    return tuple(there[asked] for asked in view.asked)
