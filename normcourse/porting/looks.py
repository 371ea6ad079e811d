"""What a difference between two arrays looks like: found by trying what would undo it.

Array one is what is due, array two what came. Each look is a sentence about two.
"""

from collections.abc import Iterator
from itertools import permutations

import numpy as np

from normcourse.porting.recording import Array

__all__ = ["array_looks", "distance", "layouts"]

_ENOUGH = 3  # values that each fitted number must explain


def distance(one: Array, two: Array) -> tuple[float, float]:
    """Return the largest difference, and the same as a share of the largest value of one.

    Values that are not finite are alike if they are the same; shapes must be.
    """
    if one.shape != two.shape:
        return np.inf, np.inf
    if not one.size:
        return 0.0, 0.0
    with np.errstate(invalid="ignore"):
        apart = np.abs(one - two)
    same = (one == two) | (np.isnan(one) & np.isnan(two))
    apart = np.where(same, 0.0, np.where(np.isnan(apart), np.inf, apart))
    largest = float(apart.max())
    finite = np.abs(one[np.isfinite(one)])
    scale = float(finite.max()) if finite.size else 0.0
    return largest, 0.0 if largest == 0 else largest / scale if scale else np.inf


def layouts(
    two: Array, shape: tuple[int, ...], spatial: tuple[int, ...] | None
) -> Iterator[tuple[str, Array]]:
    """Yield array two in the layouts that hold the same numbers: as it is, and with its channels moved.

    Args:
        two: The array.
        shape: What comes out must have.
        spatial: Of the layer before, of rank 3 or more: its shape on side two, without the batch. What is
            flattened of it may have been flattened in the other order.
    """
    if two.shape == shape:
        yield "", two
    if two.ndim > 2:
        for words, moved in (
            ("channels first in one, last in two", np.moveaxis(two, -1, 1)),
            ("channels last in one, first in two", np.moveaxis(two, 1, -1)),
        ):
            if moved.shape == shape:
                yield words, moved
    elif two.ndim == 2 and two.shape == shape and spatial and two[0].size == np.prod(spatial):
        whole = two.reshape(len(two), *spatial)
        for words, moved in (
            ("flattened channels last in one", np.moveaxis(whole, 1, -1)),
            ("flattened channels first in one", np.moveaxis(whole, -1, 1)),
        ):
            yield words, moved.reshape(shape)


def array_looks(one: Array, two: Array, tolerance: float) -> Iterator[str]:
    """Yield what undoes the difference, from the plainest to the most pliable."""
    if not np.isfinite(two).all() and np.isfinite(one).all():
        yield "two holds values that are not finite"
        return
    if one.shape != two.shape:
        yield f"two has the shape {two.shape}, one {one.shape}"
    yield from _reordered(one, two, tolerance)
    if one.shape != two.shape:
        return

    def alike(other: Array) -> bool:
        return distance(one, other)[1] <= tolerance

    if alike(-two):
        yield "two has the other sign"
    if alike(np.maximum(two, 0)):
        yield "two is not rectified, and one is"
    if distance(two, np.maximum(one, 0))[1] <= tolerance:
        yield "two is rectified, and one is not"
    yield from _fitted(one, two, tolerance)


def _reordered(one: Array, two: Array, tolerance: float) -> Iterator[str]:
    for order in list(permutations(range(two.ndim)))[1:] if 1 < two.ndim < 6 else ():
        if distance(one, two.transpose(order))[1] <= tolerance:
            yield f"two is equal with its axes in the order {order}"
            return
    if one.size != two.size or one.ndim < 2 or len(one) != len(two):
        return
    if one.shape == two.shape:
        for axis in sorted({1, one.ndim - 1}):
            channels = [np.moveaxis(array, axis, 0).reshape(array.shape[axis], -1) for array in (one, two)]
            if distance(*(rows[np.lexsort(rows.T[::-1])] for rows in channels))[1] <= tolerance:
                yield "two has the same channels in another order"
                return
    rows = [np.sort(array.reshape(len(array), -1), axis=1) for array in (one, two)]
    if distance(*rows)[1] <= tolerance:
        yield "two has the same numbers in another order, example by example"


def _fitted(one: Array, two: Array, tolerance: float) -> Iterator[str]:
    """Fit one = factor * two + offset, for all values and for each channel, which may be first or last."""
    groups = {"": [array.reshape(1, -1) for array in (one, two)]}
    for axis in sorted({1, one.ndim - 1}) if one.ndim > 1 else ():
        parts = [np.moveaxis(array, axis, 0).reshape(array.shape[axis], -1) for array in (one, two)]
        groups[f" for each channel (axis {axis} of one)"] = parts
    for where, (due, came) in groups.items():
        for words, numbers, factor, offset in _fits(due, came):
            enough = due.shape[1] >= _ENOUGH * numbers
            if enough and distance(due, factor * came + offset)[1] <= tolerance:
                yield f"{words}{where} takes two to one{_named(factor, offset)}"
                return


def _fits(due: Array, came: Array) -> Iterator[tuple[str, int, Array, Array]]:
    """Yield least-squares factors and offsets, one a row: the factor alone, the offset alone, both."""
    zero, unit = np.zeros((len(due), 1)), np.ones((len(due), 1))
    square = (came * came).sum(1, keepdims=True)
    yield "a factor", 1, (due * came).sum(1, keepdims=True) / np.where(square, square, 1), zero
    yield "an offset", 1, unit, (due - came).mean(1, keepdims=True)
    means = [array.mean(1, keepdims=True) for array in (due, came)]
    spread = ((came - means[1]) ** 2).sum(1, keepdims=True)
    factor = ((due - means[0]) * (came - means[1])).sum(1, keepdims=True) / np.where(spread, spread, 1)
    yield "a factor and an offset", 2, factor, means[0] - factor * means[1]


def _named(factor: Array, offset: Array) -> str:
    parts = []
    for name, values, neutral in (("factor", factor, 1), ("offset", offset, 0)):
        if (values != neutral).any():
            low, high = f"{values.min():.3g}", f"{values.max():.3g}"
            parts.append(f"{name} {low}" + (f" to {high}" if high != low else ""))
    return f": {', '.join(parts)}"
