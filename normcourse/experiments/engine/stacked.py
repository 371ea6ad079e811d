"""Many small networks as one: the seeds (and learning rates) of an experiment side by side.

A loop over separate modules spends its time on the overhead of small operations. Here every tensor has
a leading axis of ``models``, and the batch comes last: ``(models, features, batch)``. A norm sees models and
features together as its channels, so that every layer with channels serves as it is.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn

from normcourse.nn import BatchRenorm

__all__ = ["ACTIVATIONS", "DTYPE", "NORMS", "NormFactory", "StackedLinear", "StackedMLP", "StackedNorm"]

#: Double precision. Where training is smooth, rounding does not grow to a digit that the course prints, and
#: most runs give the same numbers on every CPU (docs/adr/0002-double-precision-experiments.md).
DTYPE = torch.float64

#: Makes the norm of a layer from the number of models and of features. It is a module that takes
#: ``(batch, models * features)`` and treats the features of each model alike and apart from the others'.
NormFactory = Callable[[int, int], nn.Module]

#: The norms by name; ``"group"`` has ten features in a group. Where PyTorch has the layer, it is PyTorch's:
#: its kernels are faster, and `normcourse.nn` equals them (tests/parity).
NORMS: Mapping[str, NormFactory | None] = {
    "none": None,
    "batch": lambda models, features: nn.BatchNorm1d(models * features),
    "renorm": lambda models, features: BatchRenorm(models * features),
    "layer": lambda models, features: nn.GroupNorm(models, models * features),
    "group": lambda models, features: nn.GroupNorm(models * _groups(features), models * features),
}

#: The activations by name.
ACTIVATIONS: Mapping[str, type[nn.Module]] = {"sigmoid": nn.Sigmoid, "tanh": nn.Tanh, "relu": nn.ReLU}


def _groups(features: int) -> int:
    if features % 10:
        raise ValueError(f"group norm has ten features in a group, and {features} are no multiple of ten")
    return features // 10


class StackedLinear(nn.Module):
    """One linear map per model: ``weight`` is ``(models, out, in)``, ``bias`` ``(models, out, 1)`` or None.

    Args:
        weight: The initial weights; biases start at zero.
        bias: Whether there is one.
    """

    def __init__(self, weight: Tensor, *, bias: bool) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight)
        zeros = torch.zeros(*weight.shape[:2], 1, dtype=weight.dtype)
        self.bias = nn.Parameter(zeros) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(models, in, batch)`` to ``(models, out, batch)``."""
        out = self.weight @ x
        return out if self.bias is None else out + self.bias

    def single(self, model: int) -> nn.Linear:
        """Return one model's map as a layer of its own."""
        _, out, inp = self.weight.shape
        layer = nn.Linear(inp, out, bias=self.bias is not None, dtype=self.weight.dtype)
        layer.weight.data = self.weight[model].detach().clone()
        if self.bias is not None:
            layer.bias.data = self.bias[model, :, 0].detach().clone()
        return layer


class StackedNorm(nn.Module):
    """A norm with channels, for all models at once: model and feature together are its channels.

    Args:
        models: Their number.
        features: Features of each.
        factory: Makes the norm.
    """

    def __init__(self, models: int, features: int, factory: NormFactory) -> None:
        super().__init__()
        self.models, self.features, self.factory = models, features, factory
        self.layer = factory(models, features).to(DTYPE)

    def forward(self, z: Tensor) -> Tensor:
        """Normalize ``(models, features, batch)``."""
        batch = z.shape[-1]
        if isinstance(self.layer, nn.BatchNorm1d | BatchRenorm):
            # One example of `batch` positions pools the same numbers, and lies in memory as the kernel likes.
            normalized: Tensor = self.layer(z.reshape(1, -1, batch)).view(z.shape)
        else:
            normalized = self.layer(z.reshape(-1, batch).T).T.reshape(z.shape)
        return normalized

    def single(self, model: int) -> nn.Module:
        """Return one model's norm as a layer of its own, for ``(batch, features)``."""
        layer = self.factory(1, self.features).to(DTYPE)
        own = slice(model * self.features, (model + 1) * self.features)
        state = {name: value[own] if value.ndim else value for name, value in self.layer.state_dict().items()}
        layer.load_state_dict({name: value.clone() for name, value in state.items()})
        return layer.train(self.training)


class StackedMLP(nn.Module):
    """Fully connected networks, one per entry of ``seeds``, with or without a norm.

    Each layer but the last computes ``activation(norm(W x))``, or ``norm(activation(W x + b))`` when the norm
    comes after the activation, or ``activation(W x + b)`` without a norm. A model's weights depend on its
    seed, its scale and the sizes only: with and without a norm, and in whatever company, a seed starts from
    the same weights.

    Args:
        sizes: Features of the input, of each hidden layer, and the number of classes.
        seeds: One integer per model; equal seeds give equal models.
        norm: A name of `NORMS`, or a factory of norms.
        activation: A name of `ACTIVATIONS`.
        init_std: Standard deviation of the Gaussian that the weights are drawn from, for all models or one
            each.
        gain: In place of ``init_std``: the standard deviation times the square root of a layer's inputs,
            for all models or one each (the square root of 2 is He's choice for ReLU).
        placement: Whether the norm comes ``"before"`` or ``"after"`` the activation.

    Raises:
        ValueError: An unknown name, or not exactly one of ``init_std`` and ``gain``.

    Source:
        He et al. 2015, arXiv 1502.01852, for the gain.

    Example:
        >>> model = StackedMLP((64, 100, 10), seeds=[0, 1], norm="batch", activation="sigmoid", init_std=0.1)
        >>> x = torch.rand(2, 64, 30, dtype=torch.float64)
        >>> logits, activation_inputs = model.trace(x)
        >>> tuple(logits.shape), [tuple(z.shape) for z in activation_inputs]
        ((2, 10, 30), [(2, 100, 30)])
    """

    def __init__(
        self,
        sizes: Sequence[int],
        *,
        seeds: Sequence[int],
        norm: str | NormFactory = "none",
        activation: str = "relu",
        init_std: float | Sequence[float] | None = None,
        gain: float | Sequence[float] | None = None,
        placement: str = "before",
    ) -> None:
        super().__init__()
        factory = NORMS[_known("norm", norm, NORMS)] if isinstance(norm, str) else norm
        if placement not in ("before", "after"):
            raise ValueError(f'placement is "before" or "after" the activation, but got {placement!r}')
        self.models, self.placement = len(seeds), placement
        weights = _initial_weights(sizes, seeds, init_std, gain)
        biased = factory is None or placement == "after"  # a norm's own beta follows otherwise
        self.linear = nn.ModuleList(StackedLinear(weight, bias=biased) for weight in weights[:-1])
        self.norm = nn.ModuleList(StackedNorm(self.models, n, factory) for n in sizes[1:-1] if factory)
        kind = ACTIVATIONS[_known("activation", activation, ACTIVATIONS)]
        self.activation = nn.ModuleList(kind() for _ in sizes[1:-1])
        self.head = StackedLinear(weights[-1], bias=True)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(models, features, batch)`` to logits of shape ``(models, classes, batch)``."""
        return self.trace(x)[0]

    def trace(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return the logits, and the input of each activation, ``(models, hidden, batch)``, in a list."""
        inputs: list[Tensor] = []
        for layer, (linear, activation) in enumerate(zip(self.linear, self.activation, strict=True)):
            z = linear(x)
            if self.norm and self.placement == "before":
                z = self.norm[layer](z)
            inputs.append(z)
            x = activation(z)
            if self.norm and self.placement == "after":
                x = self.norm[layer](x)
        return self.head(x), inputs

    def single(self, model: int) -> nn.Sequential:
        """Return a copy of one model: a plain network from ``(batch, features)`` to ``(batch, classes)``."""
        layers: list[nn.Module] = []
        linears, norms = cast(list[StackedLinear], self.linear), cast(list[StackedNorm], self.norm)
        for layer, (linear, activation) in enumerate(zip(linears, self.activation, strict=True)):
            own: list[nn.Module] = [norms[layer].single(model)] if norms else []
            own.insert(len(own) if self.placement == "before" else 0, type(activation)())
            layers += [linear.single(model), *own]
        return nn.Sequential(*layers, self.head.single(model)).train(self.training)


def _known(what: str, name: str, table: Mapping[str, object]) -> str:
    if name not in table:
        raise ValueError(f"{what} must be one of {', '.join(table)}, but got {name!r}")
    return name


def _initial_weights(
    sizes: Sequence[int],
    seeds: Sequence[int],
    init_std: float | Sequence[float] | None,
    gain: float | Sequence[float] | None,
) -> list[Tensor]:
    """One tensor of shape ``(models, out, in)`` per layer."""
    if (init_std is None) == (gain is None):
        raise ValueError(f"give exactly one of init_std and gain; got init_std={init_std}, gain={gain}")
    scale = torch.as_tensor(init_std if gain is None else gain, dtype=DTYPE)
    if scale.ndim and len(scale) != len(seeds):
        raise ValueError(
            f"a scale for each model needs one per seed: got {len(scale)} for {len(seeds)} seeds"
        )
    generators = [torch.Generator().manual_seed(int(seed)) for seed in seeds]
    weights = []
    for inp, out in pairwise(sizes):
        normal = torch.stack([torch.randn(out, inp, generator=g, dtype=DTYPE) for g in generators])
        weights.append(scale.reshape(-1, 1, 1) * normal / (1 if gain is None else inp**0.5))
    return weights
