"""What a task's probes draw, and what the truth and the listed mistakes give on them."""

from functools import lru_cache
from math import isfinite
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from normcourse.exercises.task import CodeTask, Inputs, Mistakes

__all__ = ["Arrays", "arguments", "distance", "drawn", "expected", "given_by", "given_on"]

Arrays = tuple[NDArray[np.float64], ...]


def arguments(task: CodeTask, seed: int) -> list[Inputs]:
    """Return the inputs of each probe of a task: the same for the same seed, in arrays of their own."""
    return [_arguments(task, seed, number) for number in range(len(task.probes))]


def _arguments(task: CodeTask, seed: int, number: int) -> Inputs:
    return {
        name: value.copy() if isinstance(value, np.ndarray) else value
        for name, value in drawn(task, seed, number).items()
    }


@lru_cache(maxsize=1024)
def drawn(task: CodeTask, seed: int, number: int) -> Inputs:
    """Return the inputs of a probe, to be read and not changed: they are kept."""
    return task.probes[number].draw(np.random.default_rng([seed, crc32(task.name.encode()), number]))


def distance(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Return the largest difference, relative to the second where that exceeds 1.

    It is infinite for another shape and for NaN.
    """
    if one.shape != other.shape:
        return float("inf")
    if one.size == 0:
        return 0.0
    with np.errstate(all="ignore"):
        largest = np.abs(one - other).max() / max(1.0, np.abs(other).max())
    return float(largest) if isfinite(largest) else float("inf")


@lru_cache(maxsize=64)
def expected(task: CodeTask, seed: int) -> list[Arrays]:
    """Return the truth on each probe."""
    return [_arrays(task.reference(**inputs)) for inputs in arguments(task, seed)]


def given_by(task: CodeTask, seed: int, mistakes: Mistakes) -> list[Arrays | None]:
    """Return what these mistakes give on each probe; None where they end in an exception."""
    return [given_on(task, seed, mistakes, number) for number in range(len(task.probes))]


@lru_cache(maxsize=8192)
def given_on(task: CodeTask, seed: int, mistakes: Mistakes, number: int) -> Arrays | None:
    """Return what these mistakes give on a probe, by number; None where they end in an exception."""
    try:
        with np.errstate(all="ignore"):
            return _arrays(task.mistaken(mistakes, **_arguments(task, seed, number)))
    except (ValueError, IndexError, TypeError, ZeroDivisionError, RuntimeError):
        return None


def _arrays(returned: object) -> Arrays:
    arrays = returned if isinstance(returned, tuple) else (returned,)
    return tuple(np.asarray(array, dtype=np.float64) for array in arrays)
