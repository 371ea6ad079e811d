"""Chapter 4: LayerNorm and RMSNorm, masks, and where a block puts its norm."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from normcourse import reference
from normcourse.exercises.task import (
    Check,
    CodeTask,
    Exercise,
    Inputs,
    Mistake,
    Mistakes,
    Probe,
    Section,
)

__all__ = ["EXERCISE"]

Array = NDArray[Any]

ONE_FORMULA = Section("book/04-layernorm-for-transformers/01-one-formula", "One formula, five norms")
GEOMETRY = Section("book/04-layernorm-for-transformers/02-geometry", "The geometry of LayerNorm")

WHOLE_TEXT = Mistake(
    "whole text",
    "axis",
    "You pool the tokens of a text too: LayerNorm((T, F)). Then later tokens change earlier ones. Pool the"
    " features of one token, the last axis.",
)
OVER_TOKENS = Mistake(
    "over tokens",
    "axis",
    "You pool axis 1, the tokens of a text. Pool the features of one token, the last axis.",
)
ALL_TOKENS = Mistake(
    "all tokens",
    "axis",
    "You pool all tokens of all texts for each feature, as BatchNorm does. Pool the features of one token,"
    " the last axis.",
)
NO_EPS = Mistake("no eps", "scale", "You leave out eps. It is added under the root.")
EPS_OUTSIDE = Mistake("eps outside", "scale", "You add eps to the root. It belongs under the root.")
NO_ROOT = Mistake("no root", "scale", "You divide by what stands under the root. Take the root first.")


def _rows(rng: Generator, texts: int, tokens: int, features: int) -> Array:
    """Draw tokens of about variance 1 and mean 0; none has nearly equal features."""
    spaced = np.linspace(-1.5, 1.5, features)
    rows = rng.permuted(np.broadcast_to(spaced, (texts, tokens, features)), axis=-1)
    return rows + 0.3 * rng.normal(size=rows.shape)


def _spread(rng: Generator, rows: Array) -> Array:
    """Give each token its own scale and offset."""
    each = (*rows.shape[:2], 1)
    return rng.uniform(0.5, 3, each) * rows + rng.uniform(-2, 2, each)


def _affine(rng: Generator, features: int) -> dict[str, Array]:
    """Draw a gamma that is far from 1 and a beta that is not 0, of either sign."""
    signs = rng.permuted(np.resize([-1.0, 1.0], features))
    return {
        "gamma": signs * rng.uniform(0.4, 2.5, features),
        "beta": rng.permuted(signs) * rng.uniform(0.3, 2.0, features),
    }


def _few(rng: Generator) -> Inputs:
    tokens, features = int(rng.integers(5, 7)), int(rng.integers(3, 5))
    x = _spread(rng, _rows(rng, 2, tokens, features))
    return {"x": x, **_affine(rng, features), "eps": 1e-5}


def _many(rng: Generator) -> Inputs:
    tokens, features = int(rng.integers(4, 7)), int(rng.integers(8, 12))
    x = _spread(rng, _rows(rng, 3, tokens, features))
    return {"x": x, **_affine(rng, features), "eps": 1e-5}


def _narrow(rng: Generator) -> Inputs:
    """Draw tokens whose standard deviation is near the root of eps, which is large."""
    features = int(rng.integers(4, 7))
    x = 0.3 * _rows(rng, 2, 3, features) + rng.uniform(-0.4, 0.4, (2, 3, 1))
    return {"x": x, **_affine(rng, features), "eps": 0.07}


def _without(draw: Callable[[Generator], Inputs], *names: str) -> Callable[[Generator], Inputs]:
    """Leave some inputs of a probe out."""

    def drawn(rng: Generator) -> Inputs:
        return {name: value for name, value in draw(rng).items() if name not in names}

    return drawn


def _upstream(draw: Callable[[Generator], Inputs]) -> Callable[[Generator], Inputs]:
    """Turn a forward probe into a backward one: a random upstream gradient first, no beta."""

    def drawn(rng: Generator) -> Inputs:
        inputs = _without(draw, "beta")(rng)
        return {"dy": rng.normal(size=inputs["x"].shape) + 0.5, **inputs}

    return drawn


def _pooled(mistakes: Mistakes) -> tuple[int, ...]:
    """Return the axes over which an answer with these mistakes pools."""
    pools: dict[str, tuple[int, ...]] = {"whole text": (1, 2), "over tokens": (1,), "all tokens": (0, 1)}
    return next((axes for name, axes in pools.items() if name in mistakes), (2,))


def _root(mistakes: Mistakes, var: Array, eps: float) -> Array:
    """Return what an answer with these mistakes divides by."""
    if "no eps" in mistakes:
        return np.sqrt(var)
    if "eps outside" in mistakes:
        return np.sqrt(var) + eps
    if "no root" in mistakes:
        return var + eps
    return np.sqrt(var + eps)


def _forward_reference(x: Array, gamma: Array, beta: Array, eps: float) -> Array:
    return reference.layer_norm(x, gamma, beta, eps=eps)[0]


def _forward_mistaken(mistakes: Mistakes, x: Array, gamma: Array, beta: Array, eps: float) -> Array:
    axis = _pooled(mistakes)
    mean = 0.0 if "no mean" in mistakes else x.mean(axis=axis, keepdims=True)
    var = x.var(axis=axis, keepdims=True, ddof="n - 1" in mistakes)
    if "mean square" in mistakes:
        var = np.mean(x**2, axis=axis, keepdims=True)
    xhat = (x - mean) / _root(mistakes, var, eps)
    if "no affine" in mistakes:
        return xhat
    if "no beta" in mistakes:
        return gamma * xhat
    if "beta first" in mistakes:
        return gamma * (xhat + beta)
    return gamma * xhat + beta


FORWARD = CodeTask(
    name="ln.forward",
    title="LayerNorm forward",
    answer="ln_forward",
    section=ONE_FORMULA,
    outputs=("y",),
    reference=_forward_reference,
    mistaken=_forward_mistaken,
    mistakes=(
        WHOLE_TEXT,
        OVER_TOKENS,
        ALL_TOKENS,
        Mistake("no mean", "mean", "You do not subtract the mean before you divide."),
        Mistake(
            "n - 1",
            "variance",
            "You divide the sum of squares by F - 1. What normalizes is the biased variance, divided by F: "
            "ddof=0.",
        ),
        Mistake(
            "mean square",
            "variance",
            "You divide by the root of the mean square of x, as RMSNorm does. LayerNorm's variance is the "
            "mean square of x minus its mean.",
        ),
        NO_EPS,
        EPS_OUTSIDE,
        NO_ROOT,
        Mistake("no affine", "affine", "You return the standardised tokens. Apply gamma and beta to them."),
        Mistake("no beta", "affine", "You scale by gamma but do not add beta."),
        Mistake(
            "beta first", "affine", "You add beta before you scale, so beta is scaled as well. Scale first."
        ),
    ),
    probes=(
        Probe("few features", _few),
        Probe("more features", _many),
        Probe("a large eps", _narrow),
    ),
    checks=(
        Check("ordinary texts", 2, probes=("few features", "more features")),
        Check("eps where it belongs", 1, probes=("a large eps",)),
    ),
    hints=(
        "Which numbers of x share one mean? Say it for one token of one text.",
        "You need one mean and one biased variance for each token. They have shape (N, T); keepdims=True "
        "makes that (N, T, 1), which lines up with x.",
        "mean = x.mean(axis=-1, keepdims=True), the same for var; return gamma * (x - mean) / np.sqrt(var +"
        " eps) + beta.",
    ),
)


EXERCISE = Exercise("layernorm", "LayerNorm for sequences", "04-layernorm.ipynb", (FORWARD,))
