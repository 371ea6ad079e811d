"""Folding: a batch norm in evaluation mode is affine, so the linear layer before it can take it in."""

from collections import Counter
from collections.abc import Mapping
from copy import deepcopy
from typing import Any, TypeVar

import torch
from torch import Tensor, fx, nn

from normcourse.nn._exact import altered, check_unaltered
from normcourse.nn._population import AnyBatchNorm, check_population

__all__ = ["fold_batch_norm", "fold_batch_norms"]

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
            has another number of channels than ``layer`` gives; or one of the two does not compute what its
            class does: it has a ``forward`` of its own, a hook, weight or spectral norm, or is pruned. The
            message says which.

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


def fold_batch_norms(model: nn.Module, *, strict: bool = True) -> fx.GraphModule:
    """Fold every batch norm of a model into the linear layer whose output it takes.

    The order of layers in a class says nothing of what its ``forward`` does with them, so the model is traced
    (``torch.fx``) and the graph of calls is asked. A batch norm can be folded if it takes the output of a
    layer that :func:`fold_batch_norm` knows, if nothing else takes that output, and if both are called once.
    Padding of a convolution before the batch norm does no harm.

    A graph holds no shapes. After a ``Linear`` on ``(N, L, F)`` a batch norm takes L as its channels, and
    where L happens to be the layer's number of outputs as well, this is not seen: compare the outputs on a
    batch. So it is with a ``Conv1d`` on ``(C, L)``. Batch norms that are called as functions are not seen
    either, and stay.

    Args:
        model: In evaluation mode, and such that ``torch.fx`` can trace it: no control flow that depends on
            the values of its input.
        strict: Whether a batch norm that cannot be folded is an error. Otherwise it stays as it is.

    Returns:
        A copy of the model without the folded batch norms, as a ``GraphModule``; called as the model is.

    Raises:
        ValueError: A batch norm is in training mode, the model cannot be copied, or has a hook itself; or, if
            ``strict``, one cannot be folded: the message names each with the reason.

    Source:
        Jacob et al. 2018, arXiv 1712.05877, section 3.2; Reed et al. 2021, arXiv 2112.08429, for tracing.

    Example:
        >>> model = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2), nn.ReLU()).eval()
        >>> [type(layer).__name__ for layer in fold_batch_norms(model).children()]
        ['Linear', 'ReLU']
    """
    if model._forward_hooks or model._forward_pre_hooks or "forward" in model.__dict__:
        raise ValueError(
            "the model itself has a forward hook, or a forward put into it, which a trace leaves out; "
            "remove it first, or fold the model inside"
        )
    model = _copy(model)
    graph = _Tracer().trace(model)
    layers: dict[Any, Any] = dict(model.named_modules())
    calls = Counter(node.target for node in graph.nodes if node.op == "call_module")
    kept = []
    for node in list(graph.nodes):
        if node.op != "call_module" or not isinstance(layers[node.target], AnyBatchNorm):
            continue
        reason = _obstacle(node, layers, calls)
        if reason:
            kept.append(f"{node.target} {reason}")
            continue
        before = node.all_input_nodes[0]
        layers[before.target] = fold_batch_norm(layers[before.target], layers[node.target])
        model.set_submodule(str(before.target), layers[before.target])
        node.replace_all_uses_with(before)
        graph.erase_node(node)
    if kept and strict:
        raise ValueError(
            f"cannot fold {len(kept)} batch norm(s): {'; '.join(kept)}. Pass strict=False to keep them"
        )
    folded = fx.GraphModule(model, graph)
    folded.delete_all_unused_submodules()
    return folded


def _copy(model: nn.Module) -> nn.Module:
    """Copy a model, or say which layer keeps it from being copied."""
    try:
        return deepcopy(model)
    except RuntimeError as error:
        found = [f"{name} {reason}" for name, layer in model.named_modules() if (reason := altered(layer))]
        raise ValueError(f"the model cannot be copied{''.join(f'; {reason}' for reason in found)}") from error


class _Tracer(fx.Tracer):
    """Takes the layers of torch and of this package as they are, and traces through all else."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        own = type(m).__module__.startswith(__package__) or isinstance(
            m, (AnyBatchNorm, *Layer.__constraints__)
        )
        return own or super().is_leaf_module(m, module_qualified_name)


def _obstacle(node: fx.Node, layers: Mapping[Any, Any], calls: Mapping[Any, int]) -> str | None:
    """Say why the batch norm that a node calls cannot be folded; None if it can."""
    bn, before = layers[node.target], node.all_input_nodes[0]
    if bn.training:
        raise ValueError(f"{node.target} is in training mode, where it is not affine: call .eval() first")
    if bn.running_mean is None:
        return "has no running statistics"
    if before.op != "call_module":
        return f"takes the output of {before}, which is no layer"
    layer = layers[before.target]
    if not isinstance(layer, Layer.__constraints__):
        return f"takes the output of {before.target}, a {type(layer).__name__}, which is not linear"
    if reason := altered(bn):
        return reason
    if reason := altered(layer):
        return f"takes the output of {before.target}, which {reason}"
    if len(before.users) > 1:
        return f"takes the output of {before.target}, which goes elsewhere too"
    if calls[before.target] > 1:
        return f"takes the output of {before.target}, which is called {calls[before.target]} times"
    if calls[node.target] > 1:
        return f"is called {calls[node.target]} times"
    if any(
        str(other.target).startswith(f"{before.target}.") for other in node.graph.find_nodes(op="get_attr")
    ):
        return f"takes the output of {before.target}, whose parameters are used elsewhere too"
    return None


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
    check_unaltered("fold_batch_norm", layer=layer, bn=bn)
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
