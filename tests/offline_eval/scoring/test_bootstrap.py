from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import bootstrap as scipy_bootstrap

from core.distribution import EMOTIONS
from offline_eval.labels.clips import Clip, one_hot
from offline_eval.scoring.bootstrap import SpeakerBootstrap
from offline_eval.scoring.scores import MEASURES, per_corpus, score, targets_of

SEEDS = st.integers(0, 2**32 - 1)


def clips(seed: int, *, corpora: tuple[str, ...] = ("a", "b"), speakers: int = 4, each: int = 6) -> list[Clip]:
    """Every speaker with clips of random emotions, of which each occurs in the first four."""
    rng = np.random.default_rng(seed)
    found = []
    for corpus in corpora:
        for speaker in range(speakers):
            for take, emotion in enumerate([*range(4), *rng.integers(0, 4, each - 4)]):
                found.append(
                    Clip(
                        path=Path("x"),
                        clip_id=f"{speaker}-{take}",
                        corpus=corpus,
                        speaker=f"{corpus}_{speaker}",
                        split="dev",
                        target=one_hot(EMOTIONS[emotion]),
                    )
                )
    return found


def answers(some: list[Clip], seed: int) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet([1, 1, 1, 1], len(some))


@settings(max_examples=20)
@given(seed=SEEDS)
def test_speakers_who_are_all_alike_leave_no_doubt(seed):
    one = clips(seed, corpora=("a",), speakers=1)
    many = [
        Clip(path=c.path, clip_id=f"{n}-{c.clip_id}", corpus=c.corpus, speaker=f"a_{n}", split="dev", target=c.target)
        for n in range(5)
        for c in one
    ]
    probabilities = np.tile(answers(one, seed), (5, 1))
    exact = per_corpus(many, probabilities)["a"]
    intervals = SpeakerBootstrap(many, draws=50).intervals(probabilities)["a"]
    for measure in MEASURES:
        assert intervals[measure].low == pytest.approx(getattr(exact, measure))
        assert intervals[measure].high == pytest.approx(getattr(exact, measure))


@settings(max_examples=20)
@given(seed=SEEDS)
def test_a_system_differs_from_itself_by_exactly_nothing(seed):
    some = clips(seed)
    probabilities = answers(some, seed)
    for by_measure in SpeakerBootstrap(some, draws=50).differences(probabilities, probabilities.copy()).values():
        assert all((interval.low, interval.high) == (0, 0) for interval in by_measure.values())


@settings(max_examples=20)
@given(seed=SEEDS)
def test_the_order_of_the_clips_does_not_matter(seed):
    some = clips(seed)
    probabilities, others = answers(some, seed), answers(some, seed + 1)
    order = np.random.default_rng(seed).permutation(len(some))
    straight = SpeakerBootstrap(some, draws=50)
    shuffled = SpeakerBootstrap([some[i] for i in order], draws=50)
    assert shuffled.intervals(probabilities[order]) == straight.intervals(probabilities)
    assert shuffled.differences(probabilities[order], others[order]) == straight.differences(probabilities, others)


@settings(max_examples=20)
@given(seed=SEEDS)
def test_a_difference_the_other_way_round_has_the_other_sign(seed):
    some = clips(seed)
    first, second = answers(some, seed), answers(some, seed + 1)
    draws = SpeakerBootstrap(some, draws=50)
    there, back = draws.differences(first, second), draws.differences(second, first)
    for corpus, by_measure in there.items():
        for measure, interval in by_measure.items():
            assert (interval.low, interval.high) == pytest.approx(
                (-back[corpus][measure].high, -back[corpus][measure].low)
            )


def test_the_interval_is_that_of_scoring_the_drawn_speakers_clips_again():
    some = clips(3, corpora=("a",), speakers=6, each=12)
    probabilities, targets = answers(some, 3), targets_of(some)
    by_speaker = np.arange(len(some)).reshape(6, 12)
    ours = SpeakerBootstrap(some).intervals(probabilities)["a"]
    for measure in ("macro_f1", "nll", "ece"):

        def again(drawn: np.ndarray, measure: str = measure) -> float:
            rows = by_speaker[drawn].ravel()
            return getattr(score(probabilities[rows], targets[rows]), measure)

        theirs = scipy_bootstrap(
            (np.arange(6),), again, n_resamples=500, vectorized=False, method="percentile", rng=5
        ).confidence_interval
        width = theirs.high - theirs.low
        assert ours[measure].low == pytest.approx(theirs.low, abs=0.15 * width)
        assert ours[measure].high == pytest.approx(theirs.high, abs=0.15 * width)


def test_another_corpus_changes_nothing_about_the_first():
    both = clips(5)
    alone = [clip for clip in both if clip.corpus == "a"]
    probabilities = answers(both, 5)
    ours = SpeakerBootstrap(alone).intervals(probabilities[: len(alone)])["a"]
    assert SpeakerBootstrap(both).intervals(probabilities)["a"] == ours


def test_one_speaker_gives_no_interval_and_none_for_the_whole():
    some = [*clips(1, corpora=("a",)), *clips(1, corpora=("b",), speakers=1)]
    intervals = SpeakerBootstrap(some, draws=50).intervals(answers(some, 1))
    assert intervals["a"]["nll"] is not None
    assert intervals["b"]["nll"] is None
    assert intervals["all"]["nll"] is None
