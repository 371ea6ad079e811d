"""What the probes of several tasks draw: affine parameters and upstream gradients that hide no mistake."""

from collections.abc import Callable

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from normcourse.exercises.task import Inputs

__all__ = ["Draw", "affine", "astride", "signs", "upstream", "without"]

Draw = Callable[[Generator], Inputs]


def signs(rng: Generator, size: int) -> NDArray[np.float64]:
    """Draw signs, of which some are 1 and some -1 for every seed."""
    return rng.permuted(np.resize([-1.0, 1.0], size))


def astride(rng: Generator, middle: float, size: int) -> NDArray[np.float64]:
    """Draw numbers of which some are below and some above another for every seed, and none is near it."""
    above = signs(rng, size) > 0
    return middle * np.where(above, rng.uniform(1.3, 2, size), rng.uniform(0.45, 0.75, size))


def affine(rng: Generator, features: int) -> Inputs:
    """Draw a gamma that is far from 1 and a beta that is not 0, each of both signs."""
    drawn = signs(rng, features)
    return {
        "gamma": drawn * rng.uniform(0.4, 2.5, features),
        "beta": rng.permuted(drawn) * rng.uniform(0.3, 2.0, features),
    }


def without(draw: Draw, *names: str) -> Draw:
    """Leave some inputs of a probe out."""

    def drawn(rng: Generator) -> Inputs:
        return {name: value for name, value in draw(rng).items() if name not in names}

    return drawn


def upstream(draw: Draw) -> Draw:
    """Turn a forward probe into a backward one: a random upstream gradient first, no beta."""

    def drawn(rng: Generator) -> Inputs:
        inputs = without(draw, "beta")(rng)
        return {"dy": rng.normal(size=inputs["x"].shape) + 0.5, **inputs}

    return drawn
