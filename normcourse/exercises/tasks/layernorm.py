"""Chapter 4: LayerNorm and RMSNorm, masks, and where a block puts its norm."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from normcourse import reference
from normcourse.exercises.forms import layernorm as terms
from normcourse.exercises.properties import Property, right_angle, standardised, sums_to_zero
from normcourse.exercises.task import (
    Check,
    CodeTask,
    Exercise,
    Inputs,
    Mistake,
    Mistakes,
    PredictionTask,
    Probe,
    Section,
    Statement,
)
from normcourse.exercises.tasks.draws import affine, astride, signs, upstream, without
from normcourse.exercises.tasks.roots import OWN_EPS, ROOT_TWICE, divisor

__all__ = ["EXERCISE"]

Array = NDArray[Any]

ONE_FORMULA = Section("book/04-layernorm-for-transformers/01-one-formula", "One formula, five norms")
GEOMETRY = Section("book/04-layernorm-for-transformers/10-geometry", "The geometry of LayerNorm")

ORDINARY = ("few features", "more features")

WHOLE_TEXT = Mistake(
    "whole text",
    "axis",
    "You pool the tokens of a text too. Then later tokens change earlier ones. Pool the features of one "
    "token, the last axis.",
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
NO_EPS = Mistake(
    "no eps", "scale", "You leave out eps, or use a far smaller number. It is added under the root."
)
EPS_OUTSIDE = Mistake("eps outside", "scale", "You add eps outside the root. It belongs under it.")
NO_ROOT = Mistake("no root", "scale", "You divide by what stands under the root. Take the root first.")

UNSCALED = Mistake(
    "unscaled direction",
    "paths",
    "In your dx the part along xhat lacks its scale. xhat is divided by the root: use it both where you "
    "project and where you multiply.",
)
GAMMA_FORGOTTEN = Mistake(
    "gamma forgotten", "gamma", "Your dx lacks gamma: the gradient of xhat is dy * gamma."
)
GAMMA_LAST = Mistake(
    "gamma last",
    "gamma",
    "In your dx gamma multiplies at the end. BatchNorm allows that: it averages over examples, which share "
    "one gamma. Here you average over features, each with its own: multiply dy by gamma first.",
)
SUMS_FOR_MEANS = Mistake(
    "sums for means",
    "means",
    "Your dx subtracts sums over the features where means are due: divide by F.",
)
BATCH_MEANS = Mistake(
    "batch means",
    "means",
    "In dx you take the means over texts and tokens, as BatchNorm does. Take them over what the forward pass"
    " pooled: the features of each token.",
)
ROOT_FORGOTTEN = Mistake(
    "root forgotten", "scale", "Your dx is not divided by the root that the forward pass divides by."
)
ROOT_SQUARED = Mistake(
    "root squared", "scale", "Your dx is divided by what stands under the root. Divide by the root, once."
)
GAMMA_IN_DGAMMA = Mistake(
    "gamma in dgamma",
    "dgamma",
    "Your dgamma holds gamma. It is the sum of dy * xhat: y changes with gamma by xhat.",
)
RAW_X = Mistake("raw x", "dgamma", "Your dgamma sums dy * x. gamma multiplies xhat: sum dy * xhat.")


def _rows(rng: Generator, texts: int, tokens: int, features: int) -> Array:
    """Draw tokens of about variance 1 and mean 0; none has nearly equal features."""
    spaced = np.linspace(-1.5, 1.5, features)
    rows = rng.permuted(np.broadcast_to(spaced, (texts, tokens, features)), axis=-1)
    return rows + 0.3 * rng.normal(size=rows.shape)


def _spread(rng: Generator, rows: Array) -> Array:
    """Give each token its own scale, so large that an eps of 1e-5 makes no difference, and offset."""
    each = (*rows.shape[:2], 1)
    return rng.uniform(4, 9, each) * rows + rng.uniform(-6, 6, each)


def _few(rng: Generator) -> Inputs:
    tokens, features = int(rng.integers(5, 7)), int(rng.integers(3, 5))
    x = _spread(rng, _rows(rng, 2, tokens, features))
    return {"x": x, **affine(rng, features), "eps": 1e-5}


def _many(rng: Generator) -> Inputs:
    tokens, features = int(rng.integers(4, 7)), int(rng.integers(8, 12))
    x = _spread(rng, _rows(rng, 3, tokens, features))
    return {"x": x, **affine(rng, features), "eps": 1e-5}


def _narrow(rng: Generator) -> Inputs:
    """Draw tokens on both sides of the root of eps, which is large.

    That is true of their standard deviations and of their root mean squares: no mean is large beside them.
    """
    features, eps = int(rng.integers(4, 7)), 0.07
    rows = _rows(rng, 2, 3, features)
    rows = (rows - rows.mean(axis=-1, keepdims=True)) / rows.std(axis=-1, keepdims=True)
    rows += (signs(rng, 6) * rng.uniform(0.4, 0.8, 6)).reshape(2, 3, 1)
    x = astride(rng, np.sqrt(eps), 6).reshape(2, 3, 1) * rows
    return {"x": x, **affine(rng, features), "eps": eps}


def _pooled(mistakes: Mistakes) -> tuple[int, ...]:
    """Return the axes over which an answer with these mistakes pools."""
    pools: dict[str, tuple[int, ...]] = {"whole text": (1, 2), "over tokens": (1,), "all tokens": (0, 1)}
    return next((axes for name, axes in pools.items() if name in mistakes), (2,))


def _forward_reference(x: Array, gamma: Array, beta: Array, eps: float) -> Array:
    return reference.layer_norm(x, gamma, beta, eps=eps)[0]


def _forward_mistaken(mistakes: Mistakes, x: Array, gamma: Array, beta: Array, eps: float) -> Array:
    axis = _pooled(mistakes)
    mean = 0.0 if "no mean" in mistakes else x.mean(axis=axis, keepdims=True)
    var = x.var(axis=axis, keepdims=True, ddof="n - 1" in mistakes)
    if "mean square" in mistakes:
        var = np.mean(x**2, axis=axis, keepdims=True)
    xhat = (x - mean) / divisor(mistakes, var, eps)
    if "no affine" in mistakes:
        return xhat
    if "no beta" in mistakes:
        return gamma * xhat
    if "no gamma" in mistakes:
        return xhat + beta
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
            "You divide by the root of the mean of x**2, as RMSNorm does. LayerNorm's variance is the mean "
            "of (x - mean)**2.",
        ),
        NO_EPS,
        OWN_EPS,
        EPS_OUTSIDE,
        NO_ROOT,
        ROOT_TWICE,
        Mistake("no affine", "affine", "You return the standardised tokens. Apply gamma and beta to them."),
        Mistake("no beta", "affine", "You scale by gamma but do not add beta."),
        Mistake("no gamma", "affine", "You add beta but do not scale by gamma."),
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
        Check("ordinary texts", 2, probes=ORDINARY),
        Check("eps where it belongs", 1, probes=("a large eps",)),
    ),
    hints=(
        "Which numbers of x share one mean? Say it for one token of one text.",
        "You need one mean and one biased variance for each token. They have shape (N, T); keepdims=True "
        "makes that (N, T, 1), which lines up with x.",
        "mean = x.mean(axis=-1, keepdims=True), the same for var; return gamma * (x - mean) / np.sqrt(var +"
        " eps) + beta.",
    ),
    forms=terms.FORWARD,
    properties=(
        standardised(
            "y", "the features of each token of (y - beta) / gamma have the mean 0", (2,), (), (-1,), 1
        ),
        standardised(
            "y",
            "the features of each token of (y - beta) / gamma have the mean square 1",
            (2,),
            ORDINARY,
            (-1,),
            2,
        ),
    ),
)


def _sum_mistakes(parameter: str) -> tuple[Mistake, ...]:
    """Return the mistakes in the sum that makes a parameter's gradient."""
    place = f"d{parameter}'s sum"
    return (
        Mistake(
            f"d{parameter} of each place",
            place,
            f"Your d{parameter} sums over the texts alone. All tokens share {parameter}: sum over axes 0 and "
            "1.",
        ),
        Mistake(
            f"d{parameter} of each text",
            place,
            f"Your d{parameter} sums over the tokens alone. All texts share {parameter}: sum over axes 0 and "
            "1.",
        ),
        Mistake(
            f"d{parameter} of each token",
            place,
            f"Your d{parameter} sums over the features, as the means of the forward pass do. Each feature has"
            f" its own {parameter}: sum over axes 0 and 1.",
        ),
        Mistake(
            f"mean of d{parameter}",
            place,
            f"Your d{parameter} is a mean. The loss depends on {parameter} through every token: sum.",
        ),
    )


def _summed(mistakes: Mistakes, parameter: str, terms: Array) -> Array:
    """Return a parameter's gradient as an answer with these mistakes sums it."""
    if f"d{parameter} of each place" in mistakes:
        return terms.sum(axis=0)
    if f"d{parameter} of each text" in mistakes:
        return terms.sum(axis=1)
    if f"d{parameter} of each token" in mistakes:
        return terms.sum(axis=2)
    total: Array = terms.sum(axis=(0, 1))
    return total / (len(terms) * terms.shape[1]) if f"mean of d{parameter}" in mistakes else total


def _back(mistakes: Mistakes, dy: Array, xhat: Array, root: Array, gamma: Array, centred: bool) -> Array:
    """Return dx of LayerNorm, or of RMSNorm if not centred, with the mistakes that both know."""
    axis = (0, 1) if "batch means" in mistakes else (2,)
    many = xhat.shape[2] if "sums for means" in mistakes else 1
    late = bool({"gamma forgotten", "gamma last"} & mistakes)
    h = dy if late else dy * gamma
    along = many * xhat * (h * xhat).mean(axis=axis, keepdims=True)
    if "unscaled direction" in mistakes:
        along = root**2 * along
    if {"no path through the root", "constants"} & mistakes:
        along = 0.0
    if "sign" in mistakes:
        along = -along
    dx = h - along
    if centred:
        dx = dx - many * h.mean(axis=axis, keepdims=True)
    if "gamma last" in mistakes:
        dx = dx * gamma
    if "root forgotten" in mistakes:
        return dx
    return dx / (root**2 if "root squared" in mistakes else root)


def _looks_like(name: str, *hidden: str) -> frozenset[Mistakes]:
    """Return the sets that no input tells from one mistake alone, which hides the others."""
    return frozenset({frozenset({name}), *(frozenset({name, other}) for other in hidden)})


def _backward_reference(dy: Array, x: Array, gamma: Array, eps: float) -> tuple[Array, ...]:
    _, cache = reference.layer_norm(x, gamma, np.zeros_like(gamma), eps=eps)
    grads = reference.layer_norm_backward(dy, cache)
    return grads.dx, np.asarray(grads.dgamma), np.asarray(grads.dbeta)


def _backward_mistaken(
    mistakes: Mistakes, dy: Array, x: Array, gamma: Array, eps: float
) -> tuple[Array, ...]:
    centred = x - x.mean(axis=2, keepdims=True)
    root = np.sqrt(x.var(axis=2, keepdims=True, ddof="n - 1" in mistakes) + eps)
    xhat = centred / root
    through_mean = not {"no path through mu", "constants"} & mistakes
    dx = _back(mistakes, dy, xhat, root, gamma, centred=through_mean)
    terms = dy * (x if "raw x" in mistakes else centred if "centred x" in mistakes else xhat)
    if "gamma in dgamma" in mistakes:
        terms = gamma * terms
    dgamma, dbeta = _summed(mistakes, "gamma", terms), _summed(mistakes, "beta", dy)
    return (dx, dbeta, dgamma) if "swapped" in mistakes else (dx, dgamma, dbeta)


BACKWARD = CodeTask(
    name="ln.backward",
    title="LayerNorm backward",
    answer="ln_backward",
    section=GEOMETRY,
    outputs=("dx", "dgamma", "dbeta"),
    reference=_backward_reference,
    mistaken=_backward_mistaken,
    mistakes=(
        Mistake(
            "constants",
            "paths",
            "Your dx treats the mean and the variance as constants. Both depend on x: two more terms.",
        ),
        Mistake(
            "no path through mu",
            "paths",
            "Your dx leaves out the path through the mean: subtract the mean of dy * gamma over the "
            "features.",
        ),
        Mistake(
            "no path through the root",
            "paths",
            "Your dx leaves out the path through the variance: subtract xhat times the mean of the product "
            "dy * gamma * xhat. (A product of two means is not that: the mean of xhat is zero.)",
        ),
        Mistake(
            "sign",
            "paths",
            "A sign is wrong on the way to dx through the variance. If you go by dvar, it is -0.5 times a "
            "sum, and is added. In one formula, xhat * mean(dxhat * xhat) is subtracted.",
        ),
        UNSCALED,
        SUMS_FOR_MEANS,
        BATCH_MEANS,
        GAMMA_FORGOTTEN,
        GAMMA_LAST,
        ROOT_FORGOTTEN,
        ROOT_SQUARED,
        Mistake(
            "n - 1",
            "variance",
            "Your variance is divided by F - 1; the forward pass divides by F, so the backward does.",
        ),
        RAW_X,
        Mistake(
            "centred x",
            "dgamma",
            "Your dgamma sums dy * (x - mean). gamma multiplies xhat, which is divided by the root too.",
        ),
        GAMMA_IN_DGAMMA,
        Mistake("swapped", "order", "You return dbeta where dgamma is due. The order is dx, dgamma, dbeta."),
        *_sum_mistakes("gamma"),
        *_sum_mistakes("beta"),
    ),
    probes=(
        Probe("few features", upstream(_few)),
        Probe("more features", upstream(_many)),
        Probe("a large eps", upstream(_narrow)),
    ),
    checks=(
        Check("dx", 2, outputs=("dx",), probes=ORDINARY),
        Check("dgamma", 1, outputs=("dgamma",), probes=ORDINARY),
        Check("dbeta", 1, outputs=("dbeta",)),
        Check("eps where it belongs", 1, probes=("a large eps",)),
    ),
    hints=(
        "Which outputs does one feature of one token move, and through which three ways? And which tokens "
        "does one gamma touch?",
        "With h = dy * gamma, dx is h, less its mean over the features, less xhat times the mean of h * "
        "xhat; then divided by the root. The parameters' gradients are sums over texts and tokens.",
        "m = lambda a: a.mean(-1, keepdims=True); dx = (h - m(h) - xhat * m(h * xhat)) / np.sqrt(var + eps); "
        "dgamma = (dy * xhat).sum((0, 1)).",
    ),
    alike=(
        # Paths that are left out do not show how they would have been averaged, nor where gamma came in.
        _looks_like("constants", "sums for means", "batch means", "gamma last"),
        # A mean over texts and tokens is of one feature, whose gamma can stand before or behind it.
        _looks_like("batch means", "gamma last"),
    ),
    forms=terms.BACKWARD,
    properties=(
        sums_to_zero("dx", "the features of each token of dx sum to zero", (2,)),
        right_angle("dx", "in each token, the sum of dx * (x - mean) is nearly 0", (2,), ORDINARY),
    ),
)


def _rms_reference(x: Array, gamma: Array, eps: float) -> Array:
    return reference.rms_norm(x, gamma, eps=eps)[0]


def _rms_mistaken(mistakes: Mistakes, x: Array, gamma: Array, eps: float) -> Array:
    axis = _pooled(mistakes)
    if "mean subtracted" in mistakes:
        x = x - x.mean(axis=axis, keepdims=True)
    size = np.mean(x**2, axis=axis, keepdims=True)
    if "sum of squares" in mistakes:
        size = np.sum(x**2, axis=axis, keepdims=True)
    elif "variance" in mistakes:
        size = x.var(axis=axis, keepdims=True)
    elif "mean size" in mistakes:
        size = np.mean(np.abs(x), axis=axis, keepdims=True) ** 2
    xhat = x / divisor(mistakes, size, eps)
    return xhat if "no gamma" in mistakes else gamma * xhat


RMS = CodeTask(
    name="ln.rms",
    title="RMSNorm forward",
    answer="rms_forward",
    section=ONE_FORMULA,
    outputs=("y",),
    reference=_rms_reference,
    mistaken=_rms_mistaken,
    mistakes=(
        WHOLE_TEXT,
        OVER_TOKENS,
        ALL_TOKENS,
        Mistake(
            "mean subtracted",
            "mean",
            "You subtract the mean first, as LayerNorm does. RMSNorm divides x as it is.",
        ),
        Mistake(
            "sum of squares",
            "size",
            "You divide by the length of the token, the root of a sum. RMSNorm takes the mean of the "
            "squares: its outputs are larger by the root of F.",
        ),
        Mistake(
            "variance",
            "size",
            "You divide x by its standard deviation. RMSNorm divides by the root of the mean of x**2, from "
            "which no mean is subtracted.",
        ),
        Mistake(
            "mean size",
            "size",
            "You divide by the mean of the absolute values. Square first, then take the mean, then the root.",
        ),
        NO_EPS,
        OWN_EPS,
        EPS_OUTSIDE,
        NO_ROOT,
        Mistake("no gamma", "affine", "You leave out gamma. RMSNorm has no beta, but it has a gamma."),
    ),
    probes=(
        Probe("few features", without(_few, "beta")),
        Probe("more features", without(_many, "beta")),
        Probe("a large eps", without(_narrow, "beta")),
    ),
    checks=(
        Check("ordinary texts", 1, probes=ORDINARY),
        Check("eps where it belongs", 1, probes=("a large eps",)),
    ),
    hints=(
        "What is left of LayerNorm if nothing is subtracted?",
        "Read the name backwards: square, mean over the features, root. eps joins before the root.",
        "return gamma * x / np.sqrt(np.mean(x**2, axis=-1, keepdims=True) + eps)",
    ),
    # After the mean is subtracted, the mean square is the variance.
    alike=(_looks_like("mean subtracted", "variance"),),
    forms=terms.RMS,
    properties=(
        standardised(
            "y", "the features of each token of y / gamma have the mean square 1", (2,), ORDINARY, (-1,), 2
        ),
    ),
)


def _rms_backward_reference(dy: Array, x: Array, gamma: Array, eps: float) -> tuple[Array, ...]:
    grads = reference.rms_norm_backward(dy, reference.rms_norm(x, gamma, eps=eps)[1])
    return grads.dx, np.asarray(grads.dgamma)


def _rms_backward_mistaken(
    mistakes: Mistakes, dy: Array, x: Array, gamma: Array, eps: float
) -> tuple[Array, ...]:
    inner = x - x.mean(axis=2, keepdims=True) if "LayerNorm's xhat" in mistakes else x
    root = np.sqrt(np.mean(inner**2, axis=2, keepdims=True) + eps)
    xhat = inner / root
    dx = _back(mistakes, dy, xhat, root, gamma, centred="LayerNorm's mean" in mistakes)
    terms = dy * (x if "raw x" in mistakes else xhat)
    if "gamma in dgamma" in mistakes:
        terms = gamma * terms
    return dx, _summed(mistakes, "gamma", terms)


RMS_BACKWARD = CodeTask(
    name="ln.rms_backward",
    title="RMSNorm backward",
    answer="rms_backward",
    section=GEOMETRY,
    outputs=("dx", "dgamma"),
    reference=_rms_backward_reference,
    mistaken=_rms_backward_mistaken,
    mistakes=(
        Mistake(
            "constants",
            "paths",
            "Your dx treats the root mean square as a constant. It depends on x: subtract the part along "
            "xhat.",
        ),
        Mistake(
            "sign",
            "paths",
            "A sign is wrong on the way to dx through the root: in one formula, "
            "xhat * mean(dxhat * xhat) is subtracted.",
        ),
        Mistake(
            "LayerNorm's mean",
            "mean",
            "Your dx subtracts the mean of dy * gamma, as LayerNorm's does. RMSNorm has no mean, so there is "
            "no path through one.",
        ),
        Mistake(
            "LayerNorm's xhat",
            "xhat",
            "You subtract the mean of x first, as LayerNorm does. RMSNorm's xhat is x over its root mean "
            "square.",
        ),
        UNSCALED,
        SUMS_FOR_MEANS,
        BATCH_MEANS,
        GAMMA_FORGOTTEN,
        GAMMA_LAST,
        ROOT_FORGOTTEN,
        ROOT_SQUARED,
        RAW_X,
        GAMMA_IN_DGAMMA,
        *_sum_mistakes("gamma"),
    ),
    probes=BACKWARD.probes,
    checks=(
        Check("dx", 2, outputs=("dx",), probes=ORDINARY),
        Check("dgamma", 1, outputs=("dgamma",), probes=ORDINARY),
        Check("eps where it belongs", 1, probes=("a large eps",)),
    ),
    hints=(
        "LayerNorm's dx has three terms. Which of the three paths does RMSNorm lack?",
        "With h = dy * gamma and xhat = x over the root, dx is h less xhat times the mean of h * xhat, then "
        "divided by the root.",
        "dx = (h - xhat * (h * xhat).mean(-1, keepdims=True)) / root; dgamma = (dy * xhat).sum((0, 1)).",
    ),
    alike=BACKWARD.alike,  # for the same reasons
    forms=terms.RMS_BACKWARD,
    properties=(
        right_angle("dx", "in each token, the sum of dx * x is nearly 0", (2,), ORDINARY, centred=False),
    ),
)


EXERCISE = Exercise(
    "layernorm", "LayerNorm for sequences", "04-layernorm.ipynb", (FORWARD, BACKWARD, RMS, RMS_BACKWARD)
)


def _padded(rng: Generator, mask: Array, eps: float) -> Inputs:
    """Draw texts that differ in their means, with padding tokens that are much alike and far from them."""
    features = int(rng.integers(3, 5))
    shape = (*mask.shape, features)
    x = rng.normal(size=shape) * rng.uniform(0.6, 2, features) + rng.uniform(-1, 1, (len(mask), 1, features))
    x += rng.choice([-1.0, 1.0], features) * rng.uniform(1, 2, features)
    padding = rng.uniform(2, 4, features) + 0.1 * rng.normal(size=shape)
    return {"x": np.where(mask[..., None], x, padding), "mask": mask, "eps": eps}


def _lengths(rng: Generator, tokens: int, *lengths: int) -> Array:
    """Return a mask of texts of these lengths, in any order."""
    return np.arange(tokens) < rng.permutation(lengths)[:, None]


def _at_the_end(rng: Generator) -> Inputs:
    tokens = int(rng.integers(6, 9))
    return _padded(rng, _lengths(rng, tokens, 2, 4, tokens - 1), 1e-5)


def _at_the_start(rng: Generator) -> Inputs:
    return _padded(rng, _lengths(rng, 5, 2, 4)[:, ::-1].copy(), 1e-5)


def _anywhere(rng: Generator) -> Inputs:
    mask = rng.permuted(_lengths(rng, 6, 2, 3, 5), axis=1)
    mask[:, 0] = [False, True, False]  # some texts begin with padding
    mask[:, -2:] = True
    inputs = _padded(rng, mask, 0.07)
    x = inputs["x"]
    size = astride(rng, np.sqrt(inputs["eps"]), x.shape[2])  # deviations on both sides of the root of eps
    return {**inputs, "x": x * size / x[mask].std(axis=0)}


def _masked_reference(x: Array, mask: Array, eps: float) -> tuple[Array, ...]:
    out, cache = reference.batch_norm(x[mask], eps=eps)
    xhat = np.zeros_like(x)
    xhat[mask] = out
    return np.asarray(cache.mean), cache.var, xhat


def _masked_statistics(mistakes: Mistakes, x: Array, real: Array) -> tuple[Array, Array]:
    """Return mean and variance of the shape ``(1, 1, F)``, or of ``(N, 1, F)`` for each text."""
    by_text = bool({"each text", "averaged over texts"} & mistakes)
    axes = (1,) if by_text else (0, 1)
    zeroed = np.where(real, x, 0.0)
    counted = np.ones_like(real) if {"padding pooled", "zeros pooled"} & mistakes else real
    values = x if "padding pooled" in mistakes else zeroed
    count = counted.sum(axis=axes, keepdims=True)
    if "divided by N T" in mistakes:
        count = np.full_like(count, real.size)
    mean = (counted * values).sum(axis=axes, keepdims=True) / count
    if "padding in the variance" in mistakes:
        counted, values = np.ones_like(real), zeroed
    squares = (counted * (values - mean) ** 2).sum(axis=axes, keepdims=True)
    var = squares / (count - ("n - 1" in mistakes))
    if "averaged over texts" in mistakes:
        return mean.mean(axis=0, keepdims=True), var.mean(axis=0, keepdims=True)
    return mean, var


def _masked_mistaken(mistakes: Mistakes, x: Array, mask: Array, eps: float) -> tuple[Array, ...]:
    if "inverted" in mistakes:
        mask = ~mask
    elif "lengths" in mistakes:
        mask = np.arange(x.shape[1]) < mask.sum(axis=1)[:, None]
    real = mask[..., None]
    mean, var = _masked_statistics(mistakes, x, real)
    scale = divisor(mistakes, var, eps)
    xhat = (x - mean) / scale
    if "zeros before" in mistakes:
        xhat = (np.where(real, x, 0.0) - mean) / scale
    elif "padding kept" in mistakes:
        xhat = np.where(real, xhat, x)
    elif "padding normalized" not in mistakes:
        xhat = np.where(real, xhat, 0.0)
    shape = x.shape[2:] if len(mean) == 1 else (len(mean), x.shape[2])
    return mean.reshape(shape), var.reshape(shape), xhat


def _mean_size(rows: Array) -> float:
    return float(np.abs(rows.mean(axis=0)).max())


MASKED = CodeTask(
    name="ln.masked",
    title="BatchNorm with padding",
    answer="masked_norm",
    section=Section("book/04-layernorm-for-transformers/03-sequences", "BatchNorm and sequences"),
    outputs=("mean", "var", "xhat"),
    reference=_masked_reference,
    mistaken=_masked_mistaken,
    mistakes=(
        Mistake(
            "inverted",
            "mask",
            "You take the padding and leave out the real tokens: the mask is True where a token is real.",
        ),
        Mistake(
            "lengths",
            "mask",
            "You count the real tokens of a text and take as many from its start. They can stand anywhere: "
            "take those where the mask is True.",
        ),
        Mistake(
            "padding pooled",
            "pool",
            "Your statistics pool all tokens, padding too. Leave it out of both sums.",
        ),
        Mistake(
            "zeros pooled",
            "pool",
            "You set the padding to zero and pool all tokens. A zero counts like any value: it pulls the "
            "mean towards zero and changes the variance.",
        ),
        Mistake(
            "divided by N T",
            "pool",
            "You add up the real tokens only, but divide by the number of all tokens. Divide by mask.sum().",
        ),
        Mistake(
            "each text",
            "pool",
            "You take statistics of each text by itself. BatchNorm has one mean and one variance for a "
            "feature, over the real tokens of all texts.",
        ),
        Mistake(
            "averaged over texts",
            "pool",
            "You take statistics of each text and average them. Then a token of a short text counts more "
            "than one of a long text, and the spread between texts is lost. Pool all real tokens at once.",
        ),
        Mistake(
            "n - 1",
            "variance",
            "You divide the sum of squares by one less than the number of real tokens. The variance that "
            "normalizes is the biased one.",
        ),
        Mistake(
            "padding in the variance",
            "variance",
            "Padding that was set to zero adds the squared mean to your sum of squares. Apply the mask once "
            "more, after the mean is subtracted.",
        ),
        NO_EPS,
        OWN_EPS,
        EPS_OUTSIDE,
        NO_ROOT,
        Mistake(
            "padding normalized",
            "padding",
            "Your xhat holds normalized padding. It is to be zero where the mask is False.",
        ),
        Mistake(
            "padding kept",
            "padding",
            "Your xhat holds the padding as it came. It is to be zero where the mask is False.",
        ),
        Mistake(
            "zeros before",
            "padding",
            "You set the padding to zero before you subtract the mean, so it ends at minus the mean over the "
            "root. Set xhat to zero there at the end.",
        ),
    ),
    probes=(
        Probe("padding at the end", _at_the_end),
        Probe("padding at the start", _at_the_start),
        Probe("padding anywhere, a large eps", _anywhere),
    ),
    checks=(
        Check("mean", 1, outputs=("mean",)),
        Check("variance", 2, outputs=("var",)),
        Check("xhat", 1, outputs=("xhat",)),
    ),
    hints=(
        "If you could throw the padding away first, what would be the shape of what is left?",
        "x[mask] has shape (number of real tokens, F). That is a batch as in chapter 2.",
        "rows = x[mask]; mean, var = rows.mean(0), rows.var(0); xhat = np.zeros_like(x); "
        "xhat[mask] = (rows - mean) / np.sqrt(var + eps).",
    ),
    alike=(
        # Zeros that stand in both sums: the variance has no other padding to take in.
        frozenset(
            frozenset(names)
            for names in (
                {"zeros pooled"},
                {"zeros pooled", "padding in the variance"},
                {"divided by N T", "padding in the variance"},
            )
        ),
    ),
    forms=terms.MASKED,
    properties=(
        Property("xhat", "xhat is 0 at the padding", lambda i, out: float(np.abs(out[~i["mask"]]).max())),
        Property(
            "xhat", "xhat has the mean 0 over the real tokens", lambda i, out: _mean_size(out[i["mask"]])
        ),
    ),
)


def _block_probe(placement: str) -> Callable[[Generator], Inputs]:
    """Return how to draw a stream, a branch of two matrices and a norm's parameters for a placement."""

    def drawn(rng: Generator) -> Inputs:
        inputs = _few(rng)
        width, inner = inputs["x"].shape[2], int(rng.integers(5, 8))
        return {
            "x": inputs["x"],
            "up": rng.normal(size=(width, inner)) / np.sqrt(width),
            "down": rng.normal(size=(inner, width)),
            "gamma": inputs["gamma"],
            "beta": inputs["beta"],
            "placement": placement,
        }

    return drawn


Function = Callable[[Array], Array]
Formula = Callable[[Array, Function, Function], Array]

FORMULAS: dict[str, Formula] = {  # of the stream x, the branch f and the norm n
    "pre": lambda x, f, n: x + f(n(x)),
    "pre: no sum": lambda x, f, n: f(n(x)),
    "pre: stream normed": lambda x, f, n: n(x) + f(n(x)),
    "pre: norm beside": lambda x, f, n: n(x) + f(x),
    "pre: norm behind": lambda x, f, n: x + n(f(x)),
    "pre: as post": lambda x, f, n: n(x + f(x)),
    "pre: no norm": lambda x, f, n: x + f(x),
    "post": lambda x, f, n: n(x + f(x)),
    "post: no sum": lambda x, f, n: n(f(x)),
    "post: norm behind": lambda x, f, n: x + n(f(x)),
    "post: as pre": lambda x, f, n: x + f(n(x)),
    "post: norm twice": lambda x, f, n: n(x + f(n(x))),
    "post: no norm": lambda x, f, n: x + f(x),
    "both": lambda x, f, n: x + n(f(n(x))),
    "both: no sum": lambda x, f, n: n(f(n(x))),
    "both: stream normed": lambda x, f, n: n(x) + n(f(n(x))),
    "both: norm on the sum": lambda x, f, n: n(x + f(n(x))),
    "both: as pre": lambda x, f, n: x + f(n(x)),
    "both: norm behind": lambda x, f, n: x + n(f(x)),
}


def _by_the_largest(z: Array, gamma: Array, beta: Array) -> Array:
    """Return a block's norm, as ``calls.block`` makes it: one that is no answer to another task."""
    return gamma * (z / abs(z).max(axis=2, keepdims=True)) + beta


def _block_reference(x: Array, up: Array, down: Array, gamma: Array, beta: Array, placement: str) -> Array:
    def norm(z: Array) -> Array:
        return _by_the_largest(z, gamma, beta)

    read = x if placement == "post" else norm(x)
    branch = np.tanh(read @ up) @ down
    if placement == "both":
        branch = norm(branch)
    return norm(x + branch) if placement == "post" else x + branch


def _block_mistaken(
    mistakes: Mistakes, x: Array, up: Array, down: Array, gamma: Array, beta: Array, placement: str
) -> Array:
    otherwise = f"{placement}: no sum" if "no sum" in mistakes else placement
    formula = next((name for name in mistakes if name.startswith(f"{placement}:")), otherwise)
    return FORMULAS[formula](
        x,
        lambda z: np.tanh(z @ up) @ down,
        lambda z: _by_the_largest(z, gamma, beta),
    )


BLOCK = CodeTask(
    name="ln.block",
    title="Before, after or both",
    answer="block",
    section=Section(
        "book/04-layernorm-for-transformers/04-where-the-norm-sits", "Before or after the branch"
    ),
    outputs=("out",),
    reference=_block_reference,
    mistaken=_block_mistaken,
    mistakes=(
        Mistake(
            "no sum",
            "sum",
            "Your blocks return the branch. Each placement adds it to x, the stream: that is what makes the "
            "block residual.",
        ),
        Mistake("pre: no sum", "pre", "Your pre-norm block returns the branch. Add it to x, the stream."),
        Mistake(
            "pre: stream normed",
            "pre",
            "Your pre-norm block adds the branch to the normalized x. The norm is for the branch alone; the "
            "stream passes as it is.",
        ),
        Mistake(
            "pre: norm beside",
            "pre",
            "Your pre-norm block normalizes the stream, and the branch reads x as it is. It is the other way "
            "round.",
        ),
        Mistake(
            "pre: norm behind",
            "pre",
            "Your pre-norm block normalizes what the branch returns. Normalize what it reads.",
        ),
        Mistake(
            "pre: as post",
            "pre",
            "Your pre-norm block normalizes the sum: that is post-norm. Normalize what the branch reads.",
        ),
        Mistake("pre: no norm", "pre", "Your pre-norm block does not use the norm."),
        Mistake(
            "post: no sum",
            "post",
            "Your post-norm block normalizes the branch alone. Add x to the branch before the norm.",
        ),
        Mistake(
            "post: norm behind",
            "post",
            "Your post-norm block normalizes the branch and then adds x. Add first: the norm takes the sum.",
        ),
        Mistake(
            "post: as pre",
            "post",
            "Your post-norm block normalizes what the branch reads: that is pre-norm. Normalize the sum.",
        ),
        Mistake(
            "post: norm twice",
            "post",
            "Your post-norm block has a second norm, before the branch. The branch reads x as it is.",
        ),
        Mistake("post: no norm", "post", "Your post-norm block does not use the norm."),
        Mistake(
            "both: no sum", "both", "Your block with both norms returns the branch. Add it to x, the stream."
        ),
        Mistake(
            "both: stream normed",
            "both",
            "Your block with both norms adds the branch to the normalized x. The stream passes as it is.",
        ),
        Mistake(
            "both: norm on the sum",
            "both",
            "Your block with both norms normalizes the sum. The second norm takes what the branch returns, "
            "before the sum.",
        ),
        Mistake(
            "both: as pre",
            "both",
            "Your block with both norms lacks the second: normalize what the branch returns as well.",
        ),
        Mistake(
            "both: norm behind",
            "both",
            "Your block with both norms lacks the first: normalize what the branch reads as well.",
        ),
    ),
    probes=tuple(Probe(placement, _block_probe(placement)) for placement in ("pre", "post", "both")),
    checks=(
        Check("pre", 2, probes=("pre",)),
        Check("post", 1, probes=("post",)),
        Check("both", 1, probes=("both",)),
    ),
    hints=(
        "Draw the stream as a straight line and the branch beside it. Where does the norm stand in each of "
        "the three? Is it on the line?",
        "In each placement something is added to x once. Only in post-norm does the stream itself go through "
        "the norm.",
        "pre: x + sublayer(norm(x)); post: norm(x + sublayer(x)); both: as pre, with a norm around the "
        "sublayer.",
    ),
    # A sum that is forgotten everywhere is forgotten in each place.
    alike=(_looks_like("no sum", "pre: no sum", "post: no sum", "both: no sum"),),
    call="block",
    apart="probes",
)


PREDICTIONS = PredictionTask(
    name="ln.predictions",
    title="Predictions",
    answer="LN_PREDICTIONS",
    section=MASKED.section,
    statements=(
        Statement(
            "swap",
            "On texts of one length, BatchNorm in place of each LayerNorm costs a small language model over "
            "0.1 nats of test loss, in inference mode.",
            False,
            "C12.trains",
        ),
        Statement(
            "one text",
            "Trained and asked with the statistics of each text by itself, BatchNorm has a loss on new "
            "places of the training text that is over 0.2 nats lower than LayerNorm's.",
            True,
            "C12.cheats",
        ),
        Statement(
            "padding",
            "BatchNorm over all tokens, trained on padded texts, loses over 1 nat in training mode when the "
            "padding beside the texts is taken away.",
            True,
            "C12.padding",
        ),
        Statement(
            "stream",
            "A stream of size 1 that goes through 48 new pre-norm branches, which are independent and each "
            "write with size 1, ends over 20 times as large.",
            False,
            "book/04-layernorm-for-transformers/04-where-the-norm-sits",
        ),
        Statement(
            "warm-up",
            "A post-norm model that trains at a rate of 0.001 and not at 0.008 without a warm-up trains at "
            "0.008 with one.",
            False,
            "book/04-layernorm-for-transformers/04-where-the-norm-sits",
        ),
        Statement(
            "queries",
            "At a rate of 0.1, where all five trainings of a pre-norm model with LayerNorm fail, all five "
            "succeed with a norm on queries and keys as well.",
            True,
            "book/04-layernorm-for-transformers/06-the-arena",
        ),
    ),
    points=2,
    hints=(
        "A probability of 0.5 says that you do not know; 0.9 that you would bet nine to one.",
        "Which number of a batch could a model use to look ahead? And by what rule do independent sizes add "
        "up?",
    ),
)


EXERCISE = Exercise(
    "layernorm",
    "LayerNorm for sequences",
    "04-layernorm.ipynb",
    (FORWARD, BACKWARD, RMS, RMS_BACKWARD, MASKED, BLOCK, PREDICTIONS),
)
