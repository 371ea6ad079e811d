"""How far a measurement may lie from its record on another processor, in the unit that matters."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Tolerance", "examples", "magnitude", "nats", "relative"]

# Records hold six significant digits.
_ROUNDING = 1e-5


@dataclass(frozen=True)
class Tolerance:
    """A distance from a record that counts as none, and the unit that it is said in.

    Attributes:
        amount: How many units.
        unit: Name of the unit.
        size: One unit in the measurement's own numbers; of ``relative`` and ``magnitude``, nothing.
        kind: ``"absolute"``, ``"relative"`` or ``"magnitude"``.
    """

    amount: float
    unit: str
    size: float = 1.0
    kind: str = "absolute"

    def distance(self, values: ArrayLike, kept: ArrayLike) -> float:
        """Return how far the farthest of the values lies from what a record keeps, in units.

        Args:
            values: Measured now.
            kept: The record's, of the same shape. Where it is infinite or not a number, so must the value be.

        Example:
            >>> round(examples(2, of=300).distance([0.97, 0.95], [0.97, 0.96]), 2)
            3.0
        """
        now, then = (np.asarray(array, dtype=float) for array in (values, kept))
        same = np.isclose(now, then, rtol=_ROUNDING, atol=0, equal_nan=True)
        if same.all():
            return 0.0
        with np.errstate(all="ignore"):
            far = np.where(same, 0.0, self._distances(now, then))
        return float(np.where(np.isnan(far), np.inf, far).max())

    def _distances(self, now: NDArray[np.float64], then: NDArray[np.float64]) -> NDArray[np.float64]:
        far: NDArray[np.float64] = np.abs(now - then)
        if self.kind == "relative":
            far = far / np.abs(then)
        elif self.kind == "magnitude":
            far = np.abs(np.log10(now) - np.log10(then))
        else:
            far = far / self.size
        return far

    def __str__(self) -> str:
        return f"{self.amount:g} {self.unit}"


def examples(count: float, *, of: int) -> Tolerance:
    """A share of a split's examples may change by so many of them.

    Example:
        >>> print(examples(2, of=300))
        2 of 300 examples
    """
    return Tolerance(count, f"of {of} examples", 1 / of)


def nats(amount: float) -> Tolerance:
    """A loss may change by so many nats."""
    return Tolerance(amount, "nats")


def relative(share: float) -> Tolerance:
    """A number may change by a share of itself."""
    return Tolerance(share, "of itself", kind="relative")


def magnitude() -> Tolerance:
    """A rounding error may change by an order of magnitude: its digits say nothing.

    Example:
        >>> magnitude().distance([3.6e-16], [5.5e-16]) < magnitude().amount
        True
    """
    return Tolerance(1, "orders of magnitude", kind="magnitude")
