import numpy as np
import pytest
from scipy import stats

from normcourse.experiments.engine.intervals import bootstrap


def ratio(a, b, axis):
    return a.mean(axis) / b.mean(axis)


def test_interval_covers_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(0)
    intervals = [bootstrap(np.mean, rng.normal(3, 1, size=20)) for _ in range(200)]
    covered = np.mean([interval.low <= 3 <= interval.high for interval in intervals])
    assert 0.87 <= covered <= 0.99  # percentile intervals fall a little short of 0.95 at 20 seeds


def test_samples_are_resampled_in_pairs():
    a = np.array([1.0, 10.0, 100.0, 1000.0])
    paired = bootstrap(ratio, 2 * a, a)
    assert paired.low == pytest.approx(2)
    assert paired.high == pytest.approx(2)


def test_same_samples_give_the_same_interval():
    assert bootstrap(np.mean, [1.0, 2.0, 4.0]) == bootstrap(np.mean, [1.0, 2.0, 4.0])


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        ([[1.0]], "at least 2 seeds"),
        ([[1.0, 2.0], [1.0, 2.0, 3.0]], "one shape"),
        ([[1.0, np.inf]], "finite"),
    ],
)
def test_unusable_samples_are_refused(samples, message):
    with pytest.raises(ValueError, match=message):
        bootstrap(np.mean, *samples)


def test_curves_get_one_interval_per_point():
    curves = np.random.default_rng(0).normal(size=(6, 4))
    whole = bootstrap(np.mean, curves)
    point = bootstrap(np.mean, curves[:, 2])
    assert whole.low.shape == (4,)
    np.testing.assert_allclose([whole.low[2], whole.high[2]], [point.low, point.high])


@pytest.mark.parametrize(("seeds", "low", "high"), [(5, 0.8, 0.9), (8, 0.86, 0.93)])
def test_the_interval_of_a_few_seeds_covers_the_mean_as_often_as_is_said(seeds, low, high):
    samples = np.random.default_rng(0).normal(size=(seeds, 2000))
    interval = bootstrap(np.mean, samples)
    assert low < np.mean((interval.low < 0) & (interval.high > 0)) < high


@pytest.mark.parametrize("shape", [(2,), (8,), (5, 3), (8, 4, 2)])
@pytest.mark.parametrize(
    ("statistic", "count"), [(np.mean, 1), (np.median, 1), (ratio, 2)], ids=["mean", "median", "ratio"]
)
def test_the_ends_are_scipys_to_the_last_digit(statistic, count, shape):
    rng = np.random.default_rng(1)
    samples = [rng.lognormal(sigma=2, size=shape) for _ in range(count)]
    theirs = stats.bootstrap(
        samples,
        statistic,
        axis=0,
        paired=True,
        vectorized=True,
        method="percentile",
        batch=500,
        rng=np.random.default_rng(0),
    ).confidence_interval
    ours = bootstrap(statistic, *samples)
    np.testing.assert_array_equal([ours.low, ours.high], [theirs.low, theirs.high], strict=True)


def test_a_statistic_that_is_not_a_number_for_some_draws_has_no_ends():
    with np.errstate(invalid="ignore"):
        interval = bootstrap(ratio, [1.0, 0.0], [1.0, 0.0])
    assert interval.estimate == 1
    assert np.isnan([interval.low, interval.high]).all()
