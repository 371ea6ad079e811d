"""The calls of norms in a pass, and what each shows."""

import weakref
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import is_parametrized

from normcourse.clinic.functions import NormFunctions
from normcourse.clinic.subject import Norm, is_leaf

__all__ = ["Call", "pooled", "watched"]


@dataclass(frozen=True, eq=False)
class Call:
    """One call of one norm in one pass.

    Args:
        norm: Which.
        batch: The number of the batch, from 0.
        shape: Of the input.
        mean: Of each channel or feature, over all else.
        var: The biased variance of the same values.
        largest: The largest magnitude of the input.
        square: The smallest variance of a row, or mean square for an RMS norm; infinity for other norms.
        producer: The layer whose output the input is; None if it comes from elsewhere.
        repeated: The largest share of a sequence's positions that hold the same values; else 0.
    """

    norm: Norm
    batch: int
    shape: tuple[int, ...]
    mean: Tensor
    var: Tensor
    largest: float
    square: float
    producer: str | None
    repeated: float

    @property
    def values(self) -> int:
        """How many values share one mean and variance of a batch norm: N S."""
        return torch.Size(self.shape).numel() // max(len(self.mean), 1)


def pooled(calls: Sequence[Call]) -> tuple[Tensor, Tensor]:
    """Return the mean and the variance of all values of some calls, by channel."""
    means = torch.stack([call.mean for call in calls]).double()
    variances = torch.stack([call.var for call in calls]).double()
    values = torch.tensor([[float(call.values)] for call in calls], dtype=means.dtype, device=means.device)
    share = values / values.sum()
    mean = (share * means).sum(0)
    return mean, (share * (variances + (means - mean).square())).sum(0)


@contextmanager
def watched(
    model: nn.Module, norms: Sequence[Norm], batch: int, calls: list[Call], functions: Counter[str]
) -> Iterator[None]:
    """Note the norms' calls, whose output each takes, and norms called as functions."""
    made = _Made()
    inside = [0]

    def enter(norm: Norm) -> Callable[..., None]:
        def hook(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            inside[0] += norm.own is None
            x = _input(args, kwargs)
            if x is not None and x.is_floating_point() and x.numel() and x.dim():
                calls.append(_call(norm, batch, x.detach(), made.by(x)))

        return hook

    def leave(norm: Norm) -> Callable[..., None]:
        def hook(*_: Any) -> None:
            inside[0] -= norm.own is None

        return hook

    def tell(function: str, _: Mapping[str, Any]) -> None:
        if not inside[0]:
            functions[function] += 1

    with ExitStack() as stack:
        for name, layer in model.named_modules():
            whole = is_parametrized(layer) or is_leaf(layer)
            if whole and not isinstance(layer, nn.Identity):  # which hands on what another layer made
                stack.callback(layer.register_forward_hook(made.noting(name)).remove)
        for norm in norms:
            pre = norm.layer.register_forward_pre_hook(enter(norm), with_kwargs=True, prepend=True)
            stack.callback(pre.remove)
            stack.callback(norm.layer.register_forward_hook(leave(norm), always_call=True).remove)
        stack.enter_context(NormFunctions(model, tell))
        yield


class _Made:
    """Which layer made a tensor."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[weakref.ref[Tensor], int, str]] = {}

    def noting(self, name: str) -> Callable[..., None]:
        """A forward hook that notes what this layer makes."""

        def hook(_: nn.Module, __: Any, output: Any) -> None:
            if isinstance(output, Tensor) and not output.is_inference():
                self._known[id(output)] = (weakref.ref(output), output._version, name)

        return hook

    def by(self, x: Tensor) -> str | None:
        """The layer, if the tensor was not changed in place since, as by a ReLU called as a function."""
        known, version, name = self._known.get(id(x), (None, 0, None))
        return name if known is not None and known() is x and version == x._version else None


def _input(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Tensor | None:
    return next((v for v in (*args, *kwargs.values()) if isinstance(v, Tensor)), None)


def _call(norm: Norm, batch: int, x: Tensor, producer: str | None) -> Call:
    x = x.float()
    channels = _channels(norm, x)
    others = [axis for axis in range(x.dim()) if axis != channels]
    mean = x.mean(others, keepdim=True) if others else x
    squares = (x - mean).square_()
    return Call(
        norm,
        batch,
        shape=tuple(x.shape),
        mean=mean.flatten(),
        var=squares.mean(others) if others else squares,
        largest=float(torch.stack(x.aminmax()).abs().max()),
        square=_smallest_row(norm, x, channels),
        producer=producer,
        repeated=_repeated(x, channels) if batch == 0 and norm.kind == "batch" else 0.0,
    )


def _smallest_row(norm: Norm, x: Tensor, channels: int) -> float:
    """The smallest variance or mean square that a layer or RMS norm divides by."""
    if norm.kind not in ("layer", "rms") or x.shape[channels] < 2:
        return float("inf")
    axes = len(getattr(norm.layer, "normalized_shape", (0,)))
    rows = x.movedim(channels, -1) if axes == 1 else x.flatten(-axes)
    return float((rows.square().mean(-1) if norm.kind == "rms" else rows.var(-1, correction=0)).min())


def _repeated(x: Tensor, channels: int) -> float:
    """The largest share of a sequence's positions that hold one vector."""
    if x.dim() != 3:
        return 0.0
    random = torch.Generator().manual_seed(0)
    weights = torch.randn(x.shape[channels], generator=random).double().to(x.device)
    marks = x.movedim(channels, -1).double() @ weights
    return float(torch.unique(marks, return_counts=True)[1].max()) / marks.numel()


def _channels(norm: Norm, x: Tensor) -> int:
    """The axis of channels or features: the second or the last, whichever is of the norm's size."""
    last = x.dim() < 2 or norm.kind in ("layer", "rms")
    sizes = x.shape[-1], x.shape[1] if x.dim() > 1 else 0
    if norm.features in sizes and norm.features != sizes[0 if last else 1]:
        last = not last
    return x.dim() - 1 if last else 1
