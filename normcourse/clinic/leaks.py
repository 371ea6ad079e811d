"""Whether one part of an input reaches the output of another, and through which layer first."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from math import isfinite, nan
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
from normcourse.clinic.quiet import random_kept
from normcourse.clinic.subject import Norm, is_leaf

__all__ = ["Leak", "change_of", "examples_leak", "few_examples", "later_leak"]

_EXAMPLES = 4  # as many of the first batch are asked about leaks
_LEAST = 1e-4  # standard deviations; less is rounding
_VARIES = 1e-5  # of their size: outputs that vary less are all the same, but for rounding
_CHANNELS = ("in_channels", "in_features", "num_features", "num_channels", "input_size", "embed_dim")


@dataclass(frozen=True)
class Leak:
    """Where one part of the input reaches the output of another.

    Args:
        layer: The first layer whose output moves while what it is given does not; empty for the model.
        change: Of the output that must not change, in its standard deviations.
        norm: Whether the layer is one of the model's norms.
        training: Whether it shows only with the batch norms in training mode.
        judged: Whether every layer inside could be asked; not where a tensor lacks the axis, as a padded one.
        axis: Which axis of the input was taken for the positions.
        sure: Whether no other axis can hold them.
        positions: How many there are.
    """

    layer: str
    change: float
    norm: bool = False
    training: bool = False
    judged: bool = True
    axis: int = 1
    sure: bool = True
    positions: int = 0


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
    """Put the first position in the place of the last, and look at all others.

    Of an input with three axes the positions are on axis 2 if the first layer that says how many channels it
    takes finds them on axis 1; else on axis 1.
    """
    first = next((x for x in given_tensors(model, batch) if x.dim() > 1), None)
    channels = None if first is None or first.dim() != 3 else _channels_of(model, batch, first.shape[1:])
    axis = 2 if channels == 1 else 1
    if first is None or first.shape[axis] < 2:
        raise ValueError(f"needs an input of two positions or more on axis {axis}")
    leak = _later(model, norms, batch, first.shape, axis)
    if leak is not None and first.dim() == 3 and channels is None:
        try:
            other = _later(model, norms, batch, first.shape, 2) if first.shape[2] > 1 else leak
        except ValueError:  # an output without such positions
            other = leak
        leak = replace(leak, sure=other is not None)
    return leak


def _later(
    model: nn.Module, norms: Sequence[Norm], batch: Any, shape: Sequence[int], axis: int
) -> Leak | None:
    count, long = shape[0], shape[axis]

    def swap(x: Tensor) -> Tensor:
        if x.dim() <= axis or len(x) != count or x.shape[axis] != long:
            return x
        return torch.cat([x.narrow(axis, 0, long - 1), x.narrow(axis, 0, 1)], axis)

    def earlier(y: Tensor) -> Tensor:
        # Inside of a network the positions may be on another axis than outside.
        for place in sorted(range(1, y.dim()), key=lambda place: place != axis):
            if y.shape[place] == long:
                return y.narrow(place, 0, long - 1)
        raise ValueError(f"the output of shape {tuple(y.shape)} has no axis of {long} positions")

    leak = _leak(model, norms, batch, mapped(model, batch, swap), earlier, count)
    return leak and replace(leak, axis=axis, positions=long)


def _channels_of(model: nn.Module, batch: Any, sizes: Sequence[int]) -> int | None:
    """Which axis of the input holds channels, as the first layer says that is given as many; None unknown."""
    found: list[int] = []

    def enter(layer: nn.Module, args: Any) -> None:
        count = next((n for name in _CHANNELS if isinstance(n := getattr(layer, name, None), int)), None)
        given = next(tensors_in(args), None)
        if count is None and (shape := getattr(layer, "normalized_shape", None)):
            count = shape if isinstance(shape, int) else shape[-1]
        if count is not None and given is not None and given.dim() == 3:
            found.append(count)

    with ExitStack() as hooks:
        for layer in filter(is_leaf, model.modules()):
            hooks.callback(layer.register_forward_pre_hook(enter).remove)
        call_model(model, batch)
    axes = [axis for axis, size in enumerate(sizes, 1) if found[:1] == [size]]
    return axes[0] if len(axes) == 1 else None


def change_of(before: Tensor, after: Tensor) -> float:
    """How far two outputs lie apart, as a root mean square in standard deviations of the wider.

    NaN where they differ and neither varies, because there is nothing to measure it by.
    """
    return _apart(before, after, _spread(before, after))


def _apart(before: Tensor, after: Tensor, spread: float) -> float:
    apart = float((after.double() - before.double()).square().mean().sqrt())
    return apart / spread if spread else apart and nan


def _spread(*outputs: Tensor) -> float:
    """The standard deviation of the widest; 0 if that is rounding."""
    spread, size = (max(float(of(y.double())) for y in outputs) for of in (_deviation, _size))
    return spread if not spread <= _VARIES * size else 0.0


def _deviation(y: Tensor) -> Tensor:
    return y.std(correction=0)


def _size(y: Tensor) -> Tensor:
    return y.square().mean().sqrt()


@dataclass(frozen=True)
class _Mark:
    """What marks one call of one layer.

    Args:
        name: The layer's.
        given: Of each input the part that must not change, or all of one that has no such part.
        output: The same of the output; None if it has no such part.
        whole: Of all of the output.
        partless: Of the inputs that have no such part.
    """

    name: str
    given: list[Tensor]
    output: Tensor | None
    whole: Tensor | None
    partless: list[Tensor]

    def lets_through(self, other: "_Mark") -> bool:
        """Whether the output moved and nothing that was given did."""
        if self.output is None or other.output is None or not self.given:
            return False
        return _moved(self.output, other.output) and not any(map(_moved, self.given, other.given))

    def unasked(self, other: "_Mark") -> bool:
        """Whether the layer may have let something through, and could not be asked."""
        if not self.name or self.whole is None or other.whole is None or not _moved(self.whole, other.whole):
            return False
        return self.output is None or any(map(_moved, self.partless, other.partless))


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
        with random_kept(model):  # so that each run begins with the same: noise is no leak
            return _marked(model, batch, part, count)

    (before, marks), (after, others) = run(batch), run(changed)
    if before.dim() < 1 or len(before) != count or before.shape != after.shape:
        raise ValueError(f"the output of shape {tuple(before.shape)} has no axis of {count} examples")
    if not bool(part(before).isfinite().all() and part(after).isfinite().all()):
        raise ValueError("the output is not finite")
    spread = _spread(before, after)
    change = _apart(part(before), part(after), spread)
    if not isfinite(change):
        raise ValueError("the output is the same everywhere, so it is one of the batch and not of an example")
    if not change > _LEAST:
        return None
    if _apart(part(before), part(run(batch)[0]), spread) > _LEAST:
        raise ValueError("the same batch gives another output each time, so a leak would not show")
    own = {name: norm for norm in norms for name in norm.names}
    judged = not any(map(_Mark.unasked, marks, others))
    # A layer is noted when it ends, so those inside of one come before it.
    name = next((one.name for one, other in zip(marks, others, strict=False) if one.lets_through(other)), "")
    return Leak(own[name].name if name in own else name, change, name in own, judged=judged)


def _marked(
    model: nn.Module, batch: Any, part: Callable[[Tensor], Tensor], count: int
) -> tuple[Tensor, list[_Mark]]:
    """The model's output, and what marks each layer's calls."""
    noted: list[_Mark] = []
    seen: list[tuple[list[Tensor], list[Tensor]]] = []

    def enter(_: nn.Module, args: Any, kwargs: Any) -> None:  # the layer may overwrite its input
        given = [x for x in tensors_in([args, kwargs]) if x.numel()]
        parts = [_own(x, part, count) for x in given]
        marks = [_mark(x if own is None else own) for x, own in zip(given, parts, strict=True)]
        seen.append((marks, [mark for mark, own in zip(marks, parts, strict=True) if own is None]))

    def leave(name: str) -> Callable[..., None]:
        def hook(_: nn.Module, __: Any, output: Any) -> None:
            given, partless = seen.pop()
            y = next((y for y in tensors_in(output) if y.is_floating_point() and y.numel()), None)
            own = None if y is None else _own(y, part, count)
            parted, whole = (None if x is None else _mark(x) for x in (own, y))
            noted.append(_Mark(name, given, parted, whole, partless))

        return hook

    with ExitStack() as stack:
        for name, layer in model.named_modules():
            stack.callback(layer.register_forward_pre_hook(enter, with_kwargs=True).remove)
            stack.callback(layer.register_forward_hook(leave(name)).remove)
        return first_tensor(call_model(model, batch)), noted


def _own(x: Tensor, part: Callable[[Tensor], Tensor], count: int) -> Tensor | None:
    """The part of a tensor that must not change; None of one without the axes."""
    try:
        return own if x.dim() > 1 and len(x) == count and (own := part(x)).numel() else None
    except ValueError:  # an inner tensor without the axis
        return None


def _mark(x: Tensor) -> Tensor:
    x = x.detach().double()
    return torch.stack([x.mean(), x.square().mean()])


def _moved(one: Tensor, two: Tensor) -> bool:
    return not torch.allclose(one, two, rtol=1e-6, atol=1e-9)
