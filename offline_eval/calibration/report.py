"""What a calibration did, as Markdown."""

from collections.abc import Iterator, Sequence

from core.ltu_as.abstention import REASONS, Abstention
from core.ltu_as.calibration import Calibration
from offline_eval.calibration.calibrate import Outcome
from offline_eval.calibration.worth import Fitted, Refused


def report(outcome: Outcome) -> str:
    """Corrections and their worth, thresholds, and what they refuse."""
    return "\n".join(
        [
            f"Fitted on {outcome.calibration.fitted_on}.",
            f"Before: as the model reads. After: each {outcome.held_out} corrected by a fit to the others.",
            "NLL in nats, expected calibration error in 15 bins; each corpus counts alike.",
            "",
            *corrections(outcome.fitted),
            "",
            expectation(outcome.calibration),
            "",
            *_thresholds(outcome.calibration.abstention or Abstention()),
            "",
            *_refusals(outcome.refused),
        ]
    )


def corrections(rows: Sequence[Fitted]) -> Iterator[str]:
    """Lines of a Markdown table: what was fitted, and what it is worth."""
    yield (
        "| prompt | read-out | clips | heard before | temperature | prior strength "
        "| NLL before | after | ECE before | after |"
    )
    yield f"|{'---|' * 10}"
    for row in rows:
        if row.entry is None:
            cells = ["not calibrated: too often invalid", *[""] * 6]
            yield f"| {' | '.join([row.asked, row.readout, str(row.clips), *cells])} |"
        for heard, worth in row.worth.items():
            cells = [
                str(heard),
                f"{worth.temperature:.3g}",
                f"{row.entry.prior_strength if row.entry else 0:.2f}",
                *(f"{v:.3f}" for v in (worth.before.nll, worth.after.nll, worth.before.ece, worth.after.ece)),
            ]
            yield f"| {' | '.join([row.asked, row.readout, str(row.clips), *cells])} |"


def expectation(calibration: Calibration) -> str:
    """What is taken to be likely before anything is heard."""
    odds = calibration.neutral_odds
    if odds == 1:
        return "Live, all four emotions are expected alike."
    return (
        f"Live, neutral speech is expected {odds:g} times as often as each other emotion (`neutral_odds`, a choice);\n"
        "the numbers above are without that."
    )


def _thresholds(abstention: Abstention) -> Iterator[str]:
    def shown(value: float | None, unit: str = "") -> str:
        return "not checked" if value is None else f"{value:.3g}{unit}"

    masses = ", ".join(f"{shown(mass)} ({prompt})" for prompt, mass in abstention.min_answer_mass.items())
    distance = abstention.outlier.max_distance if abstention.outlier else None
    yield f"- too quiet: active level below {shown(abstention.min_level_dbfs, ' dBFS')}"
    yield f"- too short: active sound below {shown(abstention.min_speech_s, ' s')}"
    yield f"- not speech: answer mass below {masses or shown(None)}"
    yield f"- unlike training: distance above {shown(distance)}"


def _refusals(rows: Sequence[Refused]) -> Iterator[str]:
    yield f"| sounds | prompt | number | refused | {' | '.join(REASONS)} |"
    yield f"|---|---|---|---|{'---|' * len(REASONS)}"
    for row in rows:
        shares = [sum(row.reasons.values()), *(row.reasons.get(reason, 0) for reason in REASONS)]
        cells = [f"{share / row.number:.1%}" for share in shares]
        yield f"| {' | '.join([row.sounds, row.prompt, str(row.number), *cells])} |"
