"""Norms of other classes, recognised by what they do with random numbers."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from normcourse.clinic.quiet import copied

__all__ = [
    "OwnBatchNorm",
    "answer_of",
    "behaves_like",
    "own_batch_norm",
    "parameter_orders",
    "suspicious_names",
]

_TENTH = 0.1  # of a size: how far what is measured on random numbers may lie from what is due
_MEAN = re.compile(r"(running|moving|ema|avg|average|pop\w*)_?(mean|mu)$")
_SPREAD = re.compile(r"(running|moving|ema|avg|average|pop\w*)_?(var|variance|std|sigma2?)$")


@dataclass(frozen=True)
class OwnBatchNorm:
    """What a batch norm of an unknown class was seen to do.

    Args:
        gamma: The name of what it multiplies by, or an empty text.
        beta: The name of what it adds, or an empty text.
        offset: What is added to gamma.
        statistics: The names of the running mean and variance; None if it keeps none that were understood.
        momentum: The weight of the newest batch; None if that changes, as in a plain mean.
        by_gradients: Whether it uses the batch wherever gradients are on, and not by its mode.
        always: Whether it uses the batch in inference mode too.
    """

    gamma: str
    beta: str
    offset: float
    statistics: tuple[str, str] | None
    momentum: float | None
    by_gradients: bool
    always: bool


def parameter_orders(layer: nn.Module) -> list[tuple[str, ...]]:
    """In which order a layer's one or two parameters of one axis may be gamma and beta."""
    parameters = dict(layer.named_parameters(recurse=False))
    if any(is_lazy(value) for value in parameters.values()):  # which has no shape yet
        return []
    shapes = {tuple(value.shape) for value in parameters.values()}
    if any(True for _ in layer.children()) or len(parameters) not in (1, 2) or len(shapes) != 1:
        return []
    if len(next(iter(shapes))) != 1 or any(value.is_meta for value in parameters.values()):
        return []
    names = tuple(parameters)
    return [names] if len(names) == 1 else [names, names[::-1]]


def answer_of(layer: nn.Module, x: Tensor) -> Any:
    """What a layer makes of an input, by its class's forward: no hook runs, and no patch of the instance."""
    return type(layer).forward(layer, x)


def behaves_like(layer: nn.Module, names: tuple[str, ...]) -> tuple[str | None, float]:
    """Which norm over the last axis a layer computes with this gamma and beta, and what it adds to gamma."""
    like = layer.get_parameter(names[0])
    random = torch.Generator().manual_seed(0)
    x, *drawn = (torch.randn(*shape, len(like), generator=random) for shape in ((4,), *[()] * len(names)))
    # With random parameters: those that the layer has may be zero, or no numbers.
    affine = [value.to(like) for value in drawn]
    x = (3 * x + 1).to(like)
    try:
        copy = copied(layer)
        for name, value in zip(names, affine, strict=True):
            copy._parameters[name] = nn.Parameter(value, requires_grad=False)
        with torch.no_grad():
            y = answer_of(copy, x)
    except Exception:  # a layer of any kind, asked with what it may not take
        return None, 0.0
    if not isinstance(y, Tensor) or y.shape != x.shape:
        return None, 0.0
    x, y = x.float(), y.float()
    gamma, *beta = (value.float() for value in affine)
    for kind in ("rms", "layer"):
        centred = x - x.mean(1, keepdim=True) if kind == "layer" else x
        xhat = centred * torch.rsqrt(centred.square().mean(1, keepdim=True))
        for offset in (0.0, 1.0):
            due = xhat * (gamma + offset) + (beta[0] if beta else 0.0)
            if torch.allclose(y, due, rtol=0.05, atol=0.05):
                return kind, offset
    return None, 0.0


def own_batch_norm(layer: nn.Module) -> OwnBatchNorm | None:
    """What a layer does, if it normalizes each channel by the batch wherever it trains; else None.

    A copy of it gets random batches. What comes out must be the same when a channel is scaled and shifted,
    and another when single examples are: so instance norm, layer norm and a fixed affine map do not pass.
    """
    held = _vectors(layer)
    if not held or any(True for _ in layer.children()):  # without a vector it is no norm with channels
        return None
    channels = next(iter(held.values())).numel()
    side = 3 if channels != 3 else 4
    for shape, axis in (
        ((16, channels), 1),
        ((8, channels, side, side), 1),
        ((8, channels, side), 1),
        ((8, side, channels), 2),
    ):
        try:
            found = _asked(layer, list(held), shape, axis)
        except Exception:  # a layer of any kind, asked with what it may not take
            continue
        if found is not None:
            return found
    return None


def suspicious_names(layer: nn.Module) -> tuple[str, str] | None:
    """The names under which a layer seems to hold a running mean and variance."""
    names = [*(_vectors(layer) or {})]
    means, spreads = (next(filter(of.search, names), None) for of in (_MEAN, _SPREAD))
    return (means, spreads) if means and spreads else None


def _vectors(layer: nn.Module) -> dict[str, Tensor] | None:
    """Parameters, buffers and attributes with a value for each channel; None if it holds other tensors."""
    held = {name: value for name, value in vars(layer).items() if isinstance(value, Tensor)}
    held |= {name: value for name, value in layer._buffers.items() if value is not None}
    held |= {name: value for name, value in layer._parameters.items() if value is not None}
    if any(value.is_meta or is_lazy(value) for value in held.values()):
        return None
    vectors = {n: v for n, v in held.items() if v.dim() and v.numel() > 1 and v.is_floating_point()}
    sizes = {value.numel() for value in vectors.values()}
    if len(sizes) > 1 or any(max(value.shape) != value.numel() for value in vectors.values()):
        return None
    if any(value.numel() > 1 for name, value in held.items() if name not in vectors):
        return None
    return vectors


def _asked(layer: nn.Module, names: Sequence[str], shape: tuple[int, ...], axis: int) -> OwnBatchNorm | None:
    random = torch.Generator().manual_seed(0)
    copy = _prepared(layer, names, random)
    like = next((getattr(copy, name) for name in names), torch.zeros(()))
    x = 3 * torch.randn(shape, generator=random) + 1

    def per(count: int, at: int) -> Tensor:
        view = [1] * x.dim()
        view[at] = count
        return 0.5 + torch.rand(count, generator=random).view(view)

    channels, examples = per(shape[axis], axis), per(shape[0], 0)

    def answer(asked: nn.Module, given: Tensor) -> Tensor:
        y = answer_of(asked, given.to(device=like.device, dtype=like.dtype))
        if not isinstance(y, Tensor) or y.shape != given.shape:
            raise ValueError("not an output of the input's shape")
        return y.detach().float().cpu().movedim(axis, 0).flatten(1)

    with torch.enable_grad():
        y, moved, other = (answer(copied(copy), v) for v in (x, x * channels + channels, x * examples))
        rows = x.movedim(axis, 0).flatten(1)
        same = _near(_standardised(y).abs(), _standardised(rows).abs())
        if not same or not _near(y, moved) or _near(y, other):
            return None
        moving = copied(copy)
        before = _values(moving, names)
        answer(moving, x)
        after = _values(moving, names)
        answer(moving, 2 * x + 3)
        last = _values(moving, names)
        still = copied(copy).eval()
        by_gradients = _near(answer(copied(still), x), answer(copied(still), x * channels + channels))
    with torch.no_grad():
        always = _near(answer(copied(still), x), answer(copied(still), x * channels + channels))
    gamma, beta, offset = _affine(copy, rows, y)
    statistics, momentum = _statistics(before, after, last, rows)
    return OwnBatchNorm(gamma, beta, offset, statistics, momentum, by_gradients and not always, always)


def _values(layer: nn.Module, names: Sequence[str]) -> dict[str, Tensor]:
    return {name: getattr(layer, name).detach().clone() for name in names}


def _prepared(layer: nn.Module, names: Sequence[str], random: torch.Generator) -> nn.Module:
    """A copy in training mode whose values are all drawn anew."""
    copy = copied(layer).train()
    with torch.no_grad():
        for name in names:
            value = getattr(copy, name).detach()
            value.copy_((0.5 + torch.rand(value.shape, generator=random)).to(value))
    return copy


def _affine(layer: nn.Module, x: Tensor, y: Tensor) -> tuple[str, str, float]:
    """Which parameters are gamma and beta, and what is added to gamma."""
    xhat = _standardised(x)
    scale, shift = (xhat * y).mean(1), y.mean(1)
    affine = {
        name: value.detach().float().cpu().flatten() for name, value in layer._parameters.items()
        if value is not None and value.numel() == len(scale)
    }  # fmt: skip
    beta = next((name for name, value in affine.items() if _near(value, shift)), "")
    for offset in (0.0, 1.0):
        for name, value in affine.items():
            if name != beta and _near(value + offset, scale):
                return name, beta, offset
    return "", beta, 0.0


def _statistics(
    before: dict[str, Tensor], after: dict[str, Tensor], last: dict[str, Tensor], x: Tensor
) -> tuple[tuple[str, str] | None, float | None]:
    """Which of the values are a running mean and variance, and the weight of the newest batch."""

    def weights(
        moments: Tensor, old: dict[str, Tensor], new: dict[str, Tensor]
    ) -> Iterator[tuple[str, float]]:
        for name in old:
            one, two = (v[name].float().cpu().flatten() for v in (old, new))
            share = (two - one) / (moments - one)
            weight = float(share.median())
            if weight > 1e-4 and _near(two - one, weight * (moments - one), abs(weight)):
                yield name, weight

    mean, momentum = next(weights(x.mean(1), before, after), ("", 0.0))
    variances = (x.var(1), x.var(1, correction=0))
    var = next((name for v in variances for name, _ in weights(v, before, after) if name != mean), "")
    if not mean or not var:
        return None, None
    again = dict(weights(2 * x.mean(1) + 3, after, last)).get(mean)
    steady = again is not None and abs(again - momentum) < _TENTH * momentum
    return (mean, var), momentum if steady else None


def _standardised(rows: Tensor) -> Tensor:
    return (rows - rows.mean(1, keepdim=True)) / rows.std(1, correction=0, keepdim=True).clamp(min=1e-6)


def _near(one: Tensor, two: Tensor, size: float = 1.0) -> bool:
    return bool((one - two).abs().max() < _TENTH * size)
