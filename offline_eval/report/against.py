"""Two runs against each other, on the utterances that both are about."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.errors import UsageError
from offline_eval.labels.rated import RatedUtterance
from offline_eval.report.differences import difference_notes, difference_table
from offline_eval.report.document import Block, Document, Facts, Paragraph, Section
from offline_eval.report.findings import answered_questions, readable
from offline_eval.report.markdown import as_markdown
from offline_eval.report.plain import difference_of, dumped, scores_of
from offline_eval.report.scores import score_table
from offline_eval.runs.folder import RunFolder, RunRecord
from offline_eval.runs.outputs import read_views
from offline_eval.runs.views import View
from offline_eval.scoring.evaluation import Evaluation, SystemOutput, evaluate
from offline_eval.scoring.resampling import DRAWS
from offline_eval.scoring.trial import Difference, corrected

SCHEMA = "emotion-eval/compare-runs/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Duel:
    """What two runs came to on the same utterances.

    Attributes:
        names: Of both runs, distinct.
        records: Of both.
        n_common: Utterances that both are about.
        views: Ways to read that the answers of both allow.
        evaluation: Of all views of both, named by `system`.
        differences: First minus second, view by view, Holm-corrected over all of them.
    """

    names: tuple[str, str]
    records: tuple[RunRecord, RunRecord]
    n_common: int
    views: tuple[View, ...]
    evaluation: Evaluation
    differences: tuple[Difference, ...]


def compare_runs(first: Path, second: Path, *, draws: int = DRAWS, seed: int = 0) -> Duel:
    """Reads both runs in all ways that both allow, and scores them on the utterances that both are about.

    Raises:
        UsageError: A run is not there, or both are one; they share no utterance, or no question; or people heard
            something else in one of them.
    """
    if first.resolve() == second.resolve():
        msg = f"{first} and {second} are the same run"
        raise UsageError(msg, hint="give two runs")
    folders = RunFolder.open(first), RunFolder.open(second)
    rows = _common(*folders)
    rated = [folders[0].rated[row] for row in rows[0].tolist()]
    views = _shared_views(*folders)
    names = (first.name, second.name) if first.name != second.name else (str(first), str(second))
    outputs = [
        SystemOutput(system(name, one.view), one.output.probabilities[chosen])
        for name, folder, chosen in zip(names, folders, rows, strict=True)
        for one in read_views(folder, views)
    ]
    evaluation = evaluate(rated, outputs, draws=draws, seed=seed)
    pairs = [(system(names[0], view), system(names[1], view)) for view in views]
    return Duel(
        names=names,
        records=(folders[0].record, folders[1].record),
        n_common=len(rated),
        views=views,
        evaluation=evaluation,
        differences=corrected([one for mine, other in pairs for one in evaluation.paired(mine, [other])]),
    )


def system(run: str, view: View) -> str:
    """Name of a view of a run."""
    return f"{run}: {view.name}"


def duel_as_markdown(duel: Duel) -> str:
    """Scores and differences as tables."""
    facts = Facts(tuple((name, _about(record)) for name, record in zip(duel.names, duel.records, strict=True)))
    groups = {name: [system(name, view) for view in duel.views] for name in duel.names}
    scores = score_table("Scores on the utterances of both", duel.evaluation, groups)
    difference = difference_table(f"{duel.names[0]} minus {duel.names[1]}", duel.differences)
    blocks: tuple[Block, ...] = (Paragraph(f"{duel.n_common:,} utterances are in both."), facts, *_warnings(duel))
    notes = difference_notes(duel.differences, duel.evaluation.draws)
    return as_markdown(
        Document(
            f"{duel.names[0]} against {duel.names[1]}",
            (
                Section(anchor="runs", title="Runs", blocks=blocks),
                Section(anchor="scores", title="Scores", blocks=(scores,)),
                Section(anchor="differences", title="Differences", blocks=(difference, notes)),
            ),
        )
    )


def duel_as_json(duel: Duel) -> str:
    """Every score and difference, unrounded."""
    evaluation = duel.evaluation
    return dumped(
        {
            "schema": SCHEMA,
            "names": duel.names,
            "n_common": duel.n_common,
            "bootstrap": {"level": 0.95, "interval": "BCa", "draws": evaluation.draws, "seed": evaluation.seed},
            "models": [record.model for record in duel.records],
            "views": [view.name for view in duel.views],
            "scores": {
                name: {view.name: scores_of(evaluation.systems[system(name, view)].scored) for view in duel.views}
                for name in duel.names
            },
            "differences": list(map(difference_of, duel.differences)),
        }
    )


def _common(first: RunFolder, second: RunFolder) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows of the same utterances in both, in the order of the first."""
    places = {_key(one): row for row, one in enumerate(second.rated)}
    pairs = [(row, places[_key(one)]) for row, one in enumerate(first.rated) if _key(one) in places]
    if not pairs:
        msg = f"{first.path} and {second.path} have no utterance in common"
        raise UsageError(msg, hint="compare runs over the same corpus")
    for mine, other in pairs:
        if _labels(first.rated[mine]) != _labels(second.rated[other]):
            msg = f"{first.path} and {second.path} differ in what people heard, as in {_key(first.rated[mine])[1]}"
            raise UsageError(msg, hint="make both runs with the same label policy")
    rows = np.array(pairs, dtype=np.intp)
    return rows[:, 0], rows[:, 1]


def _key(one: RatedUtterance) -> tuple[str, str]:
    return one.utterance.corpus, one.utterance.utterance_id


def _labels(one: RatedUtterance) -> tuple[object, ...]:
    return one.human, one.votes, one.hard_label


def _shared_views(first: RunFolder, second: RunFolder) -> tuple[View, ...]:
    answered = [answered_questions(folder) for folder in (first, second)]
    others = {one.asked for one in answered[1]}
    both = [one for one in answered[0] if one.asked in others]
    views = dict.fromkeys((*readable(first.record, both), *readable(second.record, both)))
    if not views:
        msg = f"{first.path} and {second.path} have no question in common"
        raise UsageError(msg, hint="run one of them again with --prompt and --input of the other")
    return tuple(views)


def _about(record: RunRecord) -> str:
    return (
        f"{record.model['name']}, sha256 {record.model['sha256']}, on {record.n_utterances:,} utterances of "
        f"{record.dataset}"
    )


def _warnings(duel: Duel) -> tuple[Paragraph, ...]:
    """How else the runs differ than in their model."""
    first, second = duel.records
    names = ("decoding", "batch", "verbalizer")
    differ = [name for name in names if getattr(first, name) != getattr(second, name)]
    return (Paragraph(f"The runs differ in {' and '.join(differ)}, too.", warning=True),) if differ else ()
