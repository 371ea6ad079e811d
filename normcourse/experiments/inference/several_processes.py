"""What does one BatchNorm layer compute when its batch is spread over several processes?"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from normcourse.experiments.engine.workers import launch
from normcourse.nn import BatchNorm1d, SyncBatchNorm

__all__ = ["Pass", "one_layer", "torch_refusal"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Pass:
    """A forward and a backward pass through one layer, one entry for each worker.

    Attributes:
        y: Outputs, each ``(n_w, C)``.
        dx: Gradients of the inputs, each ``(n_w, C)``.
        dgamma: Gradients of gamma, each ``(C,)``: the worker's own part.
        dbeta: Gradients of beta, each ``(C,)``.
        running_mean: What each has tracked, ``(C,)``.
        running_var: The same of the unbiased variance, in squared units of the input.
    """

    y: list[Array]
    dx: list[Array]
    dgamma: list[Array]
    dbeta: list[Array]
    running_mean: list[Array]
    running_var: list[Array]


_FIELDS = ("y", "dx", "dgamma", "dbeta", "running_mean", "running_var")
_NORMS: dict[str, type[BatchNorm1d | SyncBatchNorm]] = {"local": BatchNorm1d, "sync": SyncBatchNorm}


def one_layer(
    inputs: Sequence[Array], upstreams: Sequence[Array], gamma: Array, beta: Array
) -> dict[str, Pass]:
    """Pass a batch, cut into parts, through a BatchNorm with a process for each part.

    Args:
        inputs: The part of each worker, ``(n_w, C)``; a part may be empty.
        upstreams: Upstream gradients of the same shapes.
        gamma: Scale, ``(C,)``, on every worker.
        beta: Shift, ``(C,)``.

    Returns:
        The passes of ``"local"``, a plain BatchNorm in each worker, and ``"sync"``, a SyncBatchNorm.
    """
    parts = launch(_pass, [(x, g, gamma, beta) for x, g in zip(inputs, upstreams, strict=True)])
    return {
        name: Pass(**{field: [part[name][field] for part in parts] for field in _FIELDS}) for name in _NORMS
    }


def _pass(x: Array, g: Array, gamma: Array, beta: Array) -> dict[str, dict[str, Array]]:
    """One worker's part of `one_layer`."""
    found = {}
    for name, kind in _NORMS.items():
        layer = kind(len(gamma), dtype=torch.float64)
        for parameter, value in zip(layer.parameters(), (gamma, beta), strict=True):
            parameter.data.copy_(torch.from_numpy(value))
        leaf = torch.tensor(x, requires_grad=True)
        y = layer(leaf)
        gradients = torch.autograd.grad(y, [leaf, *layer.parameters()], torch.from_numpy(g))
        values = (y.detach(), *gradients, layer.get_buffer("running_mean"), layer.get_buffer("running_var"))
        found[name] = {field: value.numpy() for field, value in zip(_FIELDS, values, strict=True)}
    return found


def torch_refusal() -> str:
    """Say what ``torch.nn.SyncBatchNorm`` answers to a batch on a CPU, in a group of two processes."""
    return launch(_refusal, [(), ()])[0]


def _refusal() -> str:
    try:
        nn.SyncBatchNorm(1)(torch.ones(2, 1))
    except ValueError as error:
        return f"{type(error).__name__}: {error}"
    return "no error"
