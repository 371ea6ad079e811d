"""What the probes of several tasks draw: affine parameters and upstream gradients that hide no mistake."""

from collections.abc import Callable

import numpy as np
from numpy.random import Generator

from normcourse.exercises.task import Inputs

__all__ = ["Draw", "affine", "upstream", "without"]

Draw = Callable[[Generator], Inputs]


def affine(rng: Generator, features: int) -> Inputs:
    """Draw a gamma that is far from 1 and a beta that is not 0, each of both signs."""
    signs = rng.permuted(np.resize([-1.0, 1.0], features))
    return {
        "gamma": signs * rng.uniform(0.4, 2.5, features),
        "beta": rng.permuted(signs) * rng.uniform(0.3, 2.0, features),
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
