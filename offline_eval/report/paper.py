"""The paper's tables: what was published, what the same reading comes to here, and why they may differ."""

from offline_eval.report.document import Block, Cell, Group, Listing, Paragraph, Row, Section, Table
from offline_eval.report.findings import Findings
from offline_eval.report.words import NOTHING, column, interval, legend, number
from offline_eval.runs.presets import PRESETS, Preset
from offline_eval.runs.presets import Row as Published
from offline_eval.scoring.evaluation import Evaluation

_COLUMNS = ("paper", "ours", "difference", "95 % interval", "chance", "vote prior", "not comparable because")
_NOT_RUN = "not asked"


def paper(findings: Findings) -> Section:
    """All tables, with their reasons in numbered lists."""
    blocks: list[Block] = [Paragraph(_here(findings))]
    for preset in PRESETS.values():
        reasons = list(dict.fromkeys(reason for row in preset.rows for reason in row.not_comparable))
        blocks += [_table(preset, findings.evaluation, reasons), Paragraph("Not comparable because:")]
        blocks.append(Listing(tuple(reasons), numbered=True))
        blocks.append(Paragraph(" ".join(filter(None, (_legend(preset), preset.note)))))
    return Section(anchor="paper", title="The paper's tables", blocks=tuple(blocks))


def _here(findings: Findings) -> str:
    record = findings.record
    return (
        "From “Token-Level Logits Matter” (arXiv 2505.18484). Accuracy is a fraction here. Ours are "
        f"readings of {record.model['name']} on {record.n_utterances:,} utterances of {record.dataset}"
        + ("." if record.dataset == "iemocap" else ", so that no number below repeats the paper's experiment.")
    )


def _table(preset: Preset, evaluation: Evaluation, reasons: list[str]) -> Table:
    groups = []
    for published in preset.rows:
        said = f"{published.title}{f': {published.view.name}' if published.view else ''}"
        marks = ", ".join(str(1 + reasons.index(reason)) for reason in published.not_comparable)
        measures = [name for name in preset.measures if published.view or name in published.published]
        rows = tuple(_row(name, published, evaluation, marks) for name in measures)
        groups.append(Group(said, rows))
    return Table(caption=preset.title, corner="measure", columns=_COLUMNS, groups=tuple(groups))


def _row(measure: str, published: Published, evaluation: Evaluation, marks: str) -> Row:
    level = evaluation.levels[measure]
    levels = Cell(number(level.chance)), Cell(number(level.prior))
    theirs = published.published.get(measure)
    if published.view is None or published.view.name not in evaluation.systems:
        ours = Cell(NOTHING if published.view is None else _NOT_RUN), Cell(NOTHING), Cell(NOTHING)
    else:
        found = evaluation.systems[published.view.name].scored.estimates[measure]
        apart = None if theirs is None else found.value - theirs
        ours = Cell(number(found.value)), Cell(number(apart, signed=True)), Cell(interval(found) or NOTHING)
    return Row(column(measure), (Cell(number(theirs)), *ours, *levels, Cell(marks)))


def _legend(preset: Preset) -> str:
    return f"Difference: ours minus the paper's. {legend(preset.measures)}"
