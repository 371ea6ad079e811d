"""What answers divide by: the root of a variance plus eps, and the known ways to miss it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from normcourse.exercises.task import Mistake, Mistakes

__all__ = ["OWN", "OWN_EPS", "ROOT_TWICE", "divisor"]

#: The eps that a learner writes instead of the argument.
OWN = 1e-5

OWN_EPS = Mistake(
    "own eps", "scale", "You add 1e-5, which is eps often but not always. Use the argument eps."
)
ROOT_TWICE = Mistake(
    "root twice", "scale", "You take the root of the standard deviation, which is a root already."
)


def divisor(mistakes: Mistakes, var: NDArray[Any], eps: float) -> NDArray[Any]:
    """Return what an answer with these mistakes, of which at most one is of the root, divides by."""
    if "no eps" in mistakes:
        return np.sqrt(var)
    if "own eps" in mistakes:
        return np.sqrt(var + OWN)
    if "eps outside" in mistakes:
        return np.sqrt(var) + eps
    if "eps squared" in mistakes:
        return np.sqrt(var + eps**2)
    if "no root" in mistakes:
        return var + eps
    if "root twice" in mistakes:
        return np.sqrt(np.sqrt(var) + eps)
    return np.sqrt(var + eps)
