"""Tables of measures: of every view and reference, of parts of the utterances, and in full."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from offline_eval.report.document import Block, Cell, Fold, Group, Listing, Paragraph, Row, Section, Table
from offline_eval.report.findings import Findings
from offline_eval.report.words import (
    AGREEMENT,
    HEADLINE,
    NOTHING,
    SOFT_LABELS,
    arrow,
    column,
    estimated,
    interval,
    legend,
    number,
)
from offline_eval.scoring.evaluation import Evaluation, Scores
from offline_eval.scoring.metrics.measures import MEASURE, REPORTED
from offline_eval.scoring.reference_points import LeaveOneOut

if TYPE_CHECKING:
    from offline_eval.scoring.resampling import Estimate

HEARD, DEAF, CONSTANT = "The recording is heard", "The same questions without the sound", "No model at all"
_CHANCE = "chance"
_PEOPLE = "each rater against the others"
_NO_CELL = Cell(NOTHING)


def headline(findings: Findings) -> Section:
    """Every view and every reference, on few measures."""
    caption = "Every view of the answers, and what needs no model, with 95 % intervals"
    table = score_table(caption, findings.evaluation, grouped(findings))
    groups = list(table.groups)
    chance = (Cell(number(findings.evaluation.levels[name].chance)) for name in HEADLINE)
    groups[-1] = Group(CONSTANT, (*groups[-1].rows, Row(_CHANCE, (_NO_CELL, *chance))))
    if findings.people is not None:
        groups.append(Group("People", (_people(findings.people),)))
    table = replace(table, groups=tuple(groups))
    return Section(anchor="headline", title="Headline", blocks=(table, Listing(tuple(_explained(findings)))))


def soft_labels(findings: Findings) -> Section:
    """Every view and every reference against all that the annotators said, by the protocol of VoxEmo."""
    table = score_table(
        "Soft labels, with 95 % intervals", findings.evaluation, grouped(findings), measures=SOFT_LABELS
    )
    groups = list(table.groups)
    chance = (Cell(number(findings.evaluation.levels[name].chance)) for name in SOFT_LABELS)
    groups[-1] = Group(CONSTANT, (*groups[-1].rows, Row(_CHANCE, (_NO_CELL, *chance))))
    protocol = (
        "The protocol of VoxEmo (arXiv 2603.08936), on the four emotions of this report: what was read against all "
        "votes, no label. Whether entropies go together is told by both correlations."
    )
    any_annotator = (
        "Any annotator: the likeliest emotion is right where at least one annotator heard it, also where votes are "
        "tied. Where people disagree, much is right by that: look at chance."
    )
    texts = (protocol, any_annotator, legend(SOFT_LABELS))
    return Section(
        anchor="soft-labels", title="Soft labels", blocks=(replace(table, groups=tuple(groups)), Listing(texts))
    )


def penalised(findings: Findings) -> Section:
    """The same with invalid readings counted as uniform."""
    systems = findings.evaluation.systems
    names = [name for name in findings.views if systems[name].scored.n_invalid]
    blocks: tuple[Block, ...] = (Paragraph("Every view has a reading of every utterance, so nothing changes."),)
    if names:
        table = Table.plain(
            "Views with invalid readings, scored on all utterances",
            "reading",
            ["scored", *map(column, HEADLINE)],
            [_row(name, systems[name].penalised, f"({systems[name].scored.n_invalid:,} as uniform)") for name in names],
        )
        why = [
            f"{one.view.name}: {', '.join(f'{count:,} {reason}' for reason, count in one.invalid.items())}"
            for one in findings.readings
            if one.invalid
        ]
        text = "A view that reads only what is easy gains by it. Here an invalid reading counts as the uniform one."
        blocks = (Paragraph(text), table, Paragraph("Why readings are invalid:"), Listing(tuple(why)))
    return Section(anchor="penalised", title="Invalid readings as uniform ones", blocks=blocks)


def everything(findings: Findings) -> Section:
    """All measures of all systems."""
    evaluation = findings.evaluation
    names = [name for some in grouped(findings).values() for name in some]
    rows = []
    for measure in map(MEASURE.__getitem__, REPORTED):
        level = evaluation.levels[measure.name]
        cells = (estimated(evaluation.systems[name].scored.estimates[measure.name]) for name in names)
        levels = (Cell(number(level.chance)), Cell(number(level.prior)))
        rows.append(Row(f"{measure.title}{arrow(measure)}", (*levels, *cells)))
    caption = "All measures of all views and references, with 95 % intervals"
    table = Table.plain(caption, "measure", [_CHANCE, "prior", *names], rows)
    return Section(
        anchor="measures",
        title="All measures",
        blocks=(Fold(f"{len(REPORTED)} measures of {len(names)} readings", (table,)),),
    )


def by_session(findings: Findings) -> Section:
    """The judged view, session by session."""
    scores = findings.evaluation.systems[findings.judged.name].by_session
    blocks: tuple[Block, ...] = (Paragraph("The corpus names no sessions."),)
    if scores:
        blocks = (_parts(findings, "session", scores),)
    return Section(anchor="sessions", title="By session", blocks=blocks)


def by_agreement(findings: Findings) -> Table:
    """The judged view, by how far people agree."""
    scores = findings.evaluation.systems[findings.judged.name].by_agreement
    return _parts(findings, "agreement", {AGREEMENT[name]: part for name, part in scores.items()})


def grouped(findings: Findings) -> dict[str, list[str]]:
    """Names of systems under the title of their group, in the order of every table."""
    views = findings.views
    groups = {
        HEARD: [name for name, view in views.items() if view.input == "audio"],
        DEAF: [name for name, view in views.items() if view.input != "audio"],
        CONSTANT: [one.name for one in findings.constants],
    }
    return {title: names for title, names in groups.items() if names}


def score_table(
    caption: str,
    evaluation: Evaluation,
    groups: Mapping[str, Sequence[str]],
    *,
    measures: Sequence[str] = HEADLINE,
    labels: Mapping[str, str] = MappingProxyType({}),
    remarks: Mapping[str, str] = MappingProxyType({}),
) -> Table:
    """Systems by group, on few measures.

    A row is called as its system is, unless `labels` calls it otherwise; below the number of scored utterances stands
    how many have no valid reading, unless `remarks` says something else.
    """
    rows = {
        title: tuple(
            _row(labels.get(name, name), evaluation.systems[name].scored, remarks.get(name, ""), measures=measures)
            for name in names
        )
        for title, names in groups.items()
    }
    return Table(
        caption=caption,
        corner="reading",
        columns=("scored", *map(column, measures)),
        groups=tuple(Group(title, some) for title, some in rows.items()),
    )


def _row(name: str, scores: Scores, remark: str = "", *, measures: Sequence[str] = HEADLINE) -> Row:
    if scores.n_invalid and not remark:
        remark = f"({scores.n_invalid:,} invalid)"
    return Row(
        name, (Cell(f"{scores.n_scored:,}", remark), *(estimated(scores.estimates[measure]) for measure in measures))
    )


def _people(people: LeaveOneOut) -> Row:
    known: Mapping[str, Estimate] = {"kl": people.kl, "bd_log_mean": people.bd_log_mean}
    cells = (
        Cell(number(known[name].value) + (" *" if name == "kl" else ""), interval(known[name]))
        if name in known
        else _NO_CELL
        for name in HEADLINE
    )
    return Row(_PEOPLE, (Cell(f"{people.n_utterances:,}"), *cells))


def _explained(findings: Findings) -> list[str]:
    scores = findings.evaluation.systems[findings.judged.name].scored
    drawn = "dialogues" if all(one.utterance.dialogue for one in findings.rated) else "dialogues or speakers"
    texts = [
        f"↓ lower is better, ↑ higher is better, {NOTHING} undefined here. {legend(HEADLINE)}",
        f"Intervals: 95 %, BCa, {findings.evaluation.draws:,} draws of {scores.n_clusters:,} {drawn} with replacement.",
        "The vote prior and the majority emotion know the votes of these very utterances: no constant has a lower KL.",
        "Piece count: what equal logits come to when summed over the pieces of the four words.",
        "Chance: readings without any knowledge, every order of the emotions equally likely.",
    ]
    if (people := findings.people) is not None:
        texts.append(
            f"* {_PEOPLE}: a mean over {people.n_raters:,} raters, the others smoothed by 0.05, so that this KL is not "
            f"that of the other rows. On average {number(people.agreement.value)} {interval(people.agreement)} of the "
            "others heard the same."
        )
    return texts


def _parts(findings: Findings, corner: str, scores: Mapping[str, Scores]) -> Table:
    rows = [_row(name, part) for name, part in scores.items()]
    caption = f"{findings.judged.name}, by {corner}"
    return Table.plain(caption, corner, ["scored", *map(column, HEADLINE)], rows)
