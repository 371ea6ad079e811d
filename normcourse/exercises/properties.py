"""What every right answer satisfies: the next thing to test, where no known mistake explains an answer."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Property", "bounded", "right_angle", "standardised", "sums_to_zero"]

Array = NDArray[np.float64]
Inputs = Mapping[str, Any]


@dataclass(frozen=True)
class Property:
    """A property of an output.

    Attributes:
        output: Its name.
        says: The property in words, as the end of a sentence: ``"each column of dx sums to zero"``.
        gap: By how much an output lacks it, given a probe's inputs and the output: 0 if it has it.
        probes: Where it is to hold; no name means everywhere. Some need an eps that makes no difference.
        telling: Whether it tells something that it holds: of bounds it does not.
    """

    output: str
    says: str
    gap: Callable[[Inputs, Array], float]
    probes: tuple[str, ...] = ()
    telling: bool = True


def sums_to_zero(output: str, says: str, axes: Sequence[int]) -> Property:
    """Return that the sums over some axes are zero, measured against the sizes that they sum."""

    def gap(inputs: Inputs, out: Array) -> float:
        return _largest(out.sum(axis=tuple(axes)), np.abs(out).sum(axis=tuple(axes)))

    return Property(output, says, gap)


def right_angle(
    output: str, says: str, axes: Sequence[int], probes: tuple[str, ...] = (), centred: bool = True
) -> Property:
    """Return that an output is at a right angle to x, less its mean where `centred`, over some axes."""
    over = tuple(axes)

    def gap(inputs: Inputs, out: Array) -> float:
        x = inputs["x"] - inputs["x"].mean(axis=over, keepdims=True) if centred else inputs["x"]
        return _largest((out * x).sum(axis=over), np.abs(out * x).sum(axis=over))

    return Property(output, says, gap, probes)


def standardised(
    output: str, says: str, axes: Sequence[int], probes: tuple[str, ...], affine: Sequence[int], power: int
) -> Property:
    """Return that a mean of (out - beta) / gamma, or of its square, is what it is for standardised values.

    `affine` is the shape of gamma and beta against x. `power` is 1 for a mean of 0, 2 for a mean
    square of 1.
    """

    def gap(inputs: Inputs, out: Array) -> float:
        beta = inputs["beta"].reshape(affine) if "beta" in inputs else 0.0
        xhat = (out - beta) / inputs["gamma"].reshape(affine)
        return _largest((xhat**power).mean(axis=tuple(axes)) - (power - 1), np.ones(()))

    return Property(output, says, gap, probes)


def bounded(output: str, says: str, low: Callable[[Inputs], Any], high: Callable[[Inputs], Any]) -> Property:
    """Return that an output lies between two bounds, which may depend on the inputs."""

    def gap(inputs: Inputs, out: Array) -> float:
        below, above = low(inputs) - out, out - high(inputs)
        return _largest(np.maximum(0, np.maximum(below, above)), np.ones(()))

    return Property(output, says, gap, telling=False)


def _largest(gaps: Any, sizes: Any) -> float:
    with np.errstate(all="ignore"):
        return float(np.max(np.abs(gaps) / np.maximum(sizes, 1e-12)))
