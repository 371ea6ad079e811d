"""What every data set of the course hands out."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Dataset", "Split"]


class Split(NamedTuple):
    """Inputs ``x`` of shape ``(N, features)`` and class labels ``y`` of shape ``(N,)``."""

    x: NDArray[np.float32]
    y: NDArray[np.int64]


class Dataset(NamedTuple):
    """Three disjoint splits: fit on ``train``, choose on ``validation``, report on ``test``."""

    train: Split
    validation: Split
    test: Split
