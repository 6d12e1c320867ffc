import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import bootstrap as scipy_bootstrap

from offline_eval.scoring.resampling import ClusterBootstrap, holm

SEEDS = st.integers(0, 2**32 - 1)


def of_means(values: np.ndarray, **options) -> tuple[ClusterBootstrap, np.ndarray]:
    """Replicates of the mean of values, each a cluster of its own."""
    bootstrap = ClusterBootstrap([f"c{n:04d}" for n in range(len(values))], **{"draws": 2_000, "seed": 0} | options)
    sums = bootstrap.sums(np.column_stack([np.ones(len(values)), values]), bootstrap.cluster)
    return bootstrap, sums[:, 1] / sums[:, 0]


@pytest.mark.parametrize("number", [12, 60])
def test_the_interval_is_the_bca_interval_of_scipy(number):
    skewed = np.random.default_rng(number).lognormal(0, 1, number)
    bootstrap, drawn = of_means(skewed, draws=20_000)
    low, high = bootstrap.interval(drawn)
    theirs = scipy_bootstrap((skewed,), np.mean, n_resamples=20_000, method="BCa", rng=1).confidence_interval
    width = theirs.high - theirs.low
    assert low == pytest.approx(theirs.low, abs=0.04 * width)
    assert high == pytest.approx(theirs.high, abs=0.04 * width)
    plain = np.quantile(drawn[1:20_001], (0.025, 0.975))
    assert high - plain[1] > 0.05 * width


def test_more_than_two_hundred_clusters_are_left_out_in_groups_with_the_same_interval():
    skewed = np.random.default_rng(5).lognormal(0, 1, 1_000)
    bootstrap, drawn = of_means(skewed)
    assert len(drawn) == 1 + 2_000 + 200
    theirs = scipy_bootstrap((skewed,), np.mean, n_resamples=2_000, method="BCa", rng=1).confidence_interval
    assert bootstrap.interval(drawn) == pytest.approx(tuple(theirs), abs=0.1 * (theirs.high - theirs.low))


@settings(max_examples=10)
@given(seed=SEEDS)
def test_utterances_of_one_cluster_are_drawn_together(seed):
    rng = np.random.default_rng(seed)
    names = [f"c{n}" for n in rng.integers(0, 5, 40)]
    bootstrap = ClusterBootstrap(names, draws=20, seed=seed)
    sums = bootstrap.sums(np.eye(40), bootstrap.cluster)
    for name in set(names):
        together = sums[:, [n == name for n in names]]
        assert (together == together[:, :1]).all()
    assert (sums[0] == 1).all()


def test_clusters_are_drawn_within_their_stratum_and_alike_whatever_strata_there_are():
    names, strata = ["a", "b", "c", "a", "b"], ["x", "x", "x", "y", "y"]
    both = ClusterBootstrap(names, strata=strata, draws=50, seed=4)
    drawn = both.sums(np.eye(5), both.cluster)[:51]
    assert (drawn[:, :3].sum(1) == 3).all()
    assert (drawn[:, 3:].sum(1) == 2).all()
    assert both.sizes == {"x": 3, "y": 2}
    alone = ClusterBootstrap(names[:3], strata=strata[:3], draws=50, seed=4)
    assert (alone.sums(np.eye(3), alone.cluster)[:51] == drawn[:, :3]).all()


def test_how_far_strata_lie_apart_changes_no_width():
    skewed = np.random.default_rng(7).lognormal(0, 1, 20)
    strata = ["x"] * 8 + ["y"] * 12
    (low, high), (far_low, far_high) = (
        bootstrap.interval(drawn)
        for bootstrap, drawn in (
            of_means(skewed + np.array([0] * 8 + [apart] * 12), strata=strata) for apart in (0, 50)
        )
    )
    assert (far_low - 30, far_high - 30) == pytest.approx((low, high))


def test_clusters_that_are_all_alike_leave_no_doubt():
    bootstrap, drawn = of_means(np.full(8, 0.3))
    assert bootstrap.interval(drawn) == pytest.approx((0.3, 0.3))


def test_a_single_cluster_leaves_nothing_to_draw():
    bootstrap = ClusterBootstrap(["a"] * 3, draws=100, seed=0)
    sums = bootstrap.sums(np.ones((3, 1)), bootstrap.cluster)
    assert sums.tolist() == [[3]]
    assert bootstrap.interval(sums[:, 0]) is None
    assert bootstrap.p_value(sums[:, 0]) is None


def test_a_stratum_of_a_single_cluster_leaves_nothing_to_draw_from_the_whole():
    bootstrap = ClusterBootstrap(["a", "b", "a"], strata=["x", "x", "y"], draws=100, seed=0)
    assert bootstrap.sums(np.ones((3, 1)), bootstrap.cluster).tolist() == [[3]]


def test_a_measure_that_half_of_the_draws_leave_undefined_has_no_interval():
    bootstrap, drawn = of_means(np.arange(5.0))
    drawn[1:800] = np.nan
    assert bootstrap.interval(drawn) is not None
    drawn[1:1_200] = np.nan
    assert bootstrap.interval(drawn) is None
    assert bootstrap.p_value(drawn) is None


def test_p_values_are_small_for_a_clear_difference_large_for_none_and_never_zero():
    rng = np.random.default_rng(0)
    bootstrap, clear = of_means(rng.normal(3, 1, 50))
    assert bootstrap.p_value(clear) == pytest.approx(1 / 2_001)
    assert bootstrap.p_value(clear * 0) == 1


def test_p_values_of_no_difference_are_as_often_small_as_they_say():
    rng = np.random.default_rng(1)
    found = []
    for seed in range(200):
        bootstrap, drawn = of_means(rng.normal(0, 1, 40), draws=300, seed=seed)
        found.append(bootstrap.p_value(drawn))
    assert np.mean(np.array(found) < 0.1) == pytest.approx(0.1, abs=0.06)


def test_holm_multiplies_the_smallest_by_all_and_never_turns_the_order():
    # The example of Holm's procedure: sorted .01, .02, .03, .04 times 4, 3, 2, 1, made monotone.
    assert holm([0.04, 0.01, None, 0.03, 0.02]) == pytest.approx([0.06, 0.04, None, 0.06, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []
