"""Statistics of features, their shift, and the noise of batches, against values worked out by hand."""

import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn

from normcourse.probes import (
    distribution_shift,
    feature_statistics,
    moment_shift,
    paired_shift,
    statistics_noise,
)

RNG = np.random.default_rng(0)
IMAGES = RNG.normal(size=(7, 3, 4, 5))


def test_statistics_pool_examples_and_positions_of_each_channel() -> None:
    found = feature_statistics(IMAGES, percentiles=(0, 50, 100))
    np.testing.assert_allclose(found.mean, IMAGES.mean((0, 2, 3)))
    np.testing.assert_allclose(found.std, IMAGES.std((0, 2, 3)))
    np.testing.assert_allclose(found.percentiles[1], np.median(IMAGES, axis=(0, 2, 3)))
    np.testing.assert_array_equal(found.percentiles[[0, 2], 1], [IMAGES[:, 1].min(), IMAGES[:, 1].max()])


def test_features_may_be_the_last_axis() -> None:
    tokens = np.moveaxis(IMAGES, 1, -1)
    np.testing.assert_allclose(feature_statistics(tokens, axis=-1).std, feature_statistics(IMAGES).std)
    np.testing.assert_allclose(
        distribution_shift(tokens, 2 * tokens, axis=-1), distribution_shift(IMAGES, 2 * IMAGES)
    )


def test_moment_shift_of_a_move_and_of_a_stretch() -> None:
    x = np.array([[-1.0], [1.0]]) * [1.0, 10.0, 1.0]  # three features with mean 0, std 1, 10, 1
    moved = x * [1.0, 1.0, 4.0] + [2.0, 5.0, 4.0]
    np.testing.assert_allclose(moment_shift(x, moved), [2.0, 0.5, 5.0])  # the last: 3, 4, 5


def test_distribution_shift_is_wasserstein_in_units_of_the_old_deviation() -> None:
    before, after = RNG.normal(2, 3, size=(50, 2)), RNG.exponential(size=(50, 2))
    expected = [stats.wasserstein_distance(a, b) / a.std() for a, b in zip(before.T, after.T, strict=True)]
    np.testing.assert_allclose(distribution_shift(before, after), expected)


def test_a_change_of_shape_shows_in_the_distribution_and_not_in_the_moments() -> None:
    two, three = np.array([[-1.0, 1.0] * 3]).T, np.array([[-(1.5**0.5), 0.0, 1.5**0.5] * 2]).T
    np.testing.assert_allclose(moment_shift(two, three), 0, atol=1e-12)
    assert distribution_shift(two, three) > 0.3


def test_only_the_paired_shift_sees_examples_change_places() -> None:
    before, after = RNG.normal(size=(2, 100, 3, 2))
    swapped = before[::-1]
    assert (paired_shift(before, swapped) > 1).all()
    np.testing.assert_allclose(distribution_shift(before, swapped), 0, atol=1e-12)
    for other in (moment_shift, distribution_shift):
        assert (paired_shift(before, after) >= other(before, after)).all()
    np.testing.assert_allclose(paired_shift(before, before + 3), moment_shift(before, before + 3))


def test_a_constant_feature_shifts_by_nothing_or_without_bound() -> None:
    constant, moved = np.zeros((4, 2)), np.tile([0.0, 1.0], (4, 1))
    for shift in (moment_shift, distribution_shift, paired_shift):
        np.testing.assert_array_equal(shift(constant, moved), [0, np.inf])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: feature_statistics(np.ones(3)), r"said to be axis 1, but the shape is \(3,\)"),
        (lambda: feature_statistics(np.ones((0, 3))), r"at least one value, but the shape is \(0, 3\)"),
        (lambda: moment_shift(np.ones((4, 2)), np.ones((4, 3))), "same features, but got 2 and 3"),
        (lambda: distribution_shift(np.ones((4, 2)), np.ones((5, 2))), "as many values .* got 4 and 5"),
        (lambda: paired_shift(np.ones((4, 2)), np.ones((1, 2))), "as many values .* got 4 and 1"),
    ],
)
def test_errors(call, message) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_noise_is_that_of_the_batches_each_layer_sees() -> None:
    torch.manual_seed(0)
    x = 5 + 3 * torch.randn(4000, 2, 5, dtype=torch.float64)
    model = nn.Sequential(nn.BatchNorm1d(2), nn.Conv1d(2, 4, 1), nn.BatchNorm1d(4)).double()
    old = model[0].running_mean.clone()
    noise = statistics_noise(model, x.split(8), nn.BatchNorm1d)
    assert list(noise) == ["0", "2"]
    m = 8 * 5  # values per batch and channel: independent, so that theory holds
    np.testing.assert_allclose(noise["0"].mean, 1 / np.sqrt(m), rtol=0.1)
    np.testing.assert_allclose(noise["0"].var, np.sqrt(2 / m), rtol=0.1)
    # The second layer's mean is the first one's beta, in training mode, and so has no noise.
    np.testing.assert_allclose(noise["2"].mean, 0, atol=1e-12)
    assert torch.equal(model[0].running_mean, old)


def test_noise_is_the_spread_over_the_batches_at_hand_in_units_of_all_values() -> None:
    """With three batches of two values the biased and the unbiased spread lie far apart."""
    batches = torch.tensor([[1.0, 5.0], [4.0, 8.0], [9.0, 9.0]], dtype=torch.float64)
    noise = statistics_noise(nn.BatchNorm1d(1).double(), list(batches[..., None]), "")[""]
    values = batches.numpy()
    assert noise.mean[0] == pytest.approx(np.std(values.mean(axis=1)) / np.std(values))
    assert noise.var[0] == pytest.approx(np.std(values.var(axis=1)) / np.var(values))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_constant_feature_has_no_noise_although_its_digits_round(dtype) -> None:
    torch.manual_seed(0)
    x = torch.randn(70, 3, 5, dtype=dtype)
    x[:, 1] = 0.1
    x[:, 2] = 1000 + 0.01 * x[:, 0]  # a small spread is a spread
    noise = statistics_noise(nn.BatchNorm1d(3).to(dtype), [x[:7], x[7:20], x[20:]], "")[""]
    for values in noise:
        assert values[1] == 0
        assert values[2] == pytest.approx(values[0], rel=0.02)
        assert values[0] > 0.05


@pytest.mark.parametrize("batches", [[], [torch.ones(2, 1)]])
def test_noise_needs_two_batches(batches) -> None:
    with pytest.raises(ValueError, match=f"at least 2 batches, but '0' saw {len(batches)}"):
        statistics_noise(nn.Sequential(nn.BatchNorm1d(1)), batches, "0")
