"""Batch norms as a training leaves them, and values to put through them, for the tests of this folder."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from normcourse import nn as ours

LIBRARIES = pytest.mark.parametrize("library", [ours, nn], ids=["ours", "torch's"])
SHAPES = {"BatchNorm1d": (6, 4), "BatchNorm2d": (5, 4, 3, 2), "BatchNorm3d": (3, 4, 2, 3, 2)}


def trained(layer: Any) -> Any:
    """Give a layer statistics and an affine of its own, in float64."""
    torch.manual_seed(0)
    layer = layer.double()
    for tensor in (layer.running_mean, layer.weight, layer.bias):
        tensor.data.normal_()
    layer.running_var.uniform_(0.5, 2)
    return layer


def network(library: Any = ours) -> nn.Sequential:
    """Return a network of linear layers, batch norms and dropout, in training mode."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(4, 6).double(), trained(library.BatchNorm1d(6)), nn.ReLU(), nn.Dropout(0.5),
        nn.Linear(6, 3).double(), trained(library.BatchNorm1d(3))
    )  # fmt: skip


def values(*shape: int) -> Tensor:
    """Return the same normal values each time, in float64."""
    generator = torch.Generator().manual_seed(1)
    return 3 * torch.randn(*shape, generator=generator, dtype=torch.float64) + 2


def gradients(out: Tensor, inputs: list[Tensor]) -> tuple[Tensor, ...]:
    """Return the gradients of the inputs for a random upstream gradient."""
    upstream = torch.randn(out.shape, generator=torch.Generator().manual_seed(2), dtype=out.dtype)
    return torch.autograd.grad(out, inputs, upstream)
