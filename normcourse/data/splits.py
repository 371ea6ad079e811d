"""What every data set of the course hands out."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Dataset", "Split", "frozen"]


class Split(NamedTuple):
    """Inputs ``x`` of shape ``(N, features)`` and class labels ``y`` of shape ``(N,)``."""

    x: NDArray[np.float32]
    y: NDArray[np.int64]


class Dataset(NamedTuple):
    """Three disjoint splits: fit on ``train``, choose on ``validation``, report on ``test``."""

    train: Split
    validation: Split
    test: Split


def frozen(split: Split) -> Split:
    """Return a split whose arrays cannot be written to, so that a cached one stays what it is."""
    kept = Split(split.x.astype(np.float32), split.y.astype(np.int64))
    for array in kept:
        array.flags.writeable = False
    return kept
