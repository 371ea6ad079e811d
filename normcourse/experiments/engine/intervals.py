"""Confidence intervals over seeds."""

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Interval", "bootstrap", "written"]

_DRAWS = 9999
_BATCH = 500  # bounds the memory when the samples are curves


class Interval(NamedTuple):
    """An estimate and the ends of its 95% confidence interval: three floats, or three equal arrays.

    Example:
        >>> f"{Interval(18.6, 17.2, 20.3):.1f}"
        '18.6 [17.2, 20.3]'
        >>> f"{Interval(0.3, -0.04, 0.6):.1f}"
        '0.3 [0.0, 0.6]'
    """

    estimate: Any
    low: Any
    high: Any

    def __format__(self, spec: str) -> str:
        estimate, low, high = (written(value, spec) for value in self)
        return f"{estimate} [{low}, {high}]"


def written(number: Any, spec: str) -> str:
    """Format a number, as Python's ``format`` does but never as a negative zero.

    Example:
        >>> written(-0.06, ".1f"), written(-0.04, ".1f"), written(-0.004, "+.0%")
        ('-0.1', '0.0', '+0%')
    """
    text = format(number, spec)
    return format(abs(number), spec) if "0" in text and not re.search("[1-9]", text) else text


def bootstrap(statistic: Callable[..., Any], *samples: ArrayLike) -> Interval:
    """Estimate a statistic of per-seed samples, with a 95% percentile-bootstrap interval.

    Seeds are drawn again 9999 times with replacement. Several samples are resampled together, so that
    entry ``i`` of each stays with entry ``i`` of the others: give all arms the same seeds. With few seeds
    the interval is somewhat too narrow: of Gaussian samples it covers the mean about nine times in ten with
    8 seeds, and less often with 5.

    Args:
        statistic: Reduces the seeds: it is called with arrays and the ``axis`` that holds them, as in
            ``lambda a, b, axis: a.mean(axis) / b.mean(axis)``.
        samples: Finite values of shape ``(seeds, ...)``, at least two seeds; all of one shape.

    Returns:
        The estimate on the samples as they are, and the interval's ends, of shape ``(...)``.

    Raises:
        ValueError: Fewer than two seeds, unequal shapes, or a value that is not finite.

    Source:
        Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13.

    Example:
        >>> f"{bootstrap(np.mean, [9.0, 10.0, 11.0, 10.0]):.1f}"
        '10.0 [9.2, 10.8]'
    """
    arrays = [np.asarray(sample, dtype=float) for sample in samples]
    shapes = [array.shape for array in arrays]
    if len(set(shapes)) != 1 or not shapes[0] or shapes[0][0] < 2:
        raise ValueError(
            f"bootstrap needs samples of one shape (seeds, ...) with at least 2 seeds; got {shapes}"
        )
    if not all(np.isfinite(array).all() for array in arrays):
        raise ValueError("bootstrap needs finite values; drop or count the failed seeds first")
    last = [np.moveaxis(array, 0, -1) for array in arrays]
    seeds, rng, drawn = shapes[0][0], np.random.default_rng(0), []
    for start in range(0, _DRAWS, _BATCH):
        again = rng.integers(0, seeds, (min(_BATCH, _DRAWS - start), seeds))
        drawn.append(statistic(*(array[..., again] for array in last), axis=-1))
    return Interval(statistic(*arrays, axis=0), *_ends(np.concatenate(drawn, axis=-1)))


def _ends(drawn: NDArray[np.floating]) -> list[Any]:
    """Return what cuts off 2.5% below and above, rounded to the last digit as SciPy does."""
    ordered = np.sort(drawn.astype(float), axis=-1)
    ordered[np.isnan(ordered[..., -1])] = np.nan  # which is sorted last
    count, tail, ends = ordered.shape[-1], (1 - 0.95) / 2, []
    for share in (tail, 1 - tail):
        place = share * count + (1 - share)
        above, part = int(place), place % 1
        ends.append((1 - part) * ordered[..., above - 1] + part * ordered[..., above])
    return ends
