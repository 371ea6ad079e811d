"""Batch normalization as layers."""

import torch
from torch import Tensor

from normcourse import functional
from normcourse.nn._base import RunningNorm

__all__ = ["BatchNorm1d", "BatchNorm2d", "BatchNorm3d"]


class _BatchNorm(RunningNorm):
    def forward(self, input: Tensor) -> Tensor:
        """Normalize by the batch in training mode or without running statistics, else by those."""
        self._check_rank(input)
        momentum: float | Tensor = 0.0 if self.momentum is None else self.momentum
        track = self.training and self.track_running_stats
        if track and self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
            if self.momentum is None and self.running_mean is not None:
                # A tensor, not .item(): so that vmap over models and tracing go through.
                momentum = self.num_batches_tracked.to(self.running_mean.dtype).reciprocal()
        use_running = track or not self.training
        return functional.batch_norm(
            input,
            self.running_mean if use_running else None,
            self.running_var if use_running else None,
            self.weight,
            self.bias,
            self.training or (self.running_mean is None and self.running_var is None),
            momentum,
            self.eps,
        )


class BatchNorm1d(_BatchNorm):
    """Batch normalization of ``(N, C)`` or ``(N, C, L)``: the drop-in for ``torch.nn.BatchNorm1d``.

    Example:
        >>> layer = BatchNorm1d(1)
        >>> layer(torch.tensor([[1.0], [3.0]])).flatten().tolist()
        [-0.9999949932098389, 0.9999949932098389]
        >>> layer.running_mean, layer.running_var
        (tensor([0.2000]), tensor([1.1000]))
    """

    _ranks = (2, 3)


class BatchNorm2d(_BatchNorm):
    """Batch normalization of ``(N, C, H, W)``: the drop-in for ``torch.nn.BatchNorm2d``."""

    _ranks = (4,)


class BatchNorm3d(_BatchNorm):
    """Batch normalization of ``(N, C, D, H, W)``: the drop-in for ``torch.nn.BatchNorm3d``."""

    _ranks = (5,)
