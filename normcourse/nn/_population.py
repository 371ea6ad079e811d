"""What folding and recalibration share: which layers are batch norms, and what statistics must be."""

import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm as TorchBatchNorm

from normcourse.nn.batchnorm import BatchNorm

__all__ = ["AnyBatchNorm", "check_population"]

AnyBatchNorm = BatchNorm | TorchBatchNorm  # torch's SyncBatchNorm included


def check_population(name: str, eps: float, mean: Tensor, var: Tensor) -> None:
    """Raise a ValueError unless these are finite, and the variance and eps not negative."""
    if eps < 0:
        raise ValueError(f"{name} has eps={eps}, but eps must not be negative: 1e-5 is usual")
    if not (torch.isfinite(mean).all() and torch.isfinite(var).all()):
        raise ValueError(f"{name} has statistics that are not finite: mean {mean}, variance {var}")
    if (var < 0).any():
        raise ValueError(f"{name} has a negative variance: {var}")
