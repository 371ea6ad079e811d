"""The running statistics of a network: read them, exchange them, compute them anew."""

from collections.abc import Iterable
from copy import deepcopy

import torch
from torch import Tensor, nn

from normcourse.nn import recalibrate

__all__ = ["recalibrated", "statistics_of", "with_statistics"]


def statistics_of(model: nn.Module) -> list[Tensor]:
    """Return the running means and variances themselves, not copies: a mean and a variance for each layer."""
    return [value for name, value in model.named_buffers() if name.endswith(("running_mean", "running_var"))]


def with_statistics(model: nn.Module, statistics: Iterable[Tensor]) -> nn.Module:
    """Return a copy in inference mode that has these statistics, in the order of `statistics_of`."""
    model = deepcopy(model).eval()
    for value, new in zip(statistics_of(model), statistics, strict=True):
        value.copy_(new)
    return model


def recalibrated(model: nn.Module, inputs: Tensor) -> nn.Module:
    """Return a copy in inference mode with statistics of these inputs, in batches of 32."""
    model = deepcopy(model).eval()
    recalibrate(model, torch.split(inputs, 32))
    return model
