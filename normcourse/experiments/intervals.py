"""Confidence intervals over seeds."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

__all__ = ["Interval", "bootstrap"]


class Interval(NamedTuple):
    """An estimate and the ends of its 95% confidence interval: three floats, or three equal arrays.

    Example:
        >>> f"{Interval(18.6, 17.2, 20.3):.1f}"
        '18.6 [17.2, 20.3]'
    """

    estimate: Any
    low: Any
    high: Any

    def __format__(self, spec: str) -> str:
        return f"{self.estimate:{spec}} [{self.low:{spec}}, {self.high:{spec}}]"


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
        Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13;
        computed by ``scipy.stats.bootstrap``.

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
    ends = stats.bootstrap(
        arrays,
        statistic,
        axis=0,
        paired=True,
        vectorized=True,
        method="percentile",
        batch=500,  # bounds the memory when the samples are curves
        rng=np.random.default_rng(0),
    ).confidence_interval
    return Interval(statistic(*arrays, axis=0), ends.low, ends.high)
