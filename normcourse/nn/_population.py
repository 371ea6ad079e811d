"""What the tools for batch norms share: which layers are batch norms, and what statistics must be."""

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm as TorchBatchNorm

from normcourse.nn.batchnorm import BatchNorm

__all__ = ["AnyBatchNorm", "batch_norms", "check_population"]

AnyBatchNorm = BatchNorm | TorchBatchNorm  # torch's SyncBatchNorm included


def batch_norms(model: nn.Module, *, tracked: bool) -> dict[str, AnyBatchNorm]:
    """Return a model's batch norms by name, or those with running statistics; a lone layer has its type's."""
    return {
        name or type(layer).__name__: layer
        for name, layer in model.named_modules()
        if isinstance(layer, AnyBatchNorm) and not (tracked and layer.running_mean is None)
    }


def check_population(name: str, eps: float, mean: Tensor, var: Tensor) -> None:
    """Raise a ValueError unless these are finite, and the variance and eps not negative."""
    if eps < 0:
        raise ValueError(f"{name} has eps={eps}, but eps must not be negative: 1e-5 is usual")
    if not (torch.isfinite(mean).all() and torch.isfinite(var).all()):
        raise ValueError(f"{name} has statistics that are not finite: mean {mean}, variance {var}")
    if (var < 0).any():
        raise ValueError(f"{name} has a negative variance: {var}")
