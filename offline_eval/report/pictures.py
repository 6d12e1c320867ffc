"""Sections of the judged view that are told by figures."""

import numpy as np

from core.distribution import EMOTIONS
from offline_eval.labels.rated import AGREEMENTS
from offline_eval.report.document import Block, Cell, Figure, Paragraph, Row, Section, Table
from offline_eval.report.figures.bars import bars
from offline_eval.report.figures.curves import entropy_panel, reliability_panel
from offline_eval.report.figures.dots import Dot, dots
from offline_eval.report.figures.maps import density, matrix
from offline_eval.report.findings import Findings
from offline_eval.report.scores import CONSTANT, DEAF, HEARD, by_agreement, grouped
from offline_eval.report.words import SHORT, number
from offline_eval.scoring.metrics.measures import MEASURE
from offline_eval.scoring.metrics.sums import ratio
from offline_eval.scoring.reference_points import UNIFORM, VOTE_PRIOR

_WORST = 20
_OVERVIEW = ("kl_smoothed", "macro_f1", "entropy_spearman")
_KINDS = {HEARD: 0, CONSTANT: 1, DEAF: 2}
_NO_READING = Paragraph("The view has no valid reading, so there is nothing to draw.")


def overview(findings: Findings) -> Figure:
    """All systems on three measures."""
    evaluation = findings.evaluation
    panels = []
    for measure in _OVERVIEW:
        rows = [
            Dot(name, evaluation.systems[name].scored.estimates[measure], _KINDS[title])
            for title, names in grouped(findings).items()
            for name in names
        ]
        level = evaluation.levels[measure]
        line = (level.chance, "chance") if level.chance is not None else (level.prior, "vote prior")
        title = f"{SHORT[measure]}, {MEASURE[measure].better} is better"
        if any(np.isfinite(row.estimate.value) for row in rows):
            panels.append(dots(f"overview-{measure}", title, rows, level=line[0], level_name=line[1]))
    return Figure(
        tuple(panels),
        "Every reading with its 95 % interval. Circles: the recording is heard; squares: the same question without the "
        "sound; diamonds: constants. What a model knows is how far its circle is from squares and diamonds.",
    )


def calibration(findings: Findings) -> Section:
    """Reliability and entropy."""
    blocks: list[Block] = [_NO_READING]
    if len(sample := findings.sample):
        ece = findings.evaluation.systems[findings.judged.name].scored.estimates["ece"].value
        panels = [
            reliability_panel("reliability", "Reliability", sample, ece),
            entropy_panel("entropy", "Entropy", sample),
        ]
        caption = (
            "Reliability: where the line lies below the dashed one, the model is too sure; larger dots are of more "
            "utterances. Entropy: the diamonds of a model that is torn where people disagree rise; the dashed line is "
            "equality. A single vote for each utterance leaves only the entropy 0."
        )
        if panels[0] is None:
            caption = (
                "A model that is torn where people disagree has diamonds that rise; no utterance has a hard label."
            )
        blocks = [Figure(tuple(panel for panel in panels if panel is not None), caption)]
    return Section(anchor="calibration", title="Calibration and ambiguity", blocks=tuple(blocks))


def distributions(findings: Findings) -> Section:
    """Where readings lie, beside where votes do."""
    blocks: tuple[Block, ...] = (_NO_READING,)
    if len(sample := findings.sample):
        blocks = (
            Figure(
                (
                    density("map-votes", "Votes", sample.human, "of votes"),
                    density("map-model", "Model", sample.model, "that the model reads"),
                ),
                "Each utterance lies at the mean of the corners, weighted by its distribution. A reading that prefers "
                "nothing lies at the cross in the middle, where mixes of opposite corners lie too. A model that has "
                "learned how people vary fills the same places as the votes; one that says the same of everything is a "
                "single spot. Shades are square roots of counts.",
            ),
        )
    return Section(anchor="maps", title="Readings beside votes", blocks=blocks)


def confusion(findings: Findings) -> Section:
    """Which emotion is taken for which."""
    blocks: tuple[Block, ...] = (_NO_READING,)
    if len(sample := findings.sample):
        counts = np.array(findings.evaluation.systems[findings.judged.name].scored.confusion, dtype=np.float64)
        mass = sample.human.T @ sample.model
        panels = [
            matrix(
                "soft-confusion",
                "Mean reading, by vote",
                ratio(mass, mass.sum(1, keepdims=True)),
                None,
                rows="heard by people",
                columns="read by the model",
            )
        ]
        if counts.any():
            shares = ratio(counts, counts.sum(1, keepdims=True))
            hard = matrix(
                "confusion", "Likeliest, by label", shares, counts, rows="hard label", columns="likeliest emotion"
            )
            panels.insert(0, hard)
        caption = (
            "Rows add to 1. By label: share (and number) of the utterances with a hard label for which the emotion is "
            "the likeliest. By vote: the mean distribution that is read, each vote counted once. A row like all others "
            "is an emotion that the model does not hear."
        )
        blocks = (Figure(tuple(panels), caption),)
    return Section(anchor="confusion", title="Which emotion is taken for which", blocks=blocks)


def agreement(findings: Findings) -> Section:
    """By how far people agree."""
    names = [findings.judged.name, VOTE_PRIOR, UNIFORM]
    rows = [
        Dot(f"{stratum}: {name}", scores.estimates["kl_smoothed"], kind)
        for stratum in AGREEMENTS
        for kind, name in enumerate(names)
        if (scores := findings.evaluation.systems[name].by_agreement.get(stratum)) is not None
    ]
    whole = findings.evaluation.levels["kl_smoothed"].prior
    panel = dots(
        "agreement-kl", "KL smoothed, by agreement", rows, level=whole, level_name="vote prior, all utterances"
    )
    figure = Figure(
        (panel,),
        "KL (eps 1e-2) of the judged view (circles), the vote prior (diamonds) and the uniform reading (squares). "
        "Near-uniform readings look good where people are torn and bad where they agree; a model that hears is ahead "
        "of both constants in every part.",
    )
    return Section(anchor="agreement", title="By agreement", blocks=(by_agreement(findings), figure))


def worst(findings: Findings, *, transcripts: bool) -> Section:
    """The utterances that are read worst."""
    ranked = findings.worst(_WORST)
    if not ranked:
        return Section(anchor="worst", title="Read worst", blocks=(_NO_READING,))
    at = [row for row, _ in ranked]
    names = [findings.rated[row].utterance.utterance_id for row in at]
    human, model = findings.humans[at], findings.probabilities[at]
    cells = []
    for n, (row, kl) in enumerate(ranked):
        values = [Cell(number(p)) for pair in zip(human[n], model[n], strict=True) for p in pair]
        said = [Cell(findings.heard[row].transcript or "" if findings.heard else "")] if transcripts else []
        cells.append(Row(names[n], (Cell(number(kl)), *values, *said)))
    columns = ["KL smoothed", *(f"{emotion}, {who}" for emotion in EMOTIONS for who in ("votes", "model"))]
    table = Table.plain(
        f"The {len(at)} utterances that {findings.judged.name} reads worst",
        "utterance",
        [*columns, *(["transcript"] if transcripts else [])],
        cells,
    )
    half = -(-len(at) // 2)
    parts = [slice(start, min(start + half, len(at))) for start in range(0, len(at), half)]
    panels = [
        bars(f"worst-{part.start}", f"{part.start + 1} to {part.stop}", names[part], human[part], model[part])
        for part in parts
    ]
    figure = Figure(
        tuple(panels),
        "Votes above, the model below: A anger, H happiness, S sadness, N neutral. Listen to these first: a wrong "
        "label, another language or noise shows here.",
    )
    return Section(anchor="worst", title="Read worst", blocks=(figure, table))
