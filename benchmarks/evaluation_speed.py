"""How long an evaluation of a whole corpus takes: IEMOCAP's 10,039 utterances in 151 dialogues, 8 systems, 2,000 draws.

    python -m benchmarks.evaluation_speed [--utterances N] [--systems N] [--draws N]

Utterances, votes and readings are drawn at random.
"""

import argparse
import resource
import sys
import time

import numpy as np

from core.distribution import EmotionDistribution
from offline_eval.labels.annotation import AnnotatedUtterance
from offline_eval.labels.rated import Agreement, RatedUtterance
from offline_eval.scoring.evaluation import SystemOutput, evaluate

DIALOGUES, SESSIONS, RATERS = 151, 5, 3


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--utterances", type=int, default=10_039)
    parser.add_argument("--systems", type=int, default=8)
    parser.add_argument("--draws", type=int, default=2_000)
    arguments = parser.parse_args()
    generator = np.random.default_rng(0)
    rated = [_rated(at, generator) for at in range(arguments.utterances)]
    outputs = []
    for at in range(arguments.systems):
        read = generator.dirichlet(np.ones(4), len(rated))
        read[generator.random(len(rated)) < 0.02] = np.nan  # noqa: PLR2004 - as in the paper
        outputs.append(SystemOutput(f"system {at}", read))
    start = time.perf_counter()
    evaluation = evaluate(rated, outputs, draws=arguments.draws)
    evaluated = time.perf_counter()
    evaluation.paired("system 0", [output.name for output in outputs[1:]])
    paired = time.perf_counter()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 if sys.platform == "darwin" else 1024) / 1024
    print(f"{len(rated)} utterances, {len(outputs)} systems, {arguments.draws} draws of {DIALOGUES} dialogues")
    print(f"scores with intervals, by agreement and session: {evaluated - start:.1f} s")
    print(f"differences of the first system from the others: {paired - evaluated:.1f} s")
    print(f"peak memory: {peak:.2f} GiB")


def _rated(at: int, generator: np.random.Generator) -> RatedUtterance:
    votes = np.eye(4)[generator.choice(4, RATERS, p=[0.1, 0.45, 0.15, 0.3])]
    counts = votes.sum(0)
    agreement: Agreement = "unanimous" if counts.max() == RATERS else "majority" if counts.max() > 1 else "tie"
    human = EmotionDistribution.from_weights(counts.tolist())
    dialogue = at % DIALOGUES
    return RatedUtterance(
        utterance=AnnotatedUtterance(
            utterance_id=f"u{at:05d}",
            corpus="invented",
            path=None,
            speaker=f"s{dialogue % 10}",
            ratings=(),
            dialogue=f"d{dialogue:03d}",
            session=f"{dialogue % SESSIONS + 1}",
        ),
        human=human,
        votes=tuple(tuple(row) for row in votes.tolist()),
        hard_label=human.dominant if agreement != "tie" else None,
        agreement=agreement,
    )


if __name__ == "__main__":
    main()
