"""Batch normalization as layers."""

from torch import Tensor

from normcourse import functional
from normcourse.nn._base import RunningNorm

__all__ = ["BatchNorm1d", "BatchNorm2d", "BatchNorm3d"]


class BatchNorm(RunningNorm):
    """What the batch norms of every rank share."""

    def forward(self, input: Tensor) -> Tensor:
        """Normalize by the batch in training mode or without running statistics, else by those."""
        self._check_rank(input)
        tracks = self._tracks()
        use_running = tracks or not self.training
        y = functional.batch_norm(
            input,
            self.running_mean if use_running else None,
            self.running_var if use_running else None,
            self.weight,
            self.bias,
            self.training or (self.running_mean is None and self.running_var is None),
            self._share() if tracks else 0.0,
            self.eps,
        )
        if tracks:
            self._count_batch()
        return y


class BatchNorm1d(BatchNorm):
    r"""Batch normalization of ``(N, C)`` or ``(N, C, L)``: the drop-in for ``torch.nn.BatchNorm1d``.

    .. math:: y = \gamma \, \frac{x - \mu}{\sqrt{\sigma^2 + \varepsilon}} + \beta

    View N C S, pooled over N S, affine over C. Training normalizes by the batch's mean and biased variance,
    and tracks the mean and the unbiased variance; evaluation normalizes by what was tracked. A batch that
    ``torch.utils.checkpoint`` runs again in the backward pass is tracked once, unless the layer itself is
    compiled (by PyTorch's layer twice), and one that is refused is not counted.

    Args:
        num_features: The channels C.
        eps: Added to the variance.
        momentum: Share of the new statistic in the running one; None for the plain average of all batches.
        affine: Whether there is a gamma, ``weight``, and a beta, ``bias``, both ``(C,)``.
        track_running_stats: Whether to keep ``running_mean`` and ``running_var``, both ``(C,)``. Without
            them evaluation also uses the batch.
        device: Where parameters and buffers live.
        dtype: Their dtype.
        bias: Whether the affine has a beta.

    Raises:
        ValueError: The input has the wrong rank, or one value per channel in training.
        RuntimeError: The input has another number of channels, or another dtype, than the layer.

    Source:
        Ioffe and Szegedy 2015, arXiv 1502.03167.

    Example:
        >>> import torch
        >>> layer = BatchNorm1d(1)
        >>> layer(torch.tensor([[1.0], [3.0]])).flatten().tolist()
        [-0.9999949932098389, 0.9999949932098389]
        >>> layer.running_mean, layer.running_var
        (tensor([0.2000]), tensor([1.1000]))
    """

    _ranks = (2, 3)


class BatchNorm2d(BatchNorm):
    """Batch normalization of ``(N, C, H, W)``: the drop-in for ``torch.nn.BatchNorm2d``.

    Arguments and errors are those of :class:`BatchNorm1d`.
    """

    _ranks = (4,)


class BatchNorm3d(BatchNorm):
    """Batch normalization of ``(N, C, D, H, W)``: the drop-in for ``torch.nn.BatchNorm3d``.

    Arguments and errors are those of :class:`BatchNorm1d`.
    """

    _ranks = (5,)
