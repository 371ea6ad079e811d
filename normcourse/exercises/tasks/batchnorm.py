"""Chapter 2: what BatchNorm computes, forward and backward."""

from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from normcourse import reference
from normcourse.exercises.forms import batchnorm as terms
from normcourse.exercises.properties import bounded, right_angle, standardised, sums_to_zero
from normcourse.exercises.task import (
    Belief,
    Check,
    ChoiceTask,
    CodeTask,
    Exercise,
    Inputs,
    Mistake,
    Mistakes,
    Option,
    PredictionTask,
    Probe,
    Question,
    Section,
    Statement,
)
from normcourse.exercises.tasks.draws import affine, astride, upstream
from normcourse.exercises.tasks.roots import OWN_EPS, ROOT_TWICE, divisor

__all__ = ["EXERCISE"]

Array = NDArray[Any]

TRIAL = Section("book/02-batchnorm-mechanics/11-the-trial", "The trial: is it internal covariate shift?")

NO_EPS = Mistake(
    "no eps",
    "scale",
    "You leave out eps, or use a far smaller number. It is added to the variance, under the root.",
)


ORDINARY = ("three examples", "a larger batch")


def _wide(rng: Generator, examples: int, features: int) -> Inputs:
    """Draw features of standard deviation 4 to 9, to which an eps of 1e-5 makes no difference that shows."""
    x = rng.normal(size=(examples, features))
    x = x / x.std(axis=0) * rng.uniform(4, 9, features) + rng.uniform(-6, 6, features)
    return {"x": x, **affine(rng, features), "eps": 1e-5}


def _few(rng: Generator) -> Inputs:
    return _wide(rng, 3, int(rng.integers(4, 7)))


def _many(rng: Generator) -> Inputs:
    return _wide(rng, int(rng.integers(17, 30)), int(rng.integers(5, 9)))


def _narrow(rng: Generator) -> Inputs:
    """Draw features with standard deviations on both sides of the root of eps, which is large."""
    features, eps = int(rng.integers(3, 6)), 0.07
    x = rng.normal(size=(6, features))
    x = x / x.std(axis=0) * astride(rng, np.sqrt(eps), features) + rng.uniform(-1, 1, features)
    return {"x": x, **affine(rng, features), "eps": eps}


def _forward_reference(x: Array, gamma: Array, beta: Array, eps: float) -> Array:
    return reference.batch_norm(x, gamma, beta, eps=eps)[0]


def _forward_mistaken(mistakes: Mistakes, x: Array, gamma: Array, beta: Array, eps: float) -> Array:
    axis = 1 if "rows" in mistakes else None if "one mean" in mistakes else 0
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
    if "swapped" in mistakes:
        return beta * xhat + gamma
    return gamma * xhat + beta


FORWARD = CodeTask(
    name="bn.forward",
    title="The forward pass",
    answer="bn_forward",
    section=Section("book/02-batchnorm-mechanics/01-forward", "What BatchNorm computes"),
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
            "You divide by the root of the mean of x**2. The variance is the mean of (x - mean)**2.",
        ),
        NO_EPS,
        OWN_EPS,
        Mistake(
            "eps outside", "scale", "You add eps to the root of the variance. It belongs under the root."
        ),
        Mistake(
            "eps squared", "scale", "You add the square of eps. It is eps itself that joins the variance."
        ),
        Mistake(
            "no root", "scale", "You divide by the variance. Divide by its root, the standard deviation."
        ),
        ROOT_TWICE,
        Mistake(
            "no affine",
            "affine",
            "You return the standardised values. Apply gamma and beta to them.",
        ),
        Mistake("no beta", "affine", "You scale by gamma but do not add beta."),
        Mistake("no gamma", "affine", "You add beta but do not scale by gamma."),
        Mistake(
            "beta first", "affine", "You add beta before you scale, so beta is scaled as well. Scale first."
        ),
        Mistake("swapped", "affine", "You scale by beta and add gamma. It is the other way round."),
    ),
    probes=(Probe("three examples", _few), Probe("a larger batch", _many), Probe("a large eps", _narrow)),
    checks=(
        Check("ordinary batches", 3, probes=ORDINARY),
        Check("eps where it belongs", 2, probes=("a large eps",)),
    ),
    hints=(
        "Each column of x is a feature. Which axis do you average over to get one number per column?",
        "You need the mean and the biased variance of each column: x.mean(axis=0) and x.var(axis=0).",
        "Standardise with (x - mean) / np.sqrt(var + eps), then return gamma * xhat + beta.",
    ),
    forms=terms.FORWARD,
    properties=(
        standardised("y", "each column of (y - beta) / gamma has the mean 0", (0,), (), (-1,), 1),
        standardised(
            "y", "each column of (y - beta) / gamma has the mean square 1", (0,), ORDINARY, (-1,), 2
        ),
    ),
)


def _backward_reference(dy: Array, x: Array, gamma: Array, eps: float) -> tuple[Array, ...]:
    _, cache = reference.batch_norm(x, gamma, np.zeros_like(gamma), eps=eps)
    grads = reference.batch_norm_backward(dy, cache)
    return grads.dx, np.asarray(grads.dgamma), np.asarray(grads.dbeta)


def _backward_mistaken(
    mistakes: Mistakes, dy: Array, x: Array, gamma: Array, eps: float
) -> tuple[Array, ...]:
    n = len(x)
    centred = x - x.mean(axis=0)
    root = np.sqrt(x.var(axis=0, ddof="n - 1" in mistakes) + eps)
    xhat = centred / root
    dgamma = (dy * (x if "raw x" in mistakes else centred if "centred x" in mistakes else xhat)).sum(axis=0)
    dbeta = dy.sum(axis=0)
    if "gamma in dgamma" in mistakes:
        dgamma = gamma * dgamma
    if "mean of dgamma" in mistakes:
        dgamma = dgamma / n
    if "mean of dbeta" in mistakes:
        dbeta = dbeta / n
    if "swapped" in mistakes:
        dgamma, dbeta = dbeta, dgamma
    h = dy if "gamma forgotten" in mistakes else dy * gamma
    count = 1 if "sums for means" in mistakes else n
    mean_part = h.sum(axis=0) / count
    along = xhat * (h * xhat).sum(axis=0) / count
    if "unscaled direction" in mistakes:
        along = centred * (h * centred).sum(axis=0) / count
    if {"no path through mu", "constants"} & mistakes:
        mean_part = 0.0
    if {"no path through sigma", "constants"} & mistakes:
        along = 0.0
    if "sign" in mistakes:
        along = -along
    dx = h - mean_part - along
    if "root forgotten" in mistakes:
        return dx, dgamma, dbeta
    return dx / (root**2 if "root squared" in mistakes else root), dgamma, dbeta


BACKWARD = CodeTask(
    name="bn.backward",
    title="The backward pass",
    answer="bn_backward",
    section=Section("book/02-batchnorm-mechanics/02-backward", "The gradient through BatchNorm"),
    outputs=("dx", "dgamma", "dbeta"),
    reference=_backward_reference,
    mistaken=_backward_mistaken,
    mistakes=(
        Mistake(
            "constants",
            "paths",
            "Your dx treats the mean and the variance as constants; that is the gradient in inference "
            "mode. In training both depend on x: two more terms.",
        ),
        Mistake(
            "no path through mu",
            "paths",
            "Your dx leaves out the path through the mean: subtract the mean over the batch of dy * gamma.",
        ),
        Mistake(
            "no path through sigma",
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
        Mistake(
            "unscaled direction",
            "paths",
            "In your dx the part along xhat is taken along x - mean. Divide by the root of the variance "
            "first, both where you project and where you multiply.",
        ),
        Mistake(
            "sums for means",
            "count",
            "Your dx subtracts sums over the batch where means are due: divide both by the number of "
            "examples.",
        ),
        Mistake(
            "gamma forgotten",
            "gamma",
            "Your dx lacks gamma: the gradient of xhat is dy * gamma.",
        ),
        Mistake("root forgotten", "scale", "Your dx is not divided by the root of the variance plus eps."),
        Mistake(
            "root squared",
            "scale",
            "Your dx is divided by the variance plus eps. Divide by its root, once.",
        ),
        Mistake(
            "n - 1",
            "variance",
            "Your variance is divided by n - 1; the forward pass divides by n, so the backward does.",
        ),
        Mistake("raw x", "dgamma", "Your dgamma is the sum of dy * x. gamma multiplies xhat: sum dy * xhat."),
        Mistake(
            "centred x",
            "dgamma",
            "Your dgamma is the sum of dy * (x - mean). gamma multiplies xhat, which is divided by the "
            "root too.",
        ),
        Mistake(
            "gamma in dgamma",
            "dgamma",
            "Your dgamma holds gamma. It is the sum of dy * xhat: y changes with gamma by xhat.",
        ),
        Mistake("swapped", "order", "You return dbeta where dgamma is due. The order is dx, dgamma, dbeta."),
        Mistake(
            "mean of dgamma",
            "dgamma's sum",
            "Your dgamma is a mean over the batch. The loss depends on gamma through every example: sum.",
        ),
        Mistake(
            "mean of dbeta",
            "dbeta's sum",
            "Your dbeta is a mean over the batch. The loss depends on beta through every example: sum.",
        ),
    ),
    probes=(
        Probe("three examples", upstream(_few)),
        Probe("a larger batch", upstream(_many)),
        Probe("a large eps", upstream(_narrow)),
    ),
    checks=(
        Check("dx", 4, outputs=("dx",), probes=ORDINARY),
        Check("dgamma", 1, outputs=("dgamma",), probes=ORDINARY),
        Check("dbeta", 1, outputs=("dbeta",)),
        Check("eps where it belongs", 1, probes=("a large eps",)),
    ),
    hints=(
        "Through which three ways does one x move the outputs of its column? Each is a term of dx.",
        "With h = dy * gamma, dx is h, less its mean over the batch, less xhat times the mean of h * xhat; "
        "then divided by the root.",
        "dx = (h - h.mean(0) - xhat * (h * xhat).mean(0)) / np.sqrt(var + eps); dgamma and dbeta are sums "
        "over the batch of dy * xhat and of dy.",
    ),
    # Paths that are left out do not show how they would have been counted.
    alike=(frozenset({frozenset({"constants"}), frozenset({"constants", "sums for means"})}),),
    forms=terms.BACKWARD,
    properties=(
        sums_to_zero("dx", "each column of dx sums to zero", (0,)),
        right_angle("dx", "in each column, the sum of dx * (x - mean) is nearly 0", (0,), ORDINARY),
    ),
)


def _maps(rng: Generator) -> Inputs:
    """Draw images whose means and spreads differ, so that a mean of variances is not the variance."""
    n, channels, height, width = 2, int(rng.integers(3, 5)), 4, int(rng.integers(5, 8))
    x = rng.normal(size=(n, channels, height, width)) * rng.uniform(4, 9, (n, channels, 1, 1))
    return {"x": x + rng.uniform(-9, 9, (n, channels, 1, 1)), **affine(rng, channels), "eps": 1e-5}


def _small_maps(rng: Generator) -> Inputs:
    """Draw images with standard deviations on both sides of the root of eps, which is large."""
    n, channels, height, width, eps = 3, int(rng.integers(4, 6)), 2, 1, 0.05
    x = rng.normal(size=(n, channels, height, width))
    x *= _per_channel(astride(rng, np.sqrt(eps), channels)) / x.std(axis=(0, 2, 3), keepdims=True)
    return {"x": x + rng.uniform(-1, 1, (1, channels, 1, 1)), **affine(rng, channels), "eps": eps}


def _per_channel(values: Array) -> Array:
    return values[:, None, None]


def _conv_mistaken(mistakes: Mistakes, x: Array, gamma: Array, beta: Array, eps: float) -> Array:
    axes: tuple[int, ...] = (0, 2, 3)
    for name, others in {
        "each position": (0,),
        "each image": (2, 3),
        "all channels": (1, 2, 3),
        "channels last": (0, 1, 2),
        "one mean": (0, 1, 2, 3),
    }.items():
        if name in mistakes:
            axes = others
    mean = x.mean(axis=axes, keepdims=True)
    var = x.var(axis=axes, keepdims=True, ddof="n - 1" in mistakes)
    if "mean of variances" in mistakes:
        var = x.var(axis=(2, 3), keepdims=True).mean(axis=0, keepdims=True)
    xhat = (x - mean) / divisor(mistakes, var, eps)
    if "no affine" in mistakes:
        return xhat
    if "no gamma" in mistakes:
        return xhat + _per_channel(beta)
    return _per_channel(gamma) * xhat + (0 if "no beta" in mistakes else _per_channel(beta))


CONV = CodeTask(
    name="bn.conv",
    title="After a convolution",
    answer="bn_conv",
    section=Section("book/02-batchnorm-mechanics/09-convolutions", "After a convolution"),
    outputs=("y",),
    reference=_forward_reference,
    mistaken=_conv_mistaken,
    mistakes=(
        Mistake(
            "each position",
            "axes",
            "You average over the batch alone, so each position has statistics of its own. Pool the "
            "positions too: axes 0, 2 and 3.",
        ),
        Mistake(
            "each image",
            "axes",
            "You average over the positions of each image alone; that is InstanceNorm. Pool the batch too:"
            " axes 0, 2 and 3.",
        ),
        Mistake(
            "all channels",
            "axes",
            "You pool all channels of one image; that is LayerNorm's way. Each channel has statistics of "
            "its own, over axes 0, 2 and 3.",
        ),
        Mistake(
            "channels last",
            "axes",
            "You pool axes 0, 1 and 2, as if the channels came last. Here they are axis 1.",
        ),
        Mistake(
            "one mean",
            "axes",
            "You take one mean and one variance over the whole array. Each channel has its own: pool axes "
            "0, 2 and 3.",
        ),
        Mistake(
            "mean of variances",
            "variance",
            "You average the variances of the images. That leaves out how far the images' means lie apart:"
            " take one variance over batch and positions together.",
        ),
        Mistake(
            "n - 1",
            "variance",
            "You divide the sum of squares by the count less one. What normalizes is the biased variance.",
        ),
        NO_EPS,
        OWN_EPS,
        Mistake(
            "eps outside", "scale", "You add eps to the root of the variance. It belongs under the root."
        ),
        Mistake("no root", "scale", "You divide by the variance. Divide by its root."),
        Mistake("no affine", "affine", "You return the standardised values. Apply gamma and beta to them."),
        Mistake("no beta", "affine", "You scale by gamma but do not add beta."),
        Mistake("no gamma", "affine", "You add beta but do not scale by gamma."),
    ),
    probes=(Probe("two images", _maps), Probe("narrow maps, a large eps", _small_maps)),
    checks=(
        Check("two images", 2, probes=("two images",)),
        Check("eps where it belongs", 1, probes=("narrow maps, a large eps",)),
    ),
    hints=(
        "How many means are there for an input of shape (N, C, H, W): one for each of what?",
        "Average over the axes 0, 2 and 3 with keepdims=True; the result has shape (1, C, 1, 1).",
        "gamma and beta have shape (C,); gamma[:, None, None] lines up with the channels.",
    ),
    forms=terms.CONV,
    properties=(
        standardised("y", "(y - beta) / gamma has the mean 0 in each channel", (0, 2, 3), (), (-1, 1, 1), 1),
        standardised(
            "y",
            "(y - beta) / gamma has the mean square 1 in each channel",
            (0, 2, 3),
            ("two images",),
            (-1, 1, 1),
            2,
        ),
    ),
)


def _conv_backward_mistaken(
    mistakes: Mistakes, dy: Array, x: Array, gamma: Array, eps: float
) -> tuple[Array, ...]:
    axes: tuple[int, ...] = (0, 2, 3)
    mean, var = x.mean(axis=axes, keepdims=True), x.var(axis=axes, keepdims=True)
    root = np.sqrt(var + eps)
    xhat = (x - mean) / root
    dgamma, dbeta = (dy * xhat).sum(axis=axes), dy.sum(axis=axes)
    if "raw x" in mistakes:
        dgamma = (dy * x).sum(axis=axes)
    if "dgamma by images" in mistakes:
        dgamma = dgamma / len(x)
    if "mean of dgamma" in mistakes:
        dgamma = dgamma / (x.size / x.shape[1])
    if "dgamma each image" in mistakes:
        dgamma = (dy * xhat).sum(axis=(2, 3))
    if "mean of dbeta" in mistakes:
        dbeta = dbeta / (x.size / x.shape[1])
    if "dbeta each image" in mistakes:
        dbeta = dy.sum(axis=(2, 3))
    h = dy if "gamma forgotten" in mistakes else dy * _per_channel(gamma)
    pooled = (0,) if "batch means" in mistakes else (2, 3) if "image means" in mistakes else axes
    more = x.shape[2] * x.shape[3] if "divided by N" in mistakes else 1
    if "sums for means" in mistakes:
        more = x.size // x.shape[1]
    mean_part = more * h.mean(axis=pooled, keepdims=True)
    along = more * xhat * (h * xhat).mean(axis=pooled, keepdims=True)
    if {"no path through mu", "constants"} & mistakes:
        mean_part = 0.0
    if {"no path through sigma", "constants"} & mistakes:
        along = 0.0
    dx = h - mean_part - along
    return (dx if "root forgotten" in mistakes else dx / root), dgamma, dbeta


CONV_BACKWARD = CodeTask(
    name="bn.conv_backward",
    title="Backward after a convolution",
    answer="bn_conv_backward",
    section=BACKWARD.section,
    outputs=("dx", "dgamma", "dbeta"),
    reference=_backward_reference,
    mistaken=_conv_backward_mistaken,
    mistakes=(
        Mistake(
            "constants",
            "paths",
            "Your dx treats the mean and the variance as constants. In training both depend on x.",
        ),
        Mistake("no path through mu", "paths", "Your dx leaves out the path through the mean."),
        Mistake(
            "no path through sigma",
            "paths",
            "Your dx leaves out the path through the variance: subtract xhat times the mean of the product "
            "dy * gamma * xhat. (A product of two means is not that: the mean of xhat is zero.)",
        ),
        Mistake(
            "batch means",
            "pool",
            "In dx you take the means over the batch alone. They go over what the forward pass pooled: "
            "axes 0, 2 and 3.",
        ),
        Mistake(
            "image means",
            "pool",
            "In dx you take the means over the positions of each image alone. They go over axes 0, 2 and 3.",
        ),
        Mistake(
            "divided by N",
            "count",
            "In dx you divide the sums by N, the number of images. Each sum has N * H * W terms: divide by"
            " that.",
        ),
        Mistake(
            "sums for means",
            "count",
            "In dx you subtract sums where means are due: divide both by N * H * W.",
        ),
        Mistake("gamma forgotten", "gamma", "Your dx lacks gamma: the gradient of xhat is dy * gamma."),
        Mistake("root forgotten", "scale", "Your dx is not divided by the root of the variance plus eps."),
        Mistake("raw x", "dgamma", "Your dgamma is the sum of dy * x. gamma multiplies xhat: sum dy * xhat."),
        Mistake(
            "dgamma by images",
            "dgamma",
            "Your dgamma is divided by the number of images. It is a sum over axes 0, 2 and 3.",
        ),
        Mistake("mean of dgamma", "dgamma", "Your dgamma is a mean. It is a sum over axes 0, 2 and 3."),
        Mistake(
            "dgamma each image",
            "dgamma",
            "Your dgamma has a row for each image. One gamma serves all images: sum over axis 0 too.",
        ),
        Mistake("mean of dbeta", "dbeta", "Your dbeta is a mean. It is a sum over axes 0, 2 and 3."),
        Mistake(
            "dbeta each image",
            "dbeta",
            "Your dbeta has a row for each image. One beta serves all images: sum over axis 0 too.",
        ),
    ),
    probes=(
        Probe("two images", upstream(_maps)),
        Probe("narrow maps, a large eps", upstream(_small_maps)),
    ),
    checks=(
        Check("dx", 1, outputs=("dx",), probes=("two images",)),
        Check("dgamma", 1, outputs=("dgamma",), probes=("two images",)),
        Check("dbeta", 1, outputs=("dbeta",)),
        Check("eps where it belongs", 1, probes=("narrow maps, a large eps",)),
    ),
    hints=(
        "Which axes did the forward pass pool? Each mean and each sum of the backward pass goes over the "
        "same.",
        "Begin with your answer to the backward pass. What was axis 0 becomes axes 0, 2 and 3, with keepdims "
        "where you subtract.",
        "m = lambda a: a.mean((0, 2, 3), keepdims=True); dx = (h - m(h) - xhat * m(h * xhat)) / root.",
    ),
    alike=(
        # Paths that are left out do not show how they would have been pooled.
        frozenset(
            frozenset(names)
            for names in (
                {"constants"},
                {"constants", "batch means"},
                {"constants", "image means"},
                {"constants", "divided by N"},
                {"constants", "sums for means"},
            )
        ),
    ),
    forms=terms.CONV_BACKWARD,
    properties=(
        sums_to_zero("dx", "dx sums to zero in each channel", (0, 2, 3)),
        right_angle(
            "dx", "in each channel, the sum of dx * (x - mean) is nearly 0", (0, 2, 3), ("two images",)
        ),
    ),
)


def _units(rng: Generator) -> Inputs:
    units, inputs = int(rng.integers(2, 5)), int(rng.integers(5, 9))
    w = rng.normal(size=(units, inputs)) * rng.uniform(0.5, 3, (units, 1))
    g = rng.normal(size=(units, inputs)) * rng.uniform(0.5, 2, (units, 1))
    g -= w * (w * g).sum(axis=1, keepdims=True) / (w**2).sum(axis=1, keepdims=True)
    return {"w": w, "g": g, "rate": float(rng.uniform(0.6, 0.9))}


def _step_reference(w: Array, g: Array, rate: float) -> tuple[Array, ...]:
    after = w - rate * g
    lengths, new = np.linalg.norm(w, axis=1), np.linalg.norm(after, axis=1)
    return np.arccos((w * after).sum(axis=1) / (lengths * new)), new / lengths


def _step_mistaken(mistakes: Mistakes, w: Array, g: Array, rate: float) -> tuple[Array, ...]:
    axis = 0 if "columns" in mistakes else None if "whole matrix" in mistakes else 1
    length = np.sqrt((w**2).sum(axis=axis))
    step = np.sqrt((g**2).sum(axis=axis))
    if "rate forgotten" not in mistakes:
        step = rate * step
    if "not relative" in mistakes:
        ratio = step
    elif "divided twice" in mistakes:
        ratio = step / length**2
    else:
        ratio = step / length
    turn = np.arctan(ratio)
    if "tangent" in mistakes:
        turn = ratio
    elif "degrees" in mistakes:
        turn = np.degrees(turn)
    elif "cosine" in mistakes:
        turn = np.cos(turn)
    growth = np.sqrt(1 + ratio**2)
    if "in line" in mistakes:
        growth = 1 + ratio
    elif "shorter" in mistakes:
        growth = 1 - ratio
    elif "squared" in mistakes:
        growth = growth**2
    elif "growth less 1" in mistakes:
        growth = growth - 1
    elif "old over new" in mistakes:
        growth = 1 / growth
    elif "length, not ratio" in mistakes:
        growth = growth * length
    return turn, growth


STEP = CodeTask(
    name="bn.step",
    title="One step of the weights before BatchNorm",
    answer="bn_step",
    section=Section("book/02-batchnorm-mechanics/04-scale-of-weights", "The scale of the weights"),
    outputs=("turn", "growth"),
    reference=_step_reference,
    mistaken=_step_mistaken,
    mistakes=(
        Mistake(
            "whole matrix",
            "axis",
            "You take the length of the whole matrix. BatchNorm makes each unit's length invisible: one "
            "length for each row.",
        ),
        Mistake("columns", "axis", "You take lengths down the columns. A unit's weights are a row of w."),
        Mistake("rate forgotten", "rate", "You leave out the learning rate: the step is rate * g."),
        Mistake(
            "not relative",
            "ratio",
            "You use the length of the step as it is. What turns the weights is that length relative to "
            "their own.",
        ),
        Mistake(
            "divided twice",
            "ratio",
            "You divide the step by the squared length of the weights; g is given, and holds one of these "
            "divisions. Divide once.",
        ),
        Mistake(
            "tangent", "angle", "You return the tangent of the angle, a good guess for small steps only."
        ),
        Mistake("degrees", "angle", "Your angle is in degrees. Radians are asked for."),
        Mistake("cosine", "angle", "You return the cosine of the angle: take np.arccos of it."),
        Mistake(
            "in line",
            "growth",
            "You add the lengths of weights and step as if these pointed the same way. They are at a right"
            " angle.",
        ),
        Mistake(
            "shorter",
            "growth",
            "You subtract the step's length from that of the weights. A step at a right angle makes them "
            "longer.",
        ),
        Mistake(
            "growth less 1",
            "growth",
            "You return by how much the length grows. The growth is the new length divided by the old one.",
        ),
        Mistake("old over new", "growth", "Your growth is upside down: the new length is on top."),
        Mistake("squared", "growth", "Your growth is the ratio of the squared lengths: take its root."),
        Mistake(
            "length, not ratio",
            "growth",
            "You return the new length. The growth is the new length divided by the old one.",
        ),
    ),
    probes=(Probe("some units", _units), Probe("other units", _units)),
    checks=(Check("the turn", 2, outputs=("turn",)), Check("the growth", 1, outputs=("growth",))),
    hints=(
        "Draw a unit's weights and the step, at a right angle to them. Where do you see the angle and the "
        "new length?",
        "np.linalg.norm(..., axis=1) gives a length for each row, before and after the step.",
        "after = w - rate * g; the cosine of the turn is (w * after).sum(1) over the product of both "
        "lengths.",
    ),
    forms=terms.STEP,
    properties=(
        bounded("turn", "a turn lies between 0 and pi / 2", lambda _: 0.0, lambda _: np.pi / 2),
        bounded("growth", "no unit gets shorter", lambda _: 1.0, lambda _: np.inf),
    ),
)


REASONS = ChoiceTask(
    name="bn.reasons",
    title="What follows from it",
    answer="BN_REASONS",
    section=STEP.section,
    questions=(
        Question(
            "bias",
            "A linear layer has a bias, and BatchNorm follows. What does the bias do?",
            (
                Option("nothing", "Right: the mean takes it in, and is subtracted."),
                Option(
                    "shifts the output",
                    "The mean contains the bias, and it is subtracted: nothing is left of it.",
                ),
                Option(
                    "sets the mean",
                    "It is part of the mean that is subtracted; beta sets the mean of the output.",
                ),
            ),
            "nothing",
            1,
        ),
        Question(
            "weights",
            "You multiply the weights before BatchNorm by 4. What becomes of the gradient with respect to "
            "them?",
            (
                Option(
                    "4 times as large",
                    "The output does not change, so the weights move 4 times as far for the same change of "
                    "the loss.",
                ),
                Option(
                    "the same",
                    "The output stays the same, but the same change of it takes a 4 times larger step.",
                ),
                Option("4 times as small", "Right: the same change of output takes a step 4 times as large."),
            ),
            "4 times as small",
            1,
        ),
        Question(
            "sum",
            "A backward pass agrees to ten digits with finite differences of output.sum(). What do you know?",
            (
                Option("it is right", "The true dx of that sum is zero, so a dx of zeros passes too."),
                Option(
                    "dx is right",
                    "Of dx least of all: the true dx of a sum is zero, so many wrong formulas pass too.",
                ),
                Option(
                    "next to nothing", "Right: the true dx is zero there. Use a random upstream gradient."
                ),
            ),
            "next to nothing",
            1,
        ),
        Question(
            "ratio",
            "Over eight seeds, a network first reaches a test accuracy of 95% in 21 times fewer steps with "
            "BatchNorm than without. What may you say?",
            (
                Option(
                    "it is 21 times faster",
                    "The same two networks give 6.5 with larger initial weights, and less if the 95% must "
                    "last.",
                ),
                Option(
                    "it beats this rival",
                    "Right: the number depends as much on the rival, its initial weights and the threshold.",
                ),
                Option(
                    "it is a fluke", "It holds over seeds; what it does not do is hold for another rival."
                ),
            ),
            "it beats this rival",
            1,
        ),
    ),
    beliefs=(
        Belief(
            "what comes before counts",
            "You reason as if an offset or a scale before BatchNorm reached its output. Both are divided and "
            "subtracted away; what stays of them is their effect on the gradient.",
            {"bias": "shifts the output", "weights": "the same"},
        ),
        Belief(
            "one number is proof",
            "You take one number that agrees, or impresses, for a general result. Ask what else would give"
            " the same number.",
            {"sum": "it is right", "ratio": "it is 21 times faster"},
        ),
    ),
    hints=(
        "For the first two: write y for w and for 4 * w, and compare.",
        "For the last two: which wrong code, or which other start, would have given the same number?",
    ),
)


READING = ChoiceTask(
    name="bn.trial",
    title="Read a measurement",
    answer="READING",
    section=TRIAL,
    questions=(
        Question(
            "cause",
            "With ReLU, what do the shifts and the accuracies of these networks say about the cause of the"
            " gain?",
            (
                Option(
                    "less shift cannot be all of it",
                    "Right: the noisy network shifts more than the plain one, and is more accurate.",
                ),
                Option(
                    "less shift is the cause",
                    "Then the network with noise, which shifts more than the plain one, would have to do "
                    "worse.",
                ),
                Option(
                    "shift helps",
                    "BatchNorm without the noise shifts least and is the most accurate: shift is not what "
                    "helps.",
                ),
            ),
            "less shift cannot be all of it",
            1,
        ),
        Question(
            "tanh",
            "And the same three networks with tanh: what do they add?",
            (
                Option(
                    "another activation gives another answer",
                    "Right: there the noise costs most of the gain. One activation would have misled you.",
                ),
                Option("the same once more", "Look again at how much of the gain is left there with noise."),
                Option(
                    "the first result was chance",
                    "Both are means over eight seeds, and they differ by more than the seeds scatter. Both "
                    "hold.",
                ),
            ),
            "another activation gives another answer",
            1,
        ),
    ),
    beliefs=(
        Belief(
            "the textbook sentence",
            "You read the sentence that BatchNorm works by reducing shift into the table. Cover the names "
            "of the columns, and say which network shifts more and which learns better.",
            {"cause": "less shift is the cause", "tanh": "the same once more"},
        ),
        Belief(
            "one result must be wrong",
            "Two results that differ need not contradict each other: they are of different networks.",
            {"tanh": "the first result was chance"},
        ),
    ),
    hints=(
        "Order the networks by their shift, then by their accuracy. Are the orders the same?",
        "The gain is the accuracy with BatchNorm less that of the plain network. How much of it does the "
        "noisy one keep?",
    ),
)


PREDICTIONS = PredictionTask(
    name="bn.predictions",
    title="Predictions",
    answer="BN_PREDICTIONS",
    section=Section("book/02-batchnorm-mechanics/06-learning-rates", "Learning rates"),
    statements=(
        Statement(
            "deep relu",
            "With 12 ReLU layers, the largest usable learning rate is over 5 times higher with BatchNorm.",
            True,
            "C7.deep-relu",
        ),
        Statement(
            "tanh",
            "With 6 tanh layers, the largest usable learning rate is higher with BatchNorm.",
            False,
            "C7.tanh",
        ),
        Statement(
            "batches of 8",
            "On digits in batches of 8, BatchNorm errs more often than no norm.",
            False,
            "C10.eight",
        ),
        Statement(
            "batches of 2",
            "On digits in batches of 2, BatchNorm errs over 10 points more often than no norm.",
            True,
            "C10.two",
        ),
        Statement(
            "ghosts",
            "With 256 examples of MNIST-1D, statistics of 32 at a time give a better network than "
            "statistics of the whole batch: their noise regularises.",
            False,
            "C9.noise",
        ),
        Statement(
            "without noise",
            "With 256 examples of MNIST-1D in full batches, so without noise from the batch, BatchNorm "
            "gains over 3 points.",
            True,
            "C9.without-noise",
        ),
        Statement(
            "noise",
            "Noise of half a standard deviation after each BatchNorm takes a deep ReLU network below the "
            "plain one.",
            False,
            "C3.noise-relu",
        ),
        Statement(
            "noise, tanh",
            "Noise of one standard deviation after each BatchNorm takes a deep tanh network below the "
            "plain one.",
            True,
            "C3.noise-tanh",
        ),
    ),
    points=2,
    hints=(
        "A probability of 0.5 says that you do not know; 0.9 that you would bet nine to one.",
        "Which of the statements would surprise you if they failed? Give those the most.",
    ),
)


EXERCISE = Exercise(
    "batchnorm",
    "BatchNorm by hand",
    "02-batchnorm.ipynb",
    (FORWARD, BACKWARD, STEP, CONV, CONV_BACKWARD, READING, REASONS, PREDICTIONS),
)
