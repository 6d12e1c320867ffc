"""Every measure by name: what it is called in a report, and which way is better."""

from dataclasses import dataclass
from typing import Literal

from core.distribution import EMOTIONS

Better = Literal["lower", "higher"]


@dataclass(frozen=True, slots=True)
class Measure:
    """One measure.

    Attributes:
        name: The key under which evaluations hold it.
        title: What a table calls it, with its unit.
        better: Which way is better; None where neither is, as for a level.
        headline: Whether systems are tested against each other on it.
    """

    name: str
    title: str
    better: Better | None
    headline: bool = False


MEASURES: tuple[Measure, ...] = (
    Measure("kl", "KL(human || model), nats, eps 1e-10", "lower", headline=True),
    Measure("kl_1e-3", "KL, nats, eps 1e-3", "lower"),
    Measure("kl_smoothed", "KL, nats, eps 1e-2", "lower", headline=True),
    Measure("skill", "1 - KL / KL of the vote prior, eps 1e-10", "higher"),
    Measure("skill_smoothed", "1 - KL / KL of the vote prior, eps 1e-2", "higher"),
    Measure("js", "Jensen-Shannon, nats", "lower", headline=True),
    Measure("js_bits", "Jensen-Shannon, bits", "lower"),
    Measure("bd_mean_log", "mean(-ln BC)", "lower"),
    Measure("bd_log_mean", "-ln(mean BC)", "lower", headline=True),
    Measure("bd_complement", "1 - mean BC", "lower"),
    Measure("bc", "mean BC", "higher"),
    Measure("tv", "total variation", "lower"),
    Measure("cosine", "cosine similarity", "higher"),
    Measure("paper_r2", "paper_r2: squared Pearson r per utterance", "higher", headline=True),
    Measure("r2_flat", "1 - SSR/SST, flattened", "higher"),
    *(Measure(f"r2_{emotion}", f"1 - SSR/SST, {emotion}", "higher") for emotion in EMOTIONS),
    Measure("brier", "Brier score, 0 to 2", "lower", headline=True),
    Measure("brier_reliability", "Brier: reliability", "lower"),
    Measure("brier_resolution", "Brier: resolution", "higher"),
    Measure("brier_uncertainty", "Brier: uncertainty", None),
    Measure("log_loss", "log loss per vote, nats", "lower"),
    Measure("ece", "expected calibration error, 15 bins", "lower"),
    Measure("soft_ece", "|confidence - share of votes|", "lower"),
    Measure("accuracy", "accuracy", "higher", headline=True),
    Measure("macro_f1", "macro-F1 over the four", "higher", headline=True),
    Measure("macro_f1_union", "macro-F1 over labels that occur", "higher"),
    Measure("weighted_f1", "weighted F1", "higher"),
    Measure("uar", "unweighted average recall", "higher"),
    Measure("top2_accuracy", "label among the two likeliest", "higher"),
    Measure("top2_set_accuracy", "two likeliest are the voters' two", "higher"),
    Measure("minority_recall", "recall of emotions a minority heard", "higher"),
    Measure("entropy", "entropy of the model, nats", None),
    Measure("entropy_pearson", "Pearson r of entropies", "higher"),
    Measure("entropy_spearman", "Spearman rho of entropies", "higher", headline=True),
    Measure("auroc_not_unanimous", "AUROC: not unanimous, by entropy", "higher"),
    Measure("aupr_not_unanimous", "AUPR: not unanimous, by entropy", "higher"),
    Measure("auroc_no_majority", "AUROC: no majority, by entropy", "higher"),
    Measure("aupr_no_majority", "AUPR: no majority, by entropy", "higher"),
)
"""In the order of a report. `bd_log_mean` is the reading of the paper's BD column that fits it best."""

MEASURE = {measure.name: measure for measure in MEASURES}
HEADLINES = tuple(measure.name for measure in MEASURES if measure.headline)
