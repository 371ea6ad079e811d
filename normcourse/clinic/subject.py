"""The norms of a model, of whatever class, as the checks see them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm, _NormBase
from torch.nn.modules.instancenorm import _InstanceNorm
from torch.nn.parameter import is_lazy

from normcourse.clinic.lookalikes import (
    OwnBatchNorm,
    answer_of,
    behaves_like,
    own_batch_norm,
    parameter_orders,
    suspicious_names,
)
from normcourse.clinic.quiet import copied, random_kept
from normcourse.nn._base import RunningNorm
from normcourse.nn.batchnorm import BatchNorm
from normcourse.nn.groupnorm import GroupNorm
from normcourse.nn.layernorm import LayerNorm, RMSNorm

__all__ = ["Norm", "find_norms", "is_leaf", "unexamined"]

_CLASSES: tuple[tuple[str, tuple[type[nn.Module], ...]], ...] = (
    ("batch", (_BatchNorm, BatchNorm)),
    ("instance", (_InstanceNorm, RunningNorm)),  # ours, after batch norm: the other that may track
    ("group", (nn.GroupNorm, GroupNorm)),
    ("layer", (nn.LayerNorm, LayerNorm)),
    ("rms", (nn.RMSNorm, RMSNorm)),
)
_KNOWN = ("torch.", "normcourse.")  # whose classes need no trial
_EPS = ("eps", "variance_epsilon", "epsilon", "norm_eps", "layer_norm_eps")


@dataclass(frozen=True, eq=False)
class Norm:
    """One norm of a model.

    Args:
        names: Where the model holds it, as in ``named_modules``; several for a layer in several places.
        layer: The layer.
        kind: ``"batch"``, ``"instance"``, ``"group"``, ``"layer"`` or ``"rms"``.
        offset: What is added to the weight: 1 where the layer multiplies by 1 + w.
        called: The names of gamma and beta in the layer.
        own: What a batch norm of an unknown class does; None for the known ones.
    """

    names: tuple[str, ...]
    layer: nn.Module
    kind: str
    offset: float = 0.0
    called: tuple[str, str] = ("weight", "bias")
    own: OwnBatchNorm | None = None

    @property
    def name(self) -> str:
        """The first of the names; a model that is itself a norm has its class's."""
        return self.names[0] or type(self.layer).__name__

    @property
    def gamma(self) -> Tensor | None:
        """What it multiplies by, of one value per channel or feature; None without an affine."""
        weight = _values(self.layer, self.called[0])
        return weight if weight is None else weight + self.offset

    @property
    def beta(self) -> Tensor | None:
        """What it adds; None if it adds nothing."""
        return _values(self.layer, self.called[1])

    @property
    def eps(self) -> float | None:
        """Epsilon; None where no attribute says it."""
        return next((float(v) for v in (getattr(self.layer, a, None) for a in _EPS) if v is not None), None)

    @property
    def eps_name(self) -> str:
        """The attribute that says epsilon."""
        return next((name for name in _EPS if getattr(self.layer, name, None) is not None), "eps")

    @property
    def running(self) -> tuple[Tensor, Tensor] | None:
        """The running mean and variance; None if it keeps none."""
        names = ("running_mean", "running_var")
        if self.own is not None:
            if self.own.statistics is None:
                return None
            names = self.own.statistics
        mean, var = (_values(self.layer, name) for name in names)
        return None if mean is None or var is None else (mean, var)

    @cached_property
    def fixed(self) -> bool:
        """Whether it normalizes by its running statistics in training too, as ``FrozenBatchNorm2d`` does."""
        known = isinstance(self.layer, _NormBase | RunningNorm)
        return self.running is not None and not known and self.own is None

    @property
    def tracks(self) -> bool:
        """Whether its running statistics move in training."""
        return self.running is not None and not self.fixed

    @property
    def updated(self) -> bool:
        """Whether it has running statistics, and others than those that it starts with."""
        mean, var = self.running or (None, None)
        return mean is not None and var is not None and not bool((mean == 0).all() and (var == 1).all())

    @property
    def momentum(self) -> float | None:
        """The weight of the newest batch; None where it has none, or averages all batches."""
        if self.own is not None:
            return self.own.momentum  # as it was measured: its attribute may mean the weight of the old value
        value = getattr(self.layer, "momentum", None)
        return float(value) if isinstance(value, float | int) else None

    @property
    def averages_all(self) -> bool:
        """Whether it is a batch norm whose running statistics are the plain mean of all batches."""
        # Not an instance norm, for which a momentum of None means that they never move.
        if self.own is not None:
            return self.tracks and self.own.momentum is None
        return self.kind == "batch" and self.tracks and getattr(self.layer, "momentum", 0.1) is None

    @property
    def learns(self) -> bool:
        """Whether gamma or beta takes a gradient."""
        return any(parameter.requires_grad for parameter in self.layer.parameters(recurse=False))

    @property
    def in_16_bits(self) -> bool:
        """Whether gamma is stored in float16 or bfloat16."""
        return self.gamma is not None and self.gamma.dtype in (torch.float16, torch.bfloat16)

    def answer(self, value: float) -> Tensor | None:
        """What a norm over the last axis gives for a row in its own dtype: value, -value, and so on."""
        gamma = self.gamma
        if self.kind not in ("layer", "rms") or gamma is None:
            return None
        row = torch.full_like(gamma, value)
        row[..., 1::2] *= -1
        try:
            with torch.no_grad():
                out = answer_of(copied(self.layer), row[None])
        except Exception:  # a layer of any kind
            return None
        return out.detach() if isinstance(out, Tensor) else None

    @property
    def batches(self) -> int | None:
        """How many batches were tracked; None where nobody counted."""
        counter = getattr(self.layer, "num_batches_tracked", None)
        return int(counter) if isinstance(counter, Tensor) and not counter.is_meta else None

    @property
    def features(self) -> int:
        """How many values gamma has, or would have; 0 where nothing says it."""
        for name in ("num_features", "num_channels"):
            if isinstance(size := getattr(self.layer, name, None), int):
                return size
        if shape := getattr(self.layer, "normalized_shape", None):
            return int(torch.Size(shape).numel())
        found = [t for t in (self.gamma, *(self.running or ())) if t is not None]
        return found[0].numel() if found else 0


def is_leaf(layer: nn.Module) -> bool:
    """Whether a layer has no layers inside."""
    return not any(True for _ in layer.children())


def _values(layer: nn.Module, name: str) -> Tensor | None:
    """A tensor that a layer holds; None if it has none of this name, or one without values.

    Of shape (1, C, 1, 1) it is given as (C,), in the same memory.
    """
    value = getattr(layer, name, None)
    if not isinstance(value, Tensor) or value.is_meta or is_lazy(value):
        return None
    value = value.detach()
    return value.view(-1) if value.dim() > 1 and max(value.shape) == value.numel() else value


def find_norms(model: nn.Module) -> list[Norm]:
    """Return the norms of a model in its order: of PyTorch, of this package, and what behaves like them.

    A leaf of another class that holds a vector of values gets random numbers, and what it makes of them says
    whether it is a layer norm, an RMS norm or a batch norm. That is asked of a copy, without its hooks.

    Args:
        model: Any module; it stays as it is.

    Returns:
        A `Norm` for each, with ``layer``, ``name`` and ``kind`` among others.

    Example:
        >>> model = nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4), nn.BatchNorm1d(4))
        >>> [(norm.name, norm.kind) for norm in find_norms(model)]
        [('1', 'layer'), ('2', 'batch')]
    """
    names: dict[nn.Module, list[str]] = {}
    for name, layer in model.named_modules(remove_duplicate=False):
        names.setdefault(layer, []).append(name)
    with random_kept(model):
        return list(_found(names))


def unexamined(model: nn.Module, norms: Sequence[Norm]) -> dict[str, tuple[str, str]]:
    """Layers that are none of the norms, and hold what is called a running mean and variance."""
    known = {norm.layer for norm in norms}
    names = {
        name: suspicious_names(layer)
        for name, layer in model.named_modules()
        if layer not in known and not type(layer).__module__.startswith(_KNOWN)
    }
    return {name or type(model).__name__: found for name, found in names.items() if found}


def _found(names: dict[nn.Module, list[str]]) -> Iterator[Norm]:
    for layer, where in names.items():
        norm = _norm(layer, tuple(where))
        if norm is not None:
            yield norm


def _norm(layer: nn.Module, names: tuple[str, ...]) -> Norm | None:
    kind = next((kind for kind, classes in _CLASSES if isinstance(layer, classes)), None)
    if not type(layer).__module__.startswith(_KNOWN):
        if kind in (None, "layer", "rms"):
            for order in parameter_orders(layer):
                behaves, offset = behaves_like(layer, order)
                if behaves is not None:
                    called = (order[0], order[-1] if order[1:] else "bias")
                    return Norm(names, layer, kind or behaves, offset, called)
        if kind is None and (own := own_batch_norm(layer)) is not None:
            return Norm(names, layer, "batch", own.offset, (own.gamma, own.beta), own)
    if kind is None and {"running_mean", "running_var"} <= dict(layer.named_buffers(recurse=False)).keys():
        kind = "batch"
    return None if kind is None else Norm(names, layer, kind)
