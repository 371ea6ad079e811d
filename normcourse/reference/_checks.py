"""Checks on arguments: each error names the invariant, what came, and how to mend it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]


def floating(name: str, value: object) -> Array:
    """The value as an array, which must be of a floating dtype."""
    array = np.asarray(value)
    if not np.issubdtype(array.dtype, np.floating):
        raise TypeError(
            f"{name} must hold floating-point numbers, got dtype {array.dtype}; "
            f"convert it first, as in {name}.astype(np.float32)"
        )
    return array


def images(x: Array, *, min_rank: int) -> None:
    """The input is ``(N, C, *spatial)`` of at least this rank."""
    if x.ndim < min_rank:
        wanted = "(N, C) or (N, C, *spatial)" if min_rank == 2 else "(N, C, *spatial), spatial not empty,"
        raise ValueError(f"x must have shape {wanted}, got {x.shape}; add the missing axes with reshape")


def parameter(name: str, value: object, wanted: tuple[int, ...], shape: tuple[int, ...]) -> Array:
    """Gamma or beta has exactly the affine's shape: broadcasting would hide a mistake."""
    array = floating(name, value)
    if array.shape != wanted:
        raise ValueError(
            f"{name} must have shape {wanted} for an input of shape {shape}, got {array.shape}; "
            f"reshape {name}, or pass None to leave it out"
        )
    return array


def non_negative_eps(eps: float) -> None:
    """Epsilon is a finite number that is not below zero (NaN fails the comparison)."""
    if not 0 <= eps < float("inf"):
        raise ValueError(f"eps must be a finite number >= 0, got {eps}; PyTorch's default is 1e-5")


def group_count(channels: int, num_groups: int) -> None:
    """The channels split into equal groups."""
    if num_groups < 1 or channels % num_groups:
        raise ValueError(
            f"num_groups must divide the channels, got C = {channels} and num_groups = {num_groups}; "
            f"choose a divisor of {channels}"
        )


def axes(axis: int | Sequence[int], shape: tuple[int, ...]) -> tuple[int, ...]:
    """The axes as ascending non-negative numbers: at least one, each in range, none twice."""
    named = (axis,) if isinstance(axis, int | np.integer) else tuple(axis)
    rank = len(shape)
    if not named or not all(-rank <= a < rank for a in named):
        raise ValueError(
            f"axis must name at least one axis between {-rank} and {rank - 1} of an input of shape {shape}, "
            f"got {axis}"
        )
    found = sorted(a % rank for a in named)
    if len(set(found)) < len(found):
        raise ValueError(f"axis must name each axis once, got {axis} for an input of shape {shape}")
    return tuple(int(a) for a in found)


def pool_size(size: int, shape: tuple[int, ...], *, least: int = 1) -> None:
    """Every pool holds values, and two of them where one value would standardise to zero."""
    if size < least:
        raise ValueError(
            f"each mean must be taken over at least {least} value{'s' * (least > 1)}, got {size} "
            f"from an input of shape {shape}; pass a larger batch or more positions, "
            "or use running statistics where the norm has them"
        )


def upstream(dout: object, shape: tuple[int, ...]) -> Array:
    """The upstream gradient has the output's shape."""
    array = floating("dout", dout)
    if array.shape != shape:
        raise ValueError(
            f"dout must have the output's shape {shape}, got {array.shape}; "
            "pass the gradient of the loss with respect to the output of this very forward"
        )
    return array


def statistics(what: str, mean: Array, var: Array) -> None:
    """Mean and variance are finite, and no variance is below zero."""
    if not (np.isfinite(mean).all() and np.isfinite(var).all()):
        raise ValueError(
            f"{what} must be finite, got mean {mean} and variance {var}; "
            "look for NaN, infinity or overflow in the input"
        )
    if (var < 0).any():
        raise ValueError(f"{what} must have a variance >= 0, got {var}; recompute it, or load it again")
