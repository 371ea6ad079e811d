"""Chapter 2: what BatchNorm computes, forward and backward."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from normcourse import reference
from normcourse.exercises.task import Check, CodeTask, Exercise, Mistake, Mistakes, Probe, Section

__all__ = ["EXERCISE"]

Array = NDArray[Any]


def _affine(rng: np.random.Generator, features: int) -> dict[str, Array]:
    """Draw a gamma that is not 1 and a beta that is not 0, of either sign."""
    sign = rng.choice([-1.0, 1.0], size=(2, features))
    return {
        "gamma": sign[0] * rng.uniform(0.4, 2.5, features),
        "beta": sign[1] * rng.uniform(0.3, 2.0, features),
    }


def _few(rng: np.random.Generator) -> dict[str, object]:
    features = int(rng.integers(4, 7))
    x = rng.normal(size=(3, features)) * rng.uniform(0.5, 3, features) + rng.uniform(-4, 4, features)
    return {"x": x, **_affine(rng, features), "eps": 1e-5}


def _many(rng: np.random.Generator) -> dict[str, object]:
    examples, features = int(rng.integers(17, 30)), int(rng.integers(5, 9))
    x = rng.normal(size=(examples, features)) * rng.uniform(0.5, 3, features) + rng.uniform(-4, 4, features)
    return {"x": x, **_affine(rng, features), "eps": 1e-5}


def _narrow(rng: np.random.Generator) -> dict[str, object]:
    """Draw features whose standard deviation is near the root of eps, which is large."""
    features = int(rng.integers(3, 6))
    x = 0.3 * rng.normal(size=(6, features)) + rng.uniform(-1, 1, features)
    return {"x": x, **_affine(rng, features), "eps": 0.07}


def _forward_reference(x: Array, gamma: Array, beta: Array, eps: float) -> Array:
    return reference.batch_norm(x, gamma, beta, eps=eps)[0]


def _forward_mistaken(mistakes: Mistakes, x: Array, gamma: Array, beta: Array, eps: float) -> Array:
    axis = 1 if "rows" in mistakes else None if "one mean" in mistakes else 0
    mean = 0.0 if "no mean" in mistakes else x.mean(axis=axis, keepdims=True)
    var = x.var(axis=axis, keepdims=True, ddof="n - 1" in mistakes)
    if "mean square" in mistakes:
        var = np.mean(x**2, axis=axis, keepdims=True)
    if "no eps" in mistakes:
        eps = 0.0
    if "eps outside" in mistakes:
        scale = np.sqrt(var) + eps
    elif "eps squared" in mistakes:
        scale = np.sqrt(var + eps**2)
    elif "no root" in mistakes:
        scale = var + eps
    else:
        scale = np.sqrt(var + eps)
    xhat = (x - mean) / scale
    if "no affine" in mistakes:
        return xhat
    if "no beta" in mistakes:
        return gamma * xhat
    if "beta first" in mistakes:
        return gamma * (xhat + beta)
    return gamma * xhat + beta


FORWARD = CodeTask(
    name="bn.forward",
    title="The forward pass",
    answer="bn_forward",
    section=Section("book/02-batchnorm-mechanics/01-forward", "What does BatchNorm compute?"),
    outputs=("y",),
    reference=_forward_reference,
    mistaken=_forward_mistaken,
    mistakes=(
        Mistake(
            "rows",
            "axis",
            "You average along axis 1, over the features of one example; that is LayerNorm. BatchNorm pools "
            "over the examples, axis 0.",
        ),
        Mistake(
            "one mean",
            "axis",
            "You take one mean and one variance over the whole array. Each feature has its own: average "
            "along axis 0 only.",
        ),
        Mistake("no mean", "mean", "You do not subtract the mean before you divide."),
        Mistake(
            "n - 1",
            "variance",
            "You divide the sum of squares by n - 1. What normalizes is the biased variance, divided by n: "
            "ddof=0.",
        ),
        Mistake(
            "mean square",
            "variance",
            "You divide by the root of the mean square of x. The variance is the mean square of x minus its "
            "mean.",
        ),
        Mistake("no eps", "scale", "You leave out eps. It is added to the variance, under the root."),
        Mistake(
            "eps outside", "scale", "You add eps to the root of the variance. It belongs under the root."
        ),
        Mistake(
            "eps squared", "scale", "You add the square of eps. It is eps itself that joins the variance."
        ),
        Mistake(
            "no root", "scale", "You divide by the variance. Divide by its root, the standard deviation."
        ),
        Mistake(
            "no affine",
            "affine",
            "You return the standardised values. Apply gamma and beta to them.",
        ),
        Mistake("no beta", "affine", "You scale by gamma but do not add beta."),
        Mistake(
            "beta first", "affine", "You add beta before you scale, so beta is scaled as well. Scale first."
        ),
    ),
    probes=(Probe("three examples", _few), Probe("a larger batch", _many), Probe("a large eps", _narrow)),
    checks=(
        Check("ordinary batches", 4, probes=("three examples", "a larger batch")),
        Check("eps where it belongs", 2, probes=("a large eps",)),
    ),
    hints=(
        "Each column of x is a feature. Which axis do you average over to get one number per column?",
        "You need the mean and the biased variance of each column: x.mean(axis=0) and x.var(axis=0).",
        "Standardise with (x - mean) / np.sqrt(var + eps), then return gamma * xhat + beta.",
    ),
)


EXERCISE = Exercise("batchnorm", "BatchNorm by hand", "02-batchnorm.ipynb", (FORWARD,))
