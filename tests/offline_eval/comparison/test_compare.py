"""Systems side by side: what they come to on a committed table of invented answers, and how sure that is."""

import csv
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from core.distribution import EMOTIONS, EmotionDistribution
from offline_eval.comparison.compare import compare
from offline_eval.comparison.predictions import read_predictions
from offline_eval.comparison.report import as_json
from offline_eval.labels.clips import Clip
from offline_eval.scoring.metrics.sample import Sample
from offline_eval.scoring.replicates import values_of

HERE = Path(__file__).parent
INVENTED = HERE / "invented_predictions.csv"
"""Single labels, a corpus without two emotions, votes with ties; systems that doubt, err and hear nothing."""
GOLDEN = json.loads((HERE / "invented_scores.json").read_text(encoding="utf-8"))
"""What labelled clips and rated speech came to when each had an evaluation of its own."""
NINE_DIGITS = 1e-9


def invented_clips() -> list[Clip]:
    with INVENTED.open(newline="", encoding="utf-8") as file:
        rows = {(row["corpus"], row["clip_id"]): row for row in csv.DictReader(file)}
    return [
        Clip(
            path=Path("x"),
            clip_id=row["clip_id"],
            corpus=row["corpus"],
            speaker=row["speaker"],
            split="dev",
            target=EmotionDistribution(*(float(row[f"target_{emotion}"]) for emotion in EMOTIONS)),
        )
        for row in rows.values()
    ]


def point_values(tree: Mapping[str, object]) -> dict[str, object]:
    """A JSON of scores without its intervals."""
    return {
        name: inner["value"] if "low" in inner else point_values(inner)
        for name, inner in tree.items()
        if isinstance(inner, dict)
    }


@pytest.mark.parametrize("kind", ["scores", "differences"])
def test_every_point_value_is_what_it_was_before_there_was_one_evaluation(kind):
    clips = invented_clips()
    found = json.loads(as_json(compare(clips, read_predictions(INVENTED, clips), draws=10), about=""))
    assert {name: found[name] for name in ("clips", "speakers")} == {
        name: GOLDEN[name] for name in ("clips", "speakers")
    }
    ours = point_values(found[kind])
    assert ours.keys() == GOLDEN[kind].keys()
    for system, by_corpus in GOLDEN[kind].items():
        assert ours[system].keys() == by_corpus.keys()
        for corpus, by_measure in by_corpus.items():
            assert ours[system][corpus] == pytest.approx(by_measure, rel=NINE_DIGITS, abs=NINE_DIGITS), (system, corpus)


def test_every_measure_of_rated_speech_is_what_it_was():
    clips = invented_clips()
    targets = np.array([list(clip.target) for clip in clips])
    for made in read_predictions(INVENTED, clips):
        found = values_of(Sample.of_shares(targets, made.probabilities))
        golden = {name: np.nan if v is None else v for name, v in GOLDEN["measures"][made.system].items()}
        assert {name: found[name] for name in golden} == pytest.approx(
            golden, rel=NINE_DIGITS, abs=NINE_DIGITS, nan_ok=True
        )
