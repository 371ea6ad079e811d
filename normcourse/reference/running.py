"""What a norm remembers between batches."""

import numpy as np
from numpy.typing import DTypeLike

from normcourse.reference import _checks
from normcourse.reference._checks import Array

__all__ = ["RunningStats"]


class RunningStats:
    r"""Running mean and variance per channel, updated in place by every batch in training.

    .. math::
        \mu \leftarrow (1 - m)\,\mu + m\,\mu_B, \qquad
        \sigma^2 \leftarrow (1 - m)\,\sigma^2 + m\,\tfrac{n}{n - 1}\,\sigma_B^2

    The momentum m is PyTorch's: the weight of the *new* batch. The running variance is the unbiased one
    (Bessel's correction) although the batch is normalized with the biased one.

    Args:
        num_features: Number of channels ``C``.
        momentum: Weight of the new batch, between 0 and 1, or None for the plain average of all batches.
        dtype: Floating dtype of the statistics.

    Attributes:
        mean: Running mean, shape ``(C,)``, at first zeros.
        var: Running unbiased variance, shape ``(C,)``, at first ones.
        num_batches_tracked: How many batches have been taken in.

    Raises:
        ValueError: Momentum outside of 0 to 1, or less than one channel.
        TypeError: A dtype that is not floating.

    Source:
        Ioffe and Szegedy 2015, arXiv 1502.03167, section 3.1, which tracks the statistics by moving averages.

    Example:
        >>> running = RunningStats(1, momentum=0.5)
        >>> running.update(np.array([4.0]), np.array([2.0]), count=3)
        >>> running
        RunningStats(mean=[2.], var=[2.], num_batches_tracked=1, momentum=0.5)
    """

    def __init__(
        self, num_features: int, momentum: float | None = 0.1, dtype: DTypeLike = np.float64
    ) -> None:
        if num_features < 1:
            raise ValueError(f"num_features must be the number of channels, at least 1, got {num_features}")
        if momentum is not None and not 0 <= momentum <= 1:  # NaN fails the comparison
            raise ValueError(
                f"momentum must be between 0 and 1 or None, got {momentum}; "
                "it is the weight of the new batch, so PyTorch's 0.1 is 0.9 elsewhere"
            )
        self.momentum = momentum
        self.mean: Array = _checks.floating("mean", np.zeros(num_features, dtype))
        self.var: Array = np.ones_like(self.mean)
        self.num_batches_tracked = 0

    def __repr__(self) -> str:
        return (
            f"RunningStats(mean={self.mean}, var={self.var}, "
            f"num_batches_tracked={self.num_batches_tracked}, momentum={self.momentum})"
        )

    def check(self, channels: int) -> None:
        """Refuse statistics that cannot normalize this many channels.

        Raises:
            ValueError: A shape other than ``(channels,)``, a value that is not finite, or a variance
                below zero.
        """
        if self.mean.shape != (channels,) or self.var.shape != (channels,):
            raise ValueError(
                f"running statistics must have shape ({channels},), one entry per channel of the input, "
                f"got mean {self.mean.shape} and variance {self.var.shape}; "
                f"make them with RunningStats({channels})"
            )
        _checks.statistics("running statistics", self.mean, self.var)

    def update(self, mean: Array, var: Array, count: int) -> None:
        """Take in one batch. If that fails, nothing has changed.

        Args:
            mean: The batch's mean, shape ``(C,)``.
            var: The batch's *biased* variance, shape ``(C,)``.
            count: How many values each was taken over, at least 2.

        Raises:
            ValueError: Unequal shapes, fewer than two values, or statistics (old, new or of the batch)
                that are not finite or have a negative variance.
        """
        self.check(mean.size)
        _checks.statistics("the batch's statistics", mean, var)
        if mean.shape != var.shape or count < 2:
            raise ValueError(
                f"an unbiased variance needs a mean and a variance of one shape over at least 2 values, "
                f"got {mean.shape}, {var.shape} and count = {count}"
            )
        weight = 1 / (self.num_batches_tracked + 1) if self.momentum is None else self.momentum
        with np.errstate(over="ignore"):  # reported as an error just below
            new_mean = ((1 - weight) * self.mean + weight * mean).astype(self.mean.dtype)
            new_var = ((1 - weight) * self.var + weight * var * (count / (count - 1))).astype(self.var.dtype)
        _checks.statistics("the updated running statistics", new_mean, new_var)
        self.mean[...], self.var[...] = new_mean, new_var
        self.num_batches_tracked += 1
