"""The norms of a model, of whatever class, as the checks see them."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm, _NormBase
from torch.nn.modules.instancenorm import _InstanceNorm
from torch.nn.parameter import is_lazy

from normcourse.nn._base import RunningNorm
from normcourse.nn.batchnorm import BatchNorm
from normcourse.nn.groupnorm import GroupNorm
from normcourse.nn.layernorm import LayerNorm, RMSNorm
from normcourse.probes import undisturbed

__all__ = ["Norm", "find_norms", "is_leaf"]

_CLASSES: tuple[tuple[str, tuple[type[nn.Module], ...]], ...] = (
    ("batch", (_BatchNorm, BatchNorm)),
    ("instance", (_InstanceNorm, RunningNorm)),  # ours, after batch norm: the other that may track
    ("group", (nn.GroupNorm, GroupNorm)),
    ("layer", (nn.LayerNorm, LayerNorm)),
    ("rms", (nn.RMSNorm, RMSNorm)),
)
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
    """

    names: tuple[str, ...]
    layer: nn.Module
    kind: str
    offset: float = 0.0
    called: tuple[str, str] = ("weight", "bias")

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
    def running(self) -> tuple[Tensor, Tensor] | None:
        """The running mean and variance; None if it keeps none."""
        mean, var = (_values(self.layer, f"running_{what}") for what in ("mean", "var"))
        return None if mean is None or var is None else (mean, var)

    @cached_property
    def fixed(self) -> bool:
        """Whether it normalizes by its running statistics in training too, as ``FrozenBatchNorm2d`` does."""
        return self.running is not None and not isinstance(self.layer, _NormBase | RunningNorm)

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
        value = getattr(self.layer, "momentum", None)
        return float(value) if isinstance(value, float | int) else None

    @property
    def averages_all(self) -> bool:
        """Whether it is a batch norm whose running statistics are the plain mean of all batches."""
        # Not an instance norm, for which a momentum of None means that they never move.
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
                out = self.layer.forward(row[None])  # not layer(row), which would run hooks
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
    """A tensor that a layer holds; None if it has none of this name, or one without values."""
    value = getattr(layer, name, None)
    if not isinstance(value, Tensor) or value.is_meta or is_lazy(value):
        return None
    return value.detach()


def find_norms(model: nn.Module) -> list[Norm]:
    """Return the norms of a model in its order: of PyTorch, of this package, and what behaves like them."""
    names: dict[nn.Module, list[str]] = {}
    for name, layer in model.named_modules(remove_duplicate=False):
        names.setdefault(layer, []).append(name)
    return list(_found(names))


def _found(names: dict[nn.Module, list[str]]) -> Iterator[Norm]:
    for layer, where in names.items():
        kind = next((kind for kind, classes in _CLASSES if isinstance(layer, classes)), None)
        offset, called = 0.0, ("weight", "bias")
        if (
            kind is None
            and {"running_mean", "running_var"} <= dict(layer.named_buffers(recurse=False)).keys()
        ):
            kind = "batch"
        if kind in (None, "layer", "rms") and not type(layer).__module__.startswith(
            ("torch.", "normcourse.")
        ):
            for own in _orders(layer):
                behaves, shift = _behaves_like(layer, own)
                if behaves is not None:
                    kind, offset, called = kind or behaves, shift, (own[0], own[-1] if own[1:] else "bias")
                    break
        if kind is not None:
            yield Norm(tuple(where), layer, kind, offset, called)


def _orders(layer: nn.Module) -> list[tuple[str, ...]]:
    """In which order a layer's one or two parameters of one axis may be gamma and beta."""
    parameters = dict(layer.named_parameters(recurse=False))
    shapes = {tuple(value.shape) for value in parameters.values()}
    if not is_leaf(layer) or len(parameters) not in (1, 2) or len(shapes) != 1:
        return []
    if len(next(iter(shapes))) != 1 or any(value.is_meta for value in parameters.values()):
        return []
    names = tuple(parameters)
    return [names] if len(names) == 1 else [names, names[::-1]]


class _WithoutHooks(nn.Module):
    """Computes what a layer does, and tells nobody."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Any:
        return self.layer.forward(x)


def _behaves_like(layer: nn.Module, names: tuple[str, ...]) -> tuple[str | None, float]:
    """Which norm over the last axis a layer computes with this gamma and beta, and what it adds to gamma."""
    like = layer.get_parameter(names[0])
    random = torch.Generator().manual_seed(0)
    x, *own = (torch.randn(*shape, len(like), generator=random) for shape in ((4,), *[()] * len(names)))
    # With random parameters: the layer's own may be zero, or no numbers.
    drawn = {f"layer.{name}": value.to(like) for name, value in zip(names, own, strict=True)}
    x = (3 * x + 1).to(like)
    try:
        with undisturbed(layer), torch.no_grad():
            y: Any = torch.func.functional_call(_WithoutHooks(layer), drawn, (x,))
    except Exception:  # a layer of any kind, asked with what it may not take
        return None, 0.0
    if not isinstance(y, Tensor) or y.shape != x.shape:
        return None, 0.0
    x, y = x.float(), y.float()
    gamma, *beta = (value.float() for value in drawn.values())
    for kind in ("rms", "layer"):
        centred = x - x.mean(1, keepdim=True) if kind == "layer" else x
        xhat = centred * torch.rsqrt(centred.square().mean(1, keepdim=True))
        for offset in (0.0, 1.0):
            due = xhat * (gamma + offset) + (beta[0] if beta else 0.0)
            if torch.allclose(y, due, rtol=0.05, atol=0.05):
                return kind, offset
    return None, 0.0
