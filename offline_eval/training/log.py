"""The log of a training run: a table of its epochs, and their curves."""

import csv
from collections.abc import Sequence
from pathlib import Path

from offline_eval.scoring.scores import MEASURES
from offline_eval.training.trainer import Epoch


def write_log(folder: Path, epochs: Sequence[Epoch]) -> None:
    """training.csv, one row per epoch and corpus, and training.png: loss, dev NLL and dev macro-F1 by epoch."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "training.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["epoch", "training_loss", "seconds", "corpus", "clips", *MEASURES])
        for epoch in epochs:
            for corpus, score in epoch.dev.items():
                values = [f"{getattr(score, measure):.4f}" for measure in MEASURES]
                writer.writerow(
                    [epoch.number, f"{epoch.loss:.4f}", f"{epoch.seconds:.0f}", corpus, score.clips, *values]
                )
    _plot(folder / "training.png", epochs)


def _plot(path: Path, epochs: Sequence[Epoch]) -> None:
    from matplotlib.figure import Figure

    numbers = [epoch.number for epoch in epochs]
    figure = Figure(figsize=(10, 3.2), layout="constrained")
    loss, *scores = figure.subplots(1, 3)
    loss.plot(numbers, [epoch.loss for epoch in epochs], marker="o")
    loss.set(title="training loss", xlabel="epoch")
    for axes, measure, title in zip(scores, ("nll", "macro_f1"), ("dev NLL (nats)", "dev macro-F1"), strict=True):
        for corpus in epochs[0].dev:
            axes.plot(numbers, [getattr(epoch.dev[corpus], measure) for epoch in epochs], marker="o", label=corpus)
        axes.set(title=title, xlabel="epoch")
        axes.legend(fontsize="small")
    figure.savefig(path, dpi=120)
