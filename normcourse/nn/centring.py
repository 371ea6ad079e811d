"""Moving parts of a layer norm into the linear maps around it."""

from copy import deepcopy

import torch
from torch import nn

from normcourse.nn._exact import check_unaltered
from normcourse.nn.layernorm import LayerNorm, RMSNorm

__all__ = ["fold_affine", "fold_centring"]

Norm = LayerNorm | RMSNorm | nn.LayerNorm | nn.RMSNorm


def fold_centring(layer: nn.Linear) -> nn.Linear:
    r"""Make a linear map whose outputs have no mean.

    .. math:: W' = W - \tfrac{1}{F} \mathbf{1} \mathbf{1}^\top W, \quad b' = b - \bar b

    It gives what ``layer`` gives less its mean over the F outputs, so that an RMS norm after it does what a
    layer norm does after ``layer``. The sums are done in float64.

    Args:
        layer: Whose outputs are centred.

    Returns:
        A new layer. The input is left as it was.

    Raises:
        TypeError: ``layer`` is of another kind.
        ValueError: It has a ``forward`` of its own, a hook, weight or spectral norm, or is pruned.

    Source:
        Jiang et al. 2023, arXiv 2305.14858.

    Example:
        >>> layer, x = nn.Linear(3, 4), torch.ones(2, 3)
        >>> norm, rms = nn.LayerNorm(4, eps=1e-5), nn.RMSNorm(4, eps=1e-5)
        >>> torch.allclose(rms(fold_centring(layer)(x)), norm(layer(x)), atol=1e-5)
        True
    """
    _check_linear("fold_centring", layer)
    folded = deepcopy(layer)
    with torch.no_grad():
        for parameter in (folded.weight, folded.bias):  # the outputs are the first axis of both
            if parameter is not None:
                exact = parameter.double()
                parameter.copy_(exact - exact.mean(dim=0))
    return folded


def fold_affine(norm: Norm, layer: nn.Linear) -> nn.Linear:
    r"""Fold the gamma and beta of a norm into the linear map after it.

    .. math:: W' = W \operatorname{diag}(\gamma), \quad b' = b + W \beta

    The norm itself then needs no affine. The sums are done in float64.

    Args:
        norm: A layer norm or RMS norm over one axis, of torch or of this package, whose output goes to
            ``layer``. If it goes to other layers too, fold it into each.
        layer: The map after it.

    Returns:
        A new layer, with a bias if ``layer`` or ``norm`` has one. The inputs are left as they were.

    Raises:
        TypeError: ``norm`` or ``layer`` is of another kind.
        ValueError: ``norm`` gives another number of features than ``layer`` takes; or one of the two has a
            ``forward`` of its own, a hook, weight or spectral norm, or is pruned.

    Example:
        >>> norm, layer, x = nn.LayerNorm(3), nn.Linear(3, 2), torch.tensor([[1.0, 2.0, 4.0]])
        >>> _ = nn.init.normal_(norm.weight), nn.init.normal_(norm.bias)
        >>> plain = nn.LayerNorm(3, elementwise_affine=False)
        >>> torch.allclose(fold_affine(norm, layer)(plain(x)), layer(norm(x)), atol=1e-5)
        True
    """
    if not isinstance(norm, Norm):
        raise TypeError(f"fold_affine folds a layer norm or an RMS norm, but got {type(norm).__name__}")
    _check_linear("fold_affine", layer)
    check_unaltered("fold_affine", norm=norm)
    if (shape := tuple(norm.normalized_shape)) != (layer.in_features,):
        raise ValueError(
            f"the layer takes {layer.in_features} features, but the norm is over {shape}: "
            "fold it into the layer that comes right after"
        )
    weight, beta = layer.weight.detach().double(), getattr(norm, "bias", None)
    folded = deepcopy(layer)
    if beta is not None:
        shift = weight @ beta.detach().double()
        if layer.bias is not None:
            shift = shift + layer.bias.detach().double()
        folded.bias = nn.Parameter(shift.to(layer.weight.dtype), requires_grad=layer.weight.requires_grad)
    if norm.weight is not None:
        with torch.no_grad():
            folded.weight.copy_(weight * norm.weight.double())
    return folded


def _check_linear(function: str, layer: nn.Module) -> None:
    if not isinstance(layer, nn.Linear):
        raise TypeError(f"{function} folds into a Linear, but got {type(layer).__name__}")
    check_unaltered(function, layer=layer)
