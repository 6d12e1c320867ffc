"""Choices of the mini's recipe side by side: each trained anew in folds by speaker, with several seeds.

    python benchmarks/mini_search.py --data ../shared/data --whisper ../shared/whisper/base-encoder --folds 0,2

Prints a Markdown table: macro-F1 / NLL / Brier of each corpus over the held-out clips of those folds, untempered; the
mean over seeds, and for the NLL the range. Finished folds are kept in the cache, and shared with
`emotion-eval compare`.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from offline_eval.comparison.predictions import out_of_fold
from offline_eval.comparison.systems import Workshop, make_systems
from offline_eval.datasets.kinds import open_dataset
from offline_eval.labels.folds import speaker_folds
from offline_eval.scoring.scores import OVERALL, Score, per_corpus

FOLDS = 5
CHOICES: dict[str, tuple[str, ...]] = {
    "as shipped": (),
    "no guide": ("guide=0",),
    "hard targets": ("smoothing=0",),
    "smoothing 0.05": ("smoothing=0.05",),
    "listeners, 0.3": ("listeners={data}/cremad_intended_to_votes.csv", "smoothing=0.3"),
    "no mixing": ("mixing=0",),
    "no augmentation": ("variants=0",),
    "one layer": ("layers=1",),
    "four layers": ("layers=4",),
    "width 64": ("hidden=64", "feed_forward=192"),
    "width 256": ("hidden=256", "feed_forward=768"),
    "no deviation": ("deviation=false",),
    "mean of the layers": ("join=mean",),
    "all encoder blocks": ("encoder_layers=none",),
    "fixed window of ten seconds": ("window=fixed",),
}


def main() -> None:
    """Trains what is not in the cache yet, and prints the table row by row."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--whisper", type=Path, required=True)
    parser.add_argument("--cache", type=Path, default=Path(".cache/compare"))
    parser.add_argument("--folds", default="0,1,2,3,4")
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--only", nargs="*", default=[*CHOICES], choices=[*CHOICES], metavar="CHOICE")
    arguments = parser.parse_args()
    numbers, seeds = ([int(n) for n in text.split(",")] for text in (arguments.folds, arguments.seeds))
    every = speaker_folds(open_dataset(arguments.data).load().clips, FOLDS)
    folds = [every[number] for number in numbers]
    clips = [clip for _, held_out in folds for clip in held_out]
    for row, name in enumerate(arguments.only):
        by_seed = []
        for seed in seeds:
            workshop = Workshop(
                cache=arguments.cache,
                seed=seed,
                progress=_say,
                whisper=arguments.whisper,
                choices=[choice.format(data=arguments.data) for choice in CHOICES[name]],
            )
            (system,) = make_systems(["ltu-as-mini"], workshop)
            made = out_of_fold(system, clips, folds, cache=arguments.cache / "folds", progress=_say)
            by_seed.append(per_corpus(clips, made.probabilities))
        if row == 0:
            corpora = [corpus for corpus in by_seed[0] if corpus != OVERALL]
            print(f"| folds {arguments.folds}, seeds {arguments.seeds} | {' | '.join(corpora)} |")
            print(f"|---|{'---|' * len(corpora)}")
        print(f"| {name} | {' | '.join(_cells(by_seed))} |", flush=True)


def _cells(by_seed: Sequence[dict[str, Score]]) -> Iterator[str]:
    for corpus in by_seed[0]:
        if corpus != OVERALL:
            f1, nll, brier = (
                [getattr(scores[corpus], name) for scores in by_seed] for name in ("macro_f1", "nll", "brier")
            )
            spread = f" ({min(nll):.3f} to {max(nll):.3f})" if len(nll) > 1 else ""
            yield f"{np.mean(f1):.3f} / {np.mean(nll):.3f}{spread} / {np.mean(brier):.3f}"


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
