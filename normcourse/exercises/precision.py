"""Tell an answer that lost digits, by rounding or in a small type of numbers, from one that is wrong."""

from collections.abc import Sequence
from math import floor, log10
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["lost_digits"]

DECIMALS = range(8)
ON_THE_GRID = 0.002  # of a step: so near values lie to it that were rounded in float32
ENOUGH = 3  # different values: fewer may lie on a grid by chance

# Each with the digits that it keeps, and the error up to which its own rounding may be the reason.
TYPES: tuple[tuple[type[np.floating[Any]], int, float], ...] = (
    (np.float16, 3, 0.1),
    (np.float32, 7, 1e-3),
)

Array = NDArray[np.float64]


def lost_digits(given: Sequence[Array], due: Sequence[Array]) -> str:
    """Say how values that are nearly right lost digits; empty if that is not what is wrong with them.

    Args:
        given: What an answer returned, of any shapes: those outputs that are off.
        due: What is right, in the same order.

    Returns:
        A sentence or two to the learner.

    Example:
        >>> due = np.array([0.12345, 1.23456, -2.34567])
        >>> lost_digits([np.round(due, 2)], [due])
        'Your values are what is due, rounded to 2 decimals. Return them as they are.'
        >>> lost_digits([due.astype(np.float16).astype(float)], [due])
        'Your values are right to 3 digits: they are of float16, which keeps 3. Compute in float64.'
        >>> lost_digits([due + 0.01], [due])
        ''
    """
    if len(given) != len(due) or any(one.shape != right.shape for one, right in zip(given, due, strict=True)):
        return ""
    values, truth = (np.concatenate([np.empty(0), *map(np.ravel, arrays)]) for arrays in (given, due))
    if not (np.isfinite(values).all() and np.isfinite(truth).all()) or len(np.unique(values)) < ENOUGH:
        return ""
    with np.errstate(all="ignore"):  # a float16 ends at 65504
        return _rounded(values, truth) or _of_a_small_type(values, truth, _error(given, due))


def _rounded(values: Array, truth: Array) -> str:
    off = np.abs(values - truth).max()
    for decimals in DECIMALS:
        step = 10.0**-decimals
        if off > (0.5 + ON_THE_GRID) * step:
            return ""  # finer steps explain no more
        if _off_the_grid(values, decimals) <= ON_THE_GRID * step < _off_the_grid(truth, decimals):
            how = f"{decimals} decimal{'' if decimals == 1 else 's'}" if decimals else "whole numbers"
            return f"Your values are what is due, rounded to {how}. Return them as they are."
    return ""


def _off_the_grid(values: Array, decimals: int) -> float:
    return float(np.abs(values - np.round(values, decimals)).max())


def _of_a_small_type(values: Array, truth: Array, error: float) -> str:
    for kind, kept, most in TYPES:
        if 0 < error <= most and _fits(values, kind) and not _fits(truth, kind):
            digits = min(kept, max(1, floor(-log10(error))))
            return (
                f"Your values are right to {digits} digit{'' if digits == 1 else 's'}: "
                f"they are of {kind.__name__}, which keeps {kept}. Compute in float64."
            )
    return ""


def _fits(values: Array, kind: type[np.floating[Any]]) -> bool:
    return bool((values.astype(kind).astype(np.float64) == values).all())


def _error(given: Sequence[Array], due: Sequence[Array]) -> float:
    """Return the largest difference, relative to each array's largest value where that exceeds 1."""
    pairs = [(one, right) for one, right in zip(given, due, strict=True) if right.size]
    return max(float(np.abs(one - right).max() / max(1.0, np.abs(right).max())) for one, right in pairs)
