"""Runs against each other, of different models for one, on the utterances that all of them are about."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.durable import write_text
from core.errors import UsageError
from offline_eval.labels.rated import RatedUtterance
from offline_eval.report.differences import difference_notes, difference_table
from offline_eval.report.document import Block, Document, Facts, Listing, Paragraph, Section
from offline_eval.report.findings import answered_questions, judged_view, readable, warnings_of
from offline_eval.report.markdown import as_markdown
from offline_eval.report.page import as_page
from offline_eval.report.plain import difference_of, dumped, scores_of
from offline_eval.report.scores import CONSTANT, score_table
from offline_eval.report.words import HEADLINE, SOFT_LABELS, legend
from offline_eval.runs.folder import FILE as RUN_FILE
from offline_eval.runs.folder import RunFolder, RunRecord
from offline_eval.runs.outputs import read_views
from offline_eval.runs.views import View
from offline_eval.scoring.evaluation import Evaluation, SystemOutput, evaluate
from offline_eval.scoring.reference_points import constant_outputs
from offline_eval.scoring.resampling import DRAWS
from offline_eval.scoring.trial import Difference, corrected

SCHEMA = "emotion-eval/compare-runs/1"

Rows = NDArray[np.intp]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contest:
    """What runs came to on the same utterances.

    Attributes:
        names: Of the runs, distinct.
        records: Of the runs.
        rated: Utterances that all are about.
        views: Ways to read that the answers of all allow.
        evaluation: Of all views of all runs, named by `system`, each on the utterances of which every run has a valid
            reading in this view; and of what needs no model.
        invalid: Name of a system to the number of `rated` of which it has no valid reading itself; only above 0.
        differences: The first minus each other one, in each view that is tested, Holm-corrected over all of them.
    """

    names: tuple[str, ...]
    records: tuple[RunRecord, ...]
    rated: tuple[RatedUtterance, ...]
    views: tuple[View, ...]
    evaluation: Evaluation
    invalid: Mapping[str, int]
    differences: tuple[Difference, ...]

    @property
    def constants(self) -> list[str]:
        """Names of what needs no model."""
        mine = {system(name, view) for name in self.names for view in self.views}
        return [name for name in self.evaluation.systems if name not in mine]


def compare_runs(
    *paths: Path, draws: int = DRAWS, seed: int = 0, one_view: bool = False, judged: str | None = None
) -> Contest:
    """Reads runs in all ways that all of them allow, and scores them on the utterances that all are about.

    Args:
        paths: Folders of the runs.
        draws: Of the bootstrap.
        seed: The same.
        one_view: Test differences in one view only, as the correction for each further one costs all of them.
        judged: Name of that view; None: the usual read-out, see `judged_view`.

    Raises:
        UsageError: A run is not there, or is given twice; they share no utterance, or no question; people heard
            something else in one of them; or there is no view of that name.
    """
    if again := next((path for n, path in enumerate(paths) if path.resolve() in _resolved(paths[:n])), None):
        msg = f"{again} and a folder before it are the same run"
        raise UsageError(msg, hint="give each run once")
    folders = [RunFolder.open(path) for path in paths]
    rows = _common(folders)
    rated = [folders[0].rated[row] for row in rows[0].tolist()]
    views = _shared_views(folders)
    names = _names(folders)
    outputs: list[SystemOutput] = []
    invalid: dict[str, int] = {}
    readings = [read_views(folder, views) for folder in folders]
    for n, view in enumerate(views):
        read = [mine[n].output.probabilities[chosen] for mine, chosen in zip(readings, rows, strict=True)]
        missing = [np.isnan(one).any(axis=1) for one in read]
        without = np.any(missing, axis=0)
        for name, one, mine in zip(names, read, missing, strict=True):
            outputs.append(SystemOutput(system(name, view), np.where(without[:, None], np.nan, one)))
            if mine.any():
                invalid[system(name, view)] = int(mine.sum())
    evaluation = evaluate(rated, [*outputs, *constant_outputs(rated)], draws=draws, seed=seed)
    first, *others = names
    tested = [judged_view(readings[0], judged)] if one_view else views
    paired = [evaluation.paired(system(first, view), [system(other, view) for other in others]) for view in tested]
    return Contest(
        names=names,
        records=tuple(folder.record for folder in folders),
        rated=tuple(rated),
        views=views,
        evaluation=evaluation,
        invalid=invalid,
        differences=corrected([one for some in paired for one in some]),
    )


def system(run: str, view: View) -> str:
    """Name of a view of a run."""
    return f"{run}: {view.name}"


def write_contest(contest: Contest, folder: Path) -> tuple[Path, ...]:
    """Writes report.html, report.md and report.json into a folder.

    Raises:
        UsageError: It is the folder of a run, which has a report of its own.
    """
    if (folder / RUN_FILE).exists():
        msg = f"{folder} is the folder of a run"
        raise UsageError(msg, hint="give another --out: a report on several runs lies beside them")
    document = document_of(contest)
    texts = {
        "report.html": as_page(document),
        "report.md": as_markdown(document),
        "report.json": contest_as_json(contest),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        write_text(folder / name, text)
    return tuple(folder / name for name in texts)


def document_of(contest: Contest) -> Document:
    """Scores by view, and differences."""
    first, *others = contest.names
    facts = Facts(tuple((name, _about(record)) for name, record in zip(contest.names, contest.records, strict=True)))
    groups = {view.name: [system(name, view) for name in contest.names] for view in contest.views}
    groups[CONSTANT] = contest.constants
    labels = {system(name, view): name for name in contest.names for view in contest.views}
    total = len(contest.rated)
    remarks = {
        name: f"(of {total:,}, {contest.invalid[name]:,} invalid)" if name in contest.invalid else f"(of {total:,})"
        for name in labels
    }
    tables = [
        score_table(caption, contest.evaluation, groups, measures=measures, labels=labels, remarks=remarks)
        for caption, measures in (
            ("Scores on the utterances of all", HEADLINE),
            ("Soft labels, on the same utterances", SOFT_LABELS),
        )
    ]
    drawn = contest.evaluation.draws
    notes = (
        f"Scored: utterances of which every run has a valid reading there. Intervals: 95 %, BCa, {drawn:,} draws.",
        legend((*HEADLINE, *(name for name in SOFT_LABELS if name not in HEADLINE))),
        "Invalid: readings of this run that are none; where they are many, the other runs are scored on what is left.",
    )
    difference = difference_table(f"{first} minus {' and '.join(others)}", contest.differences)
    common = Paragraph(f"{total:,} utterances are in {'both' if len(others) == 1 else 'all'}.")
    return Document(
        f"{first} against {' and '.join(others)}",
        (
            Section(anchor="runs", title="Runs", blocks=(common, facts, *_warnings(contest))),
            Section(anchor="scores", title="Scores", blocks=(*tables, Listing(notes))),
            Section(
                anchor="differences",
                title="Differences",
                blocks=(difference, difference_notes(contest.differences, drawn)),
            ),
        ),
    )


def contest_as_json(contest: Contest) -> str:
    """Every score and difference, unrounded."""
    evaluation = contest.evaluation
    return dumped(
        {
            "schema": SCHEMA,
            "names": contest.names,
            "n_common": len(contest.rated),
            "bootstrap": {"level": 0.95, "interval": "BCa", "draws": evaluation.draws, "seed": evaluation.seed},
            "models": [record.model for record in contest.records],
            "views": [view.name for view in contest.views],
            "scores": {
                name: {view.name: scores_of(evaluation.systems[system(name, view)].scored) for view in contest.views}
                for name in contest.names
            },
            "constants": {name: scores_of(evaluation.systems[name].scored) for name in contest.constants},
            "invalid": contest.invalid,
            "differences": list(map(difference_of, contest.differences)),
        }
    )


def _resolved(paths: Sequence[Path]) -> set[Path]:
    return {path.resolve() for path in paths}


def _names(folders: Sequence[RunFolder]) -> tuple[str, ...]:
    """What tells the runs apart: their models, else their folders."""
    models = [str(folder.record.model["name"]) for folder in folders]
    for names in (models, [folder.path.name for folder in folders]):
        if len(set(names)) == len(names):
            return tuple(names)
    return tuple(str(folder.path) for folder in folders)


def _common(folders: Sequence[RunFolder]) -> list[Rows]:
    """Of each folder the rows of the utterances that are in all, in the order of the first."""
    places = [{_key(one): row for row, one in enumerate(folder.rated)} for folder in folders]
    shared = [key for key in places[0] if all(key in others for others in places[1:])]
    if not shared:
        msg = f"{', '.join(str(folder.path) for folder in folders)} have no utterance in common"
        raise UsageError(msg, hint="compare runs over the same corpus")
    rows = [np.array([mine[key] for key in shared], dtype=np.intp) for mine in places]
    first = folders[0]
    for folder, mine in zip(folders[1:], rows[1:], strict=True):
        for key, row, other in zip(shared, rows[0].tolist(), mine.tolist(), strict=True):
            if _labels(first.rated[row]) != _labels(folder.rated[other]):
                msg = f"{first.path} and {folder.path} differ in what people heard, as in {key[1]}"
                raise UsageError(msg, hint="make all runs with the same label policy")
    return rows


def _key(one: RatedUtterance) -> tuple[str, str]:
    return one.utterance.corpus, one.utterance.utterance_id


def _labels(one: RatedUtterance) -> tuple[object, ...]:
    return one.human, one.votes, one.hard_label


def _shared_views(folders: Sequence[RunFolder]) -> tuple[View, ...]:
    answered = [answered_questions(folder) for folder in folders]
    everywhere = set.intersection(*({one.asked for one in some} for some in answered))
    shared = [one for one in answered[0] if one.asked in everywhere]
    views = dict.fromkeys(view for folder in folders for view in readable(folder.record, shared))
    if not views:
        msg = f"{', '.join(str(folder.path) for folder in folders)} have no question in common"
        raise UsageError(msg, hint="run one of them again with --prompt and --input of the others")
    return tuple(views)


def _about(record: RunRecord) -> str:
    return (
        f"{record.model['name']}, sha256 {record.model['sha256']}, on {record.n_utterances:,} utterances of "
        f"{record.dataset}"
    )


def _warnings(contest: Contest) -> tuple[Block, ...]:
    """How else the runs differ than in their models, and what is to be known of these."""
    ways: dict[str, list[Any]] = {
        "decoding": [record.decoding for record in contest.records],
        "batch": [record.batch for record in contest.records],
        "the verbalizer's context": [record.verbalizer.get("context") for record in contest.records],
    }
    differ = [name for name, values in ways.items() if any(value != values[0] for value in values)]
    texts = [f"The runs differ in {' and '.join(differ)}, too."] if differ else []
    for name, record in zip(contest.names, contest.records, strict=True):
        texts += [f"{name}: {text}" for text in warnings_of(record, contest.rated)]
    return tuple(Paragraph(text, warning=True) for text in texts)
