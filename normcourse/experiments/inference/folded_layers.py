"""How far does a folded layer lie from its two layers, and how much faster is it?

The bound is that of a sum of k products in floating point, whatever the order: each product takes part in at
most k roundings, and each rounding moves it by at most half a machine epsilon.

Source:
    Higham 2002, Accuracy and Stability of Numerical Algorithms, section 3.1, for sums of products.
"""

import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from normcourse.nn import fold_batch_norm

__all__ = ["Rounding", "rounding", "speed_up"]

Array = NDArray[np.float64]
Layer = TypeVar("Layer", nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)


@dataclass(frozen=True)
class Rounding:
    """A layer with its batch norm against the folded layer, on the same inputs.

    Attributes:
        outputs: Of the two layers, in double precision.
        errors: How far the folded layer lies from the two, both in single precision; of the outputs' shape.
        magnitudes: The sum of the absolute values of all terms of each output; of the outputs' shape.
        terms: The k products of one output.
    """

    outputs: Array
    errors: Array
    magnitudes: Array
    terms: int

    @property
    def bound(self) -> Array:
        """Bound of the errors to first order; k + 5 machine epsilons, times the magnitudes."""
        return (self.terms + 5) * float(np.finfo(np.float32).eps) * self.magnitudes


@torch.no_grad()
def rounding(layer: Layer, bn: nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d, x: Tensor) -> Rounding:
    """Measure the rounding errors of folding in single precision, and what bounds them.

    Args:
        layer: ``Linear`` or ``Conv1d`` to ``Conv3d``; padded with zeros, if at all.
        bn: The batch norm after it, with an affine, in evaluation mode.
        x: Inputs of the layer.

    Example:
        >>> found = rounding(nn.Linear(3, 2), nn.BatchNorm1d(2).eval(), torch.randn(5, 3))
        >>> bool((found.errors <= found.bound).all())
        True
    """
    layer, bn, x = deepcopy(layer).float(), deepcopy(bn).float(), x.float()
    errors = (fold_batch_norm(layer, bn)(x).double() - bn(layer(x)).double()).abs()
    layer, bn, x = layer.double(), bn.double(), x.double()
    outputs = bn(layer(x))
    # With absolute values everywhere, and the mean added in place of subtracted, no term cancels another.
    for parameter in (*layer.parameters(), *bn.parameters()):
        parameter.abs_()
    mean = bn.get_buffer("running_mean")
    mean.copy_(-mean.abs())
    magnitudes = bn(layer(x.abs()))
    return Rounding(outputs.numpy(), errors.numpy(), magnitudes.numpy(), layer.weight[0].numel())


@torch.no_grad()
def speed_up(
    before: Callable[[Tensor], Tensor], after: Callable[[Tensor], Tensor], x: Tensor, *, calls: int = 200
) -> float:
    """Return how many times as long one function takes as another on the same input.

    Args:
        before: The slower one, it is hoped.
        after: The other.
        x: Their input.
        calls: Calls of each, in turn; the ratio is that of the median times.
    """
    seconds = []
    for _ in range(calls):
        for function in (before, after):
            start = time.perf_counter()
            function(x)
            seconds.append(time.perf_counter() - start)
    slow, fast = np.median(np.reshape(seconds, (calls, 2)), axis=0)
    return float(slow / fast)
