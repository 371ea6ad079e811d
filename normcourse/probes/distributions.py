"""The distribution of each feature over a batch, how far it moves, and how noisy its batch statistics are."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from normcourse.probes.watching import Layers, undisturbed, watch

__all__ = [
    "FeatureStatistics",
    "StatisticsNoise",
    "distribution_shift",
    "feature_statistics",
    "moment_shift",
    "paired_shift",
    "statistics_noise",
]


class FeatureStatistics(NamedTuple):
    """Of each feature over a batch and over space: ``mean``, ``std`` and ``percentiles``.

    ``mean`` and ``std`` (biased) have shape ``(C,)``, ``percentiles`` has ``(percentiles asked, C)``.
    """

    mean: NDArray[np.float64]
    std: NDArray[np.float64]
    percentiles: NDArray[np.float64]


def feature_statistics(
    values: ArrayLike, *, percentiles: Sequence[float] = (15, 50, 85), axis: int = 1
) -> FeatureStatistics:
    """Describe the distribution of each feature over all examples and positions.

    Args:
        values: Shape ``(N, C, ...)``.
        percentiles: Which ones, from 0 to 100.
        axis: Where the features are; -1 for ``(B, T, F)``.

    Raises:
        ValueError: No such axis, or no values.

    Example:
        >>> feature_statistics([[0.0, 5.0], [2.0, 5.0]], percentiles=(50,))
        FeatureStatistics(mean=array([1., 5.]), std=array([1., 0.]), percentiles=array([[1., 5.]]))
    """
    rows = _by_feature(values, axis)
    return FeatureStatistics(rows.mean(1), rows.std(1), np.percentile(rows, percentiles, axis=1))


def moment_shift(before: ArrayLike, after: ArrayLike, *, axis: int = 1) -> NDArray[np.float64]:
    r"""How far the mean and the standard deviation of each feature moved, in units of the old deviation.

    .. math:: \frac{\sqrt{(\mu' - \mu)^2 + (\sigma' - \sigma)^2}}{\sigma}

    The root is the 2-Wasserstein distance between two normal distributions with these moments.

    Args:
        before: A layer's values in the old state of the network, shape ``(N, C, ...)``.
        after: Those of the same examples in the new state.
        axis: Where the features are.

    Returns:
        Shape ``(C,)``. A feature that was constant has a shift of 0 if it stayed as it was, else infinity.

    Raises:
        ValueError: The features differ in number, or there are no values.

    Example:
        >>> moment_shift([[0.0], [2.0]], [[1.0], [3.0]])  # the mean moves by one standard deviation
        array([1.])
    """
    old, new = _pair(before, after, axis)
    moved = np.hypot(new.mean(1) - old.mean(1), new.std(1) - old.std(1))
    return _in_units_of(old.std(1), moved)


def distribution_shift(before: ArrayLike, after: ArrayLike, *, axis: int = 1) -> NDArray[np.float64]:
    r"""How far the values of each feature must move to turn one distribution into the other.

    .. math:: \frac{1}{m \sigma} \sum_k \left| x'_{(k)} - x_{(k)} \right|

    with :math:`x_{(k)}` the k-th smallest of the feature's m values: the 1-Wasserstein distance in units of
    the old standard deviation. It sees what `moment_shift` cannot, a change of shape. Which example has which
    value plays no part.

    Args:
        before: A layer's values in the old state of the network, shape ``(N, C, ...)``.
        after: Those of as many examples in the new state.
        axis: Where the features are.

    Returns:
        Shape ``(C,)``. A feature that was constant has a shift of 0 if it stayed as it was, else infinity.

    Raises:
        ValueError: The shapes differ, or there are no values.

    Example:
        >>> distribution_shift([[0.0], [2.0]], [[3.0], [1.0]])  # the order of the examples does not matter
        array([1.])
    """
    old, new = _pair(before, after, axis, values=True)
    moved = np.abs(np.sort(new, axis=1) - np.sort(old, axis=1)).mean(1)
    return _in_units_of(old.std(1), moved)


def paired_shift(before: ArrayLike, after: ArrayLike, *, axis: int = 1) -> NDArray[np.float64]:
    r"""How far each feature moved example by example, in units of the old standard deviation.

    .. math:: \frac{1}{\sigma} \sqrt{\frac{1}{m} \sum_k (x'_k - x_k)^2}

    At least as large as `moment_shift` and `distribution_shift`. It sees what neither can: examples that
    change places while the distribution stays.

    Args:
        before: A layer's values in the old state of the network, shape ``(N, C, ...)``.
        after: Those of the same examples, in the same order, in the new state.
        axis: Where the features are.

    Returns:
        Shape ``(C,)``. A feature that was constant has a shift of 0 if it stayed as it was, else infinity.

    Raises:
        ValueError: The shapes differ, or there are no values.

    Example:
        >>> paired_shift([[0.0], [2.0]], [[2.0], [0.0]])  # two examples swap: each moves by two deviations
        array([2.])
    """
    old, new = _pair(before, after, axis, values=True)
    return _in_units_of(old.std(1), np.sqrt(np.square(new - old).mean(1)))


class StatisticsNoise(NamedTuple):
    """How much a layer's batch statistics vary from batch to batch; each of shape ``(C,)``.

    ``mean``: standard deviation over batches of the batch's mean, in units of the deviation of all values.
    ``var``: that of the batch's biased variance, in units of the variance of all values. Both are 0 for a
    feature that is constant up to rounding.
    """

    mean: NDArray[np.float64]
    var: NDArray[np.float64]


def statistics_noise(
    model: nn.Module, batches: Iterable[Tensor], layers: Layers, *, axis: int = 1
) -> dict[str, StatisticsNoise]:
    """Measure how noisy the mean and variance are that norm layers take from a batch.

    Each batch runs through the model in the mode that it is in: call ``model.train()`` first to see the
    layers fed as in training. Buffers and random state are put back, and no gradient is taken.

    Args:
        model: Any module.
        batches: At least two inputs of the model.
        layers: Names or types, as for `watch`, such as ``nn.BatchNorm2d``; their inputs are measured.
        axis: Where the features are.

    Raises:
        ValueError: No such layer, fewer than two batches, or a layer that no batch reached.

    Example:
        >>> batches = [torch.tensor([[0.0], [2.0]]), torch.tensor([[4.0], [6.0]])]
        >>> noise = statistics_noise(nn.Sequential(nn.BatchNorm1d(1)), batches, nn.BatchNorm1d)["0"]
        >>> noise.mean.round(3), noise.var.round(3)  # means 1 and 5, variance 5 of all; 1 of each batch
        (array([0.894]), array([0.]))
    """
    with undisturbed(model), torch.no_grad(), watch(model, layers, what="input") as seen:
        for batch in batches:
            model(batch)
    for name, inputs in seen.items():
        if len(inputs) < 2:
            raise ValueError(f"a spread needs at least 2 batches, but {name!r} saw {len(inputs)}")
    return {
        name: _noise([_by_feature(x, axis) for x in inputs], np.finfo(inputs[0].dtype).eps)
        for name, inputs in seen.items()
    }


def _noise(batches: Sequence[NDArray[np.float64]], eps: float) -> StatisticsNoise:
    """Measure the noise; ``eps`` is the relative rounding of the values."""
    every = np.concatenate(batches, axis=1)
    # A constant feature may differ in its last digits, and its mean in a last digit more.
    constant = np.ptp(every, axis=1) <= 4 * eps * np.abs(every).max(axis=1)
    batches = [np.where(constant[:, None], 0.0, rows) for rows in batches]
    means, variances = ([getattr(rows, what)(axis=1) for rows in batches] for what in ("mean", "var"))
    return StatisticsNoise(
        _in_units_of(every.std(1), np.std(means, axis=0)),
        _in_units_of(every.var(1), np.std(variances, axis=0)),
    )


def _by_feature(values: ArrayLike, axis: int) -> NDArray[np.float64]:
    """Reshape to ``(C, everything else)``, in double precision."""
    array = np.asarray(values, dtype=np.float64)
    if not -array.ndim <= axis < array.ndim:
        raise ValueError(f"the features are said to be axis {axis}, but the shape is {array.shape}")
    if not array.size:
        raise ValueError(f"a distribution needs at least one value, but the shape is {array.shape}")
    rows: NDArray[np.float64] = np.moveaxis(array, axis, 0).reshape(array.shape[axis], -1)
    return rows


def _pair(
    before: ArrayLike, after: ArrayLike, axis: int, *, values: bool = False
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Reshape both; they must agree in the number of features, and of ``values`` if asked."""
    old, new = _by_feature(before, axis), _by_feature(after, axis)
    if len(old) != len(new):
        raise ValueError(f"both states need the same features, but got {len(old)} and {len(new)}")
    if values and old.shape != new.shape:
        raise ValueError(
            f"both states need as many values of a feature, but got {old.shape[1]} and {new.shape[1]}"
        )
    return old, new


def _in_units_of(unit: NDArray[np.float64], moved: NDArray[Any]) -> NDArray[np.float64]:
    """Divide, with 0 / 0 as 0: what did not move did not move in any unit."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(moved == 0, 0.0, moved / unit)
