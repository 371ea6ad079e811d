"""Folding: a batch norm in evaluation mode is affine, so the linear layer before it can take it in."""

from copy import deepcopy
from typing import TypeVar

import torch
from torch import Tensor, nn

from normcourse.nn._population import AnyBatchNorm, check_population

__all__ = ["fold_batch_norm"]

Transposed = nn.ConvTranspose1d | nn.ConvTranspose2d | nn.ConvTranspose3d
Layer = TypeVar(
    "Layer",
    nn.Linear,
    nn.Conv1d,
    nn.Conv2d,
    nn.Conv3d,
    nn.ConvTranspose1d,
    nn.ConvTranspose2d,
    nn.ConvTranspose3d,
)


def fold_batch_norm(layer: Layer, bn: AnyBatchNorm) -> Layer:
    r"""Fold a batch norm into the linear layer before it.

    .. math:: W' = \frac{\gamma}{\sqrt{\sigma^2 + \varepsilon}} W, \quad
        b' = \frac{\gamma}{\sqrt{\sigma^2 + \varepsilon}} (b - \mu) + \beta

    with the running statistics. It holds in evaluation mode only. The sums are done in float64.

    Args:
        layer: ``Linear``, ``Conv1d`` to ``Conv3d`` or ``ConvTranspose1d`` to ``ConvTranspose3d``, with groups
            or without, whose output goes to ``bn`` and nowhere else.
        bn: The batch norm after it, of torch or of this package, in evaluation mode.

    Returns:
        A new layer that does both, always with a bias. The inputs are left as they were.

    Raises:
        TypeError: ``layer`` or ``bn`` is of another kind.
        ValueError: ``bn`` is in training mode, has no running statistics, unusable ones or a negative eps, or
            has another number of channels than ``layer`` gives; the message says which.

    Source:
        Jacob et al. 2018, arXiv 1712.05877, section 3.2.

    Example:
        >>> layer, bn = nn.Linear(3, 2), nn.BatchNorm1d(2).eval()
        >>> x = torch.ones(4, 3)
        >>> torch.allclose(fold_batch_norm(layer, bn)(x), bn(layer(x)))
        True
    """
    mean, var = _check(layer, bn)
    scale = torch.rsqrt(var.double() + bn.eps)
    if bn.weight is not None:
        scale = scale * bn.weight.detach().double()
    shift = -mean.double() * scale
    if bn.bias is not None:
        shift = shift + bn.bias.detach().double()
    if layer.bias is not None:
        shift = shift + layer.bias.detach().double() * scale
    folded = deepcopy(layer)
    weight = _scale_outputs(layer, layer.weight.detach().double(), scale).to(layer.weight.dtype)
    folded.weight = nn.Parameter(weight, requires_grad=layer.weight.requires_grad)
    folded.bias = nn.Parameter(shift.to(weight.dtype), requires_grad=layer.weight.requires_grad)
    return folded


def _scale_outputs(layer: nn.Module, weight: Tensor, scale: Tensor) -> Tensor:
    """Multiply the weights of each output channel by its scale."""
    if not isinstance(layer, Transposed):
        return weight * scale.view(-1, *[1] * (weight.dim() - 1))
    # (C_in, C_out / groups, *kernel): the groups are blocks of the input axis.
    blocks = weight.view(layer.groups, -1, *weight.shape[1:])
    factors = scale.view(layer.groups, 1, -1, *[1] * (weight.dim() - 2))
    return (blocks * factors).view_as(weight)


def _check(layer: nn.Module, bn: AnyBatchNorm) -> tuple[Tensor, Tensor]:
    """Raise unless the two can be folded; return the running mean and variance."""
    if not isinstance(layer, Layer.__constraints__):
        kinds = ", ".join(kind.__name__ for kind in Layer.__constraints__)
        raise TypeError(f"fold_batch_norm folds into one of {kinds}, but got {type(layer).__name__}")
    if not isinstance(bn, AnyBatchNorm):
        raise TypeError(f"fold_batch_norm folds a batch norm, but got {type(bn).__name__}")
    if bn.training:
        raise ValueError("the batch norm is in training mode, where it is not affine: call .eval() first")
    if bn.running_mean is None or bn.running_var is None:
        raise ValueError("the batch norm has no running statistics: build it with track_running_stats=True")
    channels = layer.out_features if isinstance(layer, nn.Linear) else layer.out_channels
    if channels != bn.num_features:
        raise ValueError(
            f"the layer gives {channels} channels, but the batch norm takes {bn.num_features}: fold the "
            "batch norm that comes right after the layer"
        )
    check_population("the batch norm", bn.eps, bn.running_mean, bn.running_var)
    return bn.running_mean, bn.running_var
