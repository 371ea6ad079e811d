"""Whether one part of an input reaches the output of another, and through which layer first."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from math import isfinite
from typing import Any

import torch
from torch import Tensor, nn

from normcourse.clinic.batches import (
    call_model,
    example_count,
    first_tensor,
    given_tensors,
    mapped,
    tensors_in,
)
from normcourse.clinic.subject import Norm

__all__ = ["Leak", "change_of", "examples_leak", "few_examples", "later_leak"]

_EXAMPLES = 4  # as many of the first batch are asked about leaks
_LEAST = 1e-4  # standard deviations; less is rounding


@dataclass(frozen=True)
class Leak:
    """Where one part of the input reaches the output of another.

    Args:
        layer: The first layer whose output moves while what it is given does not; empty for the model.
        change: Of the output that must not change, in its standard deviations.
        norm: Whether the layer is one of the model's norms.
        training: Whether it shows only with the batch norms in training mode.
    """

    layer: str
    change: float
    norm: bool = False
    training: bool = False


def few_examples(model: nn.Module, batch: Any) -> Any:
    """The first examples of a batch."""
    count = example_count(model, batch)
    return mapped(model, batch, lambda x: x[:_EXAMPLES] if x.dim() and len(x) == count else x)


def examples_leak(model: nn.Module, norms: Sequence[Norm], batch: Any) -> Leak | None:
    """Put the second example in the place of the first, and look at all from the third on."""
    count = example_count(model, batch)
    if count < 3:
        raise ValueError(f"needs 3 examples in a batch, but got {count}")

    def swap(x: Tensor) -> Tensor:
        return torch.cat([x[1:2], x[1:]]) if x.dim() and len(x) == count else x

    return _leak(model, norms, batch, mapped(model, batch, swap), lambda y: y[2:], count)


def later_leak(model: nn.Module, norms: Sequence[Norm], batch: Any) -> Leak | None:
    """Put the first position in the place of the last, and look at all others."""
    count = example_count(model, batch)
    long = next((x.shape[1] for x in given_tensors(model, batch) if x.dim() > 1), 0)
    if long < 2:
        raise ValueError("needs an input of two positions or more on axis 1")

    def swap(x: Tensor) -> Tensor:
        if x.dim() < 2 or x.shape[:2] != (count, long):
            return x
        return torch.cat([x[:, :-1], x[:, :1]], 1)

    def earlier(y: Tensor) -> Tensor:
        if y.dim() < 2 or y.shape[1] != long:
            raise ValueError(f"the output of shape {tuple(y.shape)} has no axis 1 of {long} positions")
        return y[:, :-1]

    return _leak(model, norms, batch, mapped(model, batch, swap), earlier, count)


def change_of(before: Tensor, after: Tensor) -> float:
    """How far two outputs lie apart, as a root mean square in standard deviations of the wider."""
    before, after = before.double(), after.double()
    spread = torch.maximum(before.std(correction=0), after.std(correction=0)).clamp(min=1e-12)
    return float((after - before).square().mean().sqrt() / spread)


#: Of one call: the layer's name, what marks each of its inputs, and what marks its output.
_Mark = tuple[str, list[Tensor], Tensor | None]


def _leak(
    model: nn.Module,
    norms: Sequence[Norm],
    batch: Any,
    changed: Any,
    part: Callable[[Tensor], Tensor],
    count: int,
) -> Leak | None:
    """Whether this part of the output changes with another part of the input, and at which layer first."""

    def run(batch: Any) -> tuple[Tensor, list[_Mark]]:
        marks: list[_Mark] = []
        seen: list[list[Tensor]] = []

        def enter(_: nn.Module, args: Any, kwargs: Any) -> None:  # the layer may overwrite its input
            given = [x for x in tensors_in([args, kwargs]) if x.numel()]
            seen.append([_mark(_own(x, part, count, whole=True)) for x in given])

        def leave(name: str) -> Callable[..., None]:
            def hook(_: nn.Module, __: Any, output: Any) -> None:
                y = next((y for y in tensors_in(output) if y.is_floating_point()), None)
                own = None if y is None or not y.numel() else _own(y, part, count, whole=False)
                marks.append((name, seen.pop(), None if own is None else _mark(own)))

            return hook

        with ExitStack() as stack:
            for name, layer in model.named_modules():
                stack.callback(layer.register_forward_pre_hook(enter, with_kwargs=True).remove)
                stack.callback(layer.register_forward_hook(leave(name)).remove)
            return first_tensor(call_model(model, batch)), marks

    (before, marks), (after, others) = run(batch), run(changed)
    if before.dim() < 1 or len(before) != count or before.shape != after.shape:
        raise ValueError(f"the output of shape {tuple(before.shape)} has no axis of {count} examples")
    change = change_of(part(before), part(after))
    if not isfinite(change):
        raise ValueError("the output is not finite")
    if not change > _LEAST:
        return None
    own = {name: norm for norm in norms for name in norm.names}
    # A layer is noted when it ends, so those inside of one come before it.
    for (name, given, y), (_, other_given, other_y) in zip(marks, others, strict=False):
        if y is None or other_y is None or not _moved(y, other_y) or not given:
            continue
        if not any(_moved(x, other) for x, other in zip(given, other_given, strict=False)):
            return Leak(own[name].name if name in own else name, change, name in own)
    return Leak("", change)


def _own(x: Tensor, part: Callable[[Tensor], Tensor], count: int, *, whole: bool) -> Tensor | None:
    """The part of a tensor that must not change; of one without the axes all of it, or nothing."""
    try:
        if x.dim() > 1 and len(x) == count and (own := part(x)).numel():
            return own
    except ValueError:  # an inner tensor without the axis
        pass
    return x if whole else None


def _mark(x: Tensor | None) -> Tensor:
    assert x is not None
    x = x.detach().double()
    return torch.stack([x.mean(), x.square().mean()])


def _moved(one: Tensor, two: Tensor) -> bool:
    return not torch.allclose(one, two, rtol=1e-6, atol=1e-9)
