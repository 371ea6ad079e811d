"""Instance normalization as layers."""

import warnings

import torch
from torch import Tensor

from normcourse import functional
from normcourse.nn._base import RunningNorm

__all__ = ["InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d"]


class _InstanceNorm(RunningNorm):
    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)

    def forward(self, input: Tensor) -> Tensor:
        """Normalize each channel of each example; the batch axis may be missing."""
        self._check_rank(input)
        single = input.dim() == self._ranks[0]
        batch = input.unsqueeze(0) if single else input
        self._check_channels(batch)
        use_running = self._tracks() or not self.training
        y = functional.instance_norm(
            batch,
            self.running_mean if use_running else None,
            self.running_var if use_running else None,
            self.weight,
            self.bias,
            self.training or not self.track_running_stats,
            0.0 if self.momentum is None else self.momentum,
            self.eps,
        )
        return y.squeeze(0) if single else y

    def _check_channels(self, batch: Tensor) -> None:
        if batch.shape[1] == self.num_features:
            return
        message = (
            f"{type(self).__name__} was built for {self.num_features} channels, but got input of shape "
            f"{tuple(batch.shape)} with {batch.shape[1]}: set num_features to that"
        )
        if self.affine:
            raise ValueError(message)
        warnings.warn(message, stacklevel=3)  # torch lets it pass: without an affine nothing depends on C


class InstanceNorm1d(_InstanceNorm):
    r"""Instance normalization of ``(N, C, L)`` or ``(C, L)``: the drop-in for ``torch.nn.InstanceNorm1d``.

    .. math:: y = \gamma \, \frac{x - \mu}{\sqrt{\sigma^2 + \varepsilon}} + \beta

    View N C S, pooled over S, affine over C, with the biased variance. Training and evaluation are alike,
    unless running statistics are tracked: evaluation then normalizes by those.

    Args:
        num_features: The channels C.
        eps: Added to the variance.
        momentum: Share of the new statistic in the running one.
        affine: Whether there is a gamma, ``weight``, and a beta, ``bias``, both ``(C,)``.
        track_running_stats: Whether to keep ``running_mean`` and ``running_var``, both ``(C,)``.
        device: Where parameters and buffers live.
        dtype: Their dtype.
        bias: Whether the affine has a beta.

    Raises:
        ValueError: The input has the wrong rank, one position per channel, or, with an affine, another
            number of channels than the layer (without one that is a warning).

    Source:
        Ulyanov et al. 2016, arXiv 1607.08022.

    Example:
        >>> import torch
        >>> InstanceNorm1d(2)(torch.tensor([[1.0, 3.0], [10.0, 30.0]])).round(decimals=3)
        tensor([[-1.,  1.],
                [-1.,  1.]])
    """

    _ranks = (2, 3)


class InstanceNorm2d(_InstanceNorm):
    """Instance normalization of ``(N, C, H, W)`` or ``(C, H, W)``, as ``torch.nn.InstanceNorm2d``.

    Arguments and errors are those of :class:`InstanceNorm1d`.
    """

    _ranks = (3, 4)


class InstanceNorm3d(_InstanceNorm):
    """Instance normalization of ``(N, C, D, H, W)`` or ``(C, D, H, W)``, as ``torch.nn.InstanceNorm3d``.

    Arguments and errors are those of :class:`InstanceNorm1d`.
    """

    _ranks = (4, 5)
