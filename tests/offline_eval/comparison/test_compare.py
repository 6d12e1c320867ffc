"""Systems side by side: what they come to on a committed table of invented answers, and how sure that is."""

import csv
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import bootstrap as scipy_bootstrap

from core.distribution import EMOTIONS, EmotionDistribution
from core.errors import UsageError
from offline_eval.comparison.compare import compare
from offline_eval.comparison.predictions import Predictions, read_predictions
from offline_eval.comparison.report import as_json, as_markdown
from offline_eval.labels.clips import Clip
from offline_eval.scoring.metrics.sample import Sample
from offline_eval.scoring.replicates import values_of
from offline_eval.scoring.resampling import Estimate
from offline_eval.scoring.scores import score
from tests.offline_eval.labelled_clips import labelled_clips

SEEDS = st.integers(0, 2**32 - 1)

HERE = Path(__file__).parent
INVENTED = HERE / "invented_predictions.csv"
"""Single labels, a corpus without two emotions, votes with ties; systems that doubt, err and hear nothing."""
GOLDEN = json.loads((HERE / "invented_scores.json").read_text(encoding="utf-8"))
"""What labelled clips and rated speech came to when each had an evaluation of its own."""
SEVEN_DIGITS = 1e-7
"""A log loss of .0001 is now that of .0001 + 1e-10."""


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
    assert (found["clips"], found["speakers"]) == (GOLDEN["clips"], GOLDEN["speakers"])
    ours = point_values(found[kind])
    assert ours.keys() == GOLDEN[kind].keys()
    for system, by_corpus in GOLDEN[kind].items():
        assert ours[system].keys() == by_corpus.keys()
        for corpus, by_measure in by_corpus.items():
            assert ours[system][corpus] == pytest.approx(by_measure, rel=SEVEN_DIGITS, abs=SEVEN_DIGITS), (
                system,
                corpus,
            )


def test_every_measure_of_rated_speech_is_what_it_was():
    clips = invented_clips()
    targets = np.array([list(clip.target) for clip in clips])
    for made in read_predictions(INVENTED, clips):
        found = values_of(Sample.of_shares(targets, made.probabilities))
        golden = {name: np.nan if v is None else v for name, v in GOLDEN["measures"][made.system].items()}
        assert {name: found[name] for name in golden} == pytest.approx(
            golden, rel=SEVEN_DIGITS, abs=SEVEN_DIGITS, nan_ok=True
        )


def spoken(seed: int, *, corpora: tuple[str, ...] = ("a", "b"), speakers: int = 4, each: int = 6) -> list[Clip]:
    """Every speaker with clips of random emotions, of which each occurs in the first four."""
    rng = np.random.default_rng(seed)
    return [
        clip
        for corpus in corpora
        for speaker in range(speakers)
        for clip in labelled_clips(
            corpus, *EMOTIONS, *rng.choice(EMOTIONS, each - len(EMOTIONS)).tolist(), speaker=str(speaker)
        )
    ]


def answered(some: list[Clip], seed: int, name: str = "s") -> Predictions:
    probabilities = np.random.default_rng(seed).dirichlet([1, 1, 1, 1], len(some))
    return Predictions(system=name, probabilities=probabilities, folds=np.zeros(len(some), int))


def in_order(made: Predictions, order: np.ndarray) -> Predictions:
    return replace(made, probabilities=made.probabilities[order], folds=made.folds[order])


@settings(max_examples=20)
@given(seed=SEEDS)
def test_speakers_who_are_all_alike_leave_no_doubt(seed):
    one = spoken(seed, corpora=("a",), speakers=1)
    many = [replace(c, clip_id=f"{n}-{c.clip_id}", speaker=f"a_{n}") for n in range(5) for c in one]
    made = answered(one, seed)
    found = compare(many, [in_order(made, np.tile(np.arange(len(one)), 5))], draws=50).scores["s"]["a"]
    exact = score(one, made.probabilities)
    for measure, estimate in found.items():
        value = getattr(exact, measure)
        assert (estimate.value, estimate.low, estimate.high) == pytest.approx((value, value, value)), measure


@settings(max_examples=20)
@given(seed=SEEDS)
def test_a_system_differs_from_itself_by_exactly_nothing(seed):
    some = spoken(seed)
    made = answered(some, seed)
    for by_measure in compare(some, [made, replace(made, system="same")], draws=50).differences["same"].values():
        assert all((one.value, one.low, one.high) == (0, 0, 0) for one in by_measure.values())


@settings(max_examples=20)
@given(seed=SEEDS)
def test_the_order_of_the_clips_does_not_matter(seed):
    some = spoken(seed)
    made = [answered(some, seed), answered(some, seed + 1, "other")]
    order = np.random.default_rng(seed).permutation(len(some))
    shuffled = compare([some[i] for i in order], [in_order(one, order) for one in made], draws=50)
    assert shuffled == compare(some, made, draws=50)


@settings(max_examples=20)
@given(seed=SEEDS)
def test_a_difference_the_other_way_round_has_the_other_sign(seed):
    some = spoken(seed)
    made = [answered(some, seed), answered(some, seed + 1, "other")]
    there = compare(some, made, draws=50).differences["other"]
    back = compare(some, made[::-1], draws=50).differences["s"]
    for corpus, by_measure in there.items():
        for measure, one in by_measure.items():
            other = back[corpus][measure]
            assert (one.value, one.low, one.high) == pytest.approx((-other.value, -other.high, -other.low))


@pytest.mark.parametrize("measure", ["macro_f1", "nll"])
def test_the_interval_is_scipys_of_scoring_the_drawn_speakers_clips_again(measure):
    some = spoken(3, corpora=("a",), speakers=8, each=12)
    made = answered(some, 3)
    by_speaker = np.arange(len(some)).reshape(8, 12)

    def again(drawn: np.ndarray) -> float:
        rows = by_speaker[drawn].ravel()
        return getattr(score([some[row] for row in rows], made.probabilities[rows]), measure)

    theirs = scipy_bootstrap(
        (np.arange(8),), again, n_resamples=500, vectorized=False, method="BCa", rng=5
    ).confidence_interval
    ours = compare(some, [made]).scores["s"]["a"][measure]
    width = theirs.high - theirs.low
    assert (ours.low, ours.high) == pytest.approx(tuple(theirs), abs=0.15 * width)


def test_another_corpus_changes_nothing_about_the_first():
    both = spoken(5)
    alone = [clip for clip in both if clip.corpus == "a"]
    made = answered(both, 5)
    of_alone = compare(alone, [in_order(made, np.arange(len(alone)))])
    assert compare(both, [made]).scores["s"]["a"] == of_alone.scores["s"]["a"] == of_alone.scores["s"]["all"]


def test_speakers_are_drawn_within_their_corpus():
    some = [*labelled_clips("a", "anger", speaker="0"), *labelled_clips("a", "anger", speaker="1")]
    some += [*labelled_clips("b", "neutral", speaker="0"), *labelled_clips("b", "neutral", speaker="1")]
    read = np.where([[clip.corpus == "a"] for clip in some], np.eye(4)[0], np.eye(4)[1])
    found = compare(some, [Predictions(system="s", probabilities=read, folds=np.zeros(4, int))]).scores["s"]["all"]
    assert found["accuracy"] == Estimate(0.5, 0.5, 0.5)


def test_one_speaker_gives_no_interval_and_none_for_the_whole():
    some = [*spoken(1, corpora=("a",)), *spoken(1, corpora=("b",), speakers=1)]
    found = compare(some, [answered(some, 1)], draws=50)
    assert [found.scores["s"][name]["nll"].low is None for name in ("a", "b", "all")] == [False, True, True]
    assert "[one speaker]" in as_markdown(found, about="")
    assert json.loads(as_json(found, about=""))["scores"]["s"]["all"]["nll"]["low"] is None


def test_two_systems_of_one_name_or_none_cannot_be_compared():
    some = spoken(1)
    with pytest.raises(UsageError, match="same name: s, s"):
        compare(some, [answered(some, 1), answered(some, 2)])
    with pytest.raises(UsageError, match="no system"):
        compare(some, [])
