"""The report of a run: report.html, report.md and report.json in its folder."""

from pathlib import Path

from core.durable import write_text
from offline_eval.report import about, pictures, scores
from offline_eval.report.differences import difference_notes, difference_table
from offline_eval.report.document import Document, Section
from offline_eval.report.findings import Findings, gather
from offline_eval.report.markdown import as_markdown
from offline_eval.report.page import as_page
from offline_eval.report.paper import paper
from offline_eval.report.plain import as_json
from offline_eval.runs.folder import RunFolder
from offline_eval.scoring.resampling import DRAWS

PAGE, MARKDOWN, JSON = "report.html", "report.md", "report.json"


def write_report(
    path: Path,
    *,
    judged: str | None = None,
    transcripts: bool = False,
    draws: int = DRAWS,
    seed: int = 0,
) -> tuple[Path, ...]:
    """Reads and scores the run in a folder, and writes what it came to beside it; the same run gives the same bytes.

    Args:
        path: Folder of a run.
        judged: Name of the view that figures and differences are of; None: the usual read-out of the recordings.
        transcripts: Whether the words of the utterances that are read worst are shown.
        draws: Of the bootstrap.
        seed: The same.

    Returns:
        The files.

    Raises:
        UsageError: It is no run, no question is wholly answered, or no view has the name.
    """
    findings = gather(RunFolder.open(path), judged=judged, draws=draws, seed=seed)
    document = document_of(findings, transcripts=transcripts)
    texts = {PAGE: as_page(document), MARKDOWN: as_markdown(document), JSON: as_json(findings)}
    for name, text in texts.items():
        write_text(path / name, text)
    return tuple(path / name for name in texts)


def document_of(findings: Findings, *, transcripts: bool = False) -> Document:
    """The report, in its order."""
    record = findings.record
    headline = scores.headline(findings)
    return Document(
        title=f"{record.model['name']} on {record.dataset}",
        sections=(
            about.in_short(findings),
            about.evaluated(findings),
            Section(
                anchor=headline.anchor, title=headline.title, blocks=(*headline.blocks, pictures.overview(findings))
            ),
            paper(findings),
            scores.soft_labels(findings),
            scores.penalised(findings),
            scores.everything(findings),
            _differences(findings),
            scores.by_session(findings),
            pictures.agreement(findings),
            pictures.calibration(findings),
            pictures.distributions(findings),
            pictures.confusion(findings),
            pictures.worst(findings, transcripts=transcripts),
        ),
    )


def _differences(findings: Findings) -> Section:
    table = difference_table(f"{findings.judged.name} minus each reference", findings.differences)
    notes = difference_notes(findings.differences, findings.evaluation.draws)
    return Section(anchor="differences", title="Against what needs no hearing", blocks=(table, notes))
