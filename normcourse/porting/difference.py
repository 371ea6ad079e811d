"""Where two models first differ, layer by layer."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from textwrap import wrap
from typing import Any

import numpy as np

from normcourse.porting.looks import array_looks, distance, layouts
from normcourse.porting.recording import Array, Call, Model, as_array, record
from normcourse.porting.trials import observations, returned, tried

__all__ = ["Comparison", "Layer", "first_difference"]

OUTPUT = "(output)"  # what follows the last layer


@dataclass(frozen=True)
class Layer:
    """A layer of one model beside that of the other.

    Args:
        one: Its name in model one.
        two: Its name in model two.
        place: Its place among the calls, from 1.
        largest: The largest difference of what they return.
        relative: The same, as a share of the largest value of one.
        layout: In which way the axes of two were moved to compare; empty where they were not.
    """

    one: str
    two: str
    place: int
    largest: float
    relative: float
    layout: str = ""


@dataclass(frozen=True, repr=False)
class Comparison:
    """What `first_difference` gives. It is true where there is a difference.

    Args:
        layers: All that were compared, in the order of the calls.
        first: The first of them that differs by more than the tolerance, or None.
        looks: What that difference looks like, the likeliest first.
        tolerance: As a share of the largest value of a layer of model one.
    """

    layers: tuple[Layer, ...]
    first: Layer | None
    looks: tuple[str, ...]
    tolerance: float

    def __bool__(self) -> bool:
        return self.first is not None

    def __repr__(self) -> str:
        if self.first is None:
            seen = self.layers
            size = f"{_share(_most(seen))} of a layer's largest value ({_share(self.tolerance)} allowed)"
            lines = [f"no difference in {len(seen)} layers", f"largest: {size}"]
        else:
            seen = self.layers[: self.first.place]
            lines = self._told(self.first, seen[:-1])
        moved: dict[str, list[str]] = {}
        for layer in seen if self.first is None else seen[:-1]:
            moved.setdefault(layer.layout, []).append(layer.one)
        moved.pop("", None)
        lines += [f"same numbers, {layout}: {', '.join(names)}" for layout, names in moved.items()]
        head, *rest = lines
        return "\n".join([head, *(part for line in rest for part in _filled(line))])

    def _told(self, first: Layer, before: tuple[Layer, ...]) -> list[str]:
        names = repr(first.one) if first.one == first.two else f"{first.one!r} / {first.two!r}"
        size = f"{first.largest:.2g}, {_share(first.relative)} of the layer's largest value"
        if np.isinf(first.relative):
            size = "the shapes differ, or values are not finite"
        agreeing = f"{_share(_most(before))} at most" if before else "no layer; do both get the same input?"
        return [
            f"first difference: layer {first.place} of {len(self.layers)}, {names}",
            f"largest: {size}",
            f"before it: {agreeing}",
            *(f"looks like: {look}" for look in self.looks),
        ]


def _filled(line: str) -> list[str]:
    return wrap(line, 66, initial_indent="  ", subsequent_indent="    ")


def _most(layers: tuple[Layer, ...]) -> float:
    return max((layer.relative for layer in layers), default=0.0)


def _share(value: float) -> str:
    return f"{value:.0%}" if value >= 0.1 else f"{100 * value:.2g}%"


def first_difference(
    one: Model,
    two: Model,
    batch: Any = None,
    *,
    tolerance: float = 1e-4,
    pairs: Mapping[str, str] | None = None,
) -> Comparison:
    r"""Run two models on one batch and say at which layer they first differ, and what that looks like.

    The innermost layers are paired in the order in which they are called. Layers that hand on what they are
    given in inference mode (dropout, identities) do not count. A pair differs where

    .. math:: \max |y_1 - y_2| > \text{tolerance} \cdot \max |y_1| .

    The layer named is the guilty one: all before it agree, so both sides of it get the same. Its looks are
    found by trying: the layer of a torch module with another epsilon, a transposed weight, its statistics
    exchanged and so on; and the arrays with other axes, signs, factors and offsets.

    The same numbers with the channels at another axis are no difference, because what follows may know: the
    layout is noted, and where nothing took it into account, the next layer differs.

    Modules are run in inference mode, without gradients, and are left as they were.

    Args:
        one: The model that is right: a module, or what its layers return in another framework, as a mapping
            (or pairs) of names and arrays, in the order of the calls.
        two: The port: a module, or recorded in the same way.
        batch: What a module is called with, a tensor or a mapping of keyword arguments; the recorded side was
            given the same. Two to eight different examples are enough. Not needed for two recordings.
        tolerance: In float32, rounding stays below 1e-5 in most networks; in bfloat16 take 0.03.
        pairs: Names in one with those in two: compares these alone, in this order, for models whose calls
            cannot be paired one by one. A module may be any, not only an innermost one.

    Returns:
        The comparison, which prints. Its ``first`` is None where the models agree, and ``layers`` has the
        difference of every layer.

    Raises:
        ValueError: The models make different numbers of calls (the message says where they part), a name in
            ``pairs`` is unknown, there is nothing to compare, or no batch for a module.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> one = nn.Sequential(nn.ReLU(), nn.BatchNorm1d(3, eps=1e-3))
        >>> two = nn.Sequential(nn.ReLU(), nn.BatchNorm1d(3))
        >>> first_difference(one, two, torch.eye(3))
        first difference: layer 2 of 2, '1'
          largest: 0.00049, 0.049% of the layer's largest value
          before it: 0% at most
          looks like: two would be equal with eps=0.001 in place of 1e-05
    """
    names = (None, None) if pairs is None else (list(pairs), list(pairs.values()))
    (calls_one, output_one), (calls_two, output_two) = (
        record(one, batch, names[0]),
        record(two, batch, names[1]),
    )
    if len(calls_one) != len(calls_two):
        raise ValueError(_unpaired(calls_one, calls_two))
    if pairs is None and output_one is not None and output_two is not None:
        calls_one = [*calls_one, Call(OUTPUT, output_one)]
        calls_two = [*calls_two, Call(OUTPUT, output_two)]
    if not calls_one:
        raise ValueError("there is nothing to compare: neither side has a layer")
    compared = _compared(calls_one, calls_two, tolerance)
    if _ends_with_a_layer(calls_one) and _ends_with_a_layer(calls_two):
        compared.pop()
    layers = tuple(layer for layer, _ in compared)
    first = next((layer for layer in layers if layer.relative > tolerance), None)
    looks = () if first is None else tuple(_looks(first.place - 1, calls_one, calls_two, compared, tolerance))
    return Comparison(layers, first, looks, tolerance)


def _ends_with_a_layer(calls: list[Call]) -> bool:
    """Whether the model returns what its last layer returns, so that its output is no pair of its own."""
    return (
        len(calls) > 1 and calls[-1].name == OUTPUT and distance(calls[-2].output, calls[-1].output)[0] == 0
    )


def _compared(ones: list[Call], twos: list[Call], tolerance: float) -> list[tuple[Layer, Array]]:
    """Compare each pair; beside it stands the output of two in the layout of one."""
    compared = []
    spatial: tuple[int, ...] | None = None
    for place, (one, two) in enumerate(zip(ones, twos, strict=True), 1):
        found = None
        for layout, moved in layouts(two.output, one.output.shape, spatial):
            apart = distance(one.output, moved)
            # The nearest; within the tolerance, as it is. (A cube of places and channels fits every way.)
            if found is None or (apart[1] < found[1] and found[1] > tolerance):
                found = (*apart, layout, moved)
        largest, relative, layout, moved = found or (np.inf, np.inf, "", two.output)
        if relative > tolerance and layout and two.output.shape == one.output.shape:
            layout = ""
        compared.append((Layer(one.name, two.name, place, largest, relative, layout), moved))
        if two.output.ndim > 2:
            spatial = two.output.shape[1:]
    return compared


def _looks(
    place: int, ones: list[Call], twos: list[Call], compared: list[tuple[Layer, Array]], tolerance: float
) -> Iterator[str]:
    """Yield what the difference at this place looks like: what is seen, what was tried, what arrays show."""
    one, two, moved = ones[place], twos[place], compared[place][1]
    layout = compared[place - 1][0].layout if place else ""
    if layout and two.layer is not None and _right_given(ones[place - 1].output, two, one.output, tolerance):
        yield f"two would be equal given its input in the order of one ({layout}): sort its weight's inputs"
        return
    if not layout and _inputs_differ(one, two, tolerance):
        before = repr(twos[place - 1].name) if place else "the model's input"
        yield f"its inputs differ already: look between {before} and {two.name!r}, outside of layers"
        return
    for name, call in (("two", two), ("one", one)):
        if change := _change(call, one if call is two else two, tolerance):
            yield f"{name} would be equal {change}"
            return
    if two.layer is not None:
        yield from (f"two: {seen}" for seen in observations(two.layer))
    yield from array_looks(one.output, moved, tolerance)


def _change(call: Call, other: Call, tolerance: float) -> str | None:
    """Return the change to a layer that makes it return what the other side's does, in any layout."""
    if call.layer is None or call.given is None:
        return None
    for _, moved in layouts(other.output, call.output.shape, None):
        if change := tried(call.layer, call.given, moved, tolerance, other.layer):
            return change
    return None


def _inputs_differ(one: Call, two: Call, tolerance: float) -> bool:
    """Whether two modules' layers were given different numbers; of recordings that is not known."""
    if one.given is None or two.given is None or len(one.given) != len(two.given):
        return False
    for first, second in zip(one.given, two.given, strict=True):
        if first is not None and second is not None:
            due, came = as_array(first), as_array(second)
            if all(distance(due, moved)[1] > tolerance for _, moved in layouts(came, due.shape, None)):
                return True
    return False


def _right_given(given: Array, two: Call, due: Array, tolerance: float) -> bool:
    """Whether the layer of two returns what is due when it is given what one's layer before it returned."""
    usual = two.given[0] if two.given is not None and len(two.given) == 1 else None
    if two.layer is None or usual is None or given.shape != tuple(usual.shape):
        return False
    return distance(due, returned(two.layer, (usual.new_tensor(given),)))[1] <= tolerance


def _unpaired(ones: list[Call], twos: list[Call]) -> str:
    place = next(
        (i for i, (a, b) in enumerate(zip(ones, twos, strict=False)) if a.output.size != b.output.size),
        min(len(ones), len(twos)),
    )
    shown = [
        ", ".join(f"{call.name!r} {call.output.shape}" for call in calls[place : place + 2]) or "nothing more"
        for calls in (ones, twos)
    ]
    return (
        f"the calls cannot be paired one by one: one makes {len(ones)}, two {len(twos)}. They part at call "
        f"{place + 1}, where one has {shown[0]} and two has {shown[1]}. Leave out of a recording what the "
        "other side has not, or name what belongs together: pairs={'name in one': 'name in two', ...}"
    )
