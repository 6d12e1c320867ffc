"""From kept answers to distributions, without the model: any prompt, level, read-out, pool and scope in seconds."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from core.distribution import EMOTIONS
from core.errors import UsageError
from core.ltu_as.readout import InvalidReading
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
    """

    view: View
    output: SystemOutput
    invalid: Mapping[str, int]


def read_views(folder: RunFolder, views: Sequence[View]) -> list[Readings]:
    """Reads all views, going through the answers to each question once, a block in memory at a time.

    Raises:
        UsageError: Answers to a question are not there.
    """
    by_question: dict[Question, list[View]] = {}
    for view in views:
        by_question.setdefault(_question(folder, view), []).append(view)
    found: dict[View, Readings] = {}
    for question, some in by_question.items():
        found |= {readings.view: readings for readings in _read(folder, question, some)}
    return [found[view] for view in views]


def _read(folder: RunFolder, question: Question, views: Sequence[View]) -> list[Readings]:
    probabilities = np.full((len(views), len(folder.items), len(EMOTIONS)), np.nan)
    reasons = [Counter[str]() for _ in views]
    for row, answer in enumerate(folder.answers(question)):
        for n, view in enumerate(views):
            if answer.steps is None:
                reasons[n][answer.reason or "no answer"] += 1
                continue
            try:
                probabilities[n, row] = list(view.read(answer.steps))
            except InvalidReading as error:
                reasons[n][error.reason] += 1
    return [
        Readings(view, SystemOutput(view.name, rows), dict(sorted(why.items())))
        for view, rows, why in zip(views, probabilities, reasons, strict=True)
    ]


def _question(folder: RunFolder, view: View) -> Question:
    for question in folder.record.questions:
        if (question.prompt, question.input) == (view.prompt, view.input):
            return question
    msg = f"{folder.path}: no answers to the {view.prompt} prompt with {view.input}"
    raise UsageError(msg, hint=f"run it again with --prompt {view.prompt} --input {view.input}")
