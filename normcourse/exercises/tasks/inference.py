"""Chapter 3: running statistics, what uses them, and how they go wrong."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from normcourse import reference
from normcourse.exercises import calls
from normcourse.exercises.forms import inference as terms
from normcourse.exercises.properties import Property, bounded
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
from normcourse.exercises.tasks.draws import Draw, astride, signs
from normcourse.exercises.tasks.roots import OWN, OWN_EPS

__all__ = ["EXERCISE"]

Array = NDArray[Any]

OWN_EPS_ALONE = replace(OWN_EPS, place="eps")  # here the root has a place of its own

RUNNING = Section("book/03-inference-statistics/01-running-statistics", "Running statistics")
LAG = Section("book/03-inference-statistics/02-lag-and-recalibration", "Lag and recalibration")
MODES = Section("book/03-inference-statistics/03-modes", "Training mode at inference")
FOLDING = Section("book/03-inference-statistics/07-folding-and-export", "Folding and export")
WHICH = Section("book/03-inference-statistics/09-which-statistics", "Which statistics, when")


def _signals(rng: Generator) -> Inputs:
    n, channels, length = int(rng.integers(3, 5)), int(rng.integers(4, 7)), 2
    x = rng.normal(size=(n, channels, length)) * rng.uniform(0.5, 2, (channels, 1))
    return {
        "running_mean": rng.uniform(-2, 2, channels),
        "running_var": rng.uniform(0.5, 2, channels),
        "x": x + rng.uniform(-3, 3, (channels, 1)),
        "momentum": float(rng.uniform(0.1, 0.4)),
    }


def _two_values(rng: Generator) -> Inputs:
    inputs = _signals(rng)
    return {**inputs, "x": inputs["x"][:2, :, :1]}


def _update_reference(
    running_mean: Array, running_var: Array, x: Array, momentum: float
) -> tuple[Array, Array]:
    n = x.size / x.shape[1]
    var = x.var(axis=(0, 2)) * n / (n - 1)
    return (
        (1 - momentum) * running_mean + momentum * x.mean(axis=(0, 2)),
        (1 - momentum) * running_var + momentum * var,
    )


def _update_mistaken(
    mistakes: Mistakes, running_mean: Array, running_var: Array, x: Array, momentum: float
) -> tuple[Array, Array]:
    mean = x.mean(axis=(0, 2))
    centre = running_mean if "old mean" in mistakes else mean
    squares = ((x - centre[:, None]) ** 2).sum(axis=(0, 2))
    count = x.size / x.shape[1]
    if "unbiased by examples" in mistakes:
        var = squares / count * len(x) / (len(x) - 1)
    else:
        var = squares / (count - ("biased" not in mistakes))
    if "mean square" in mistakes:
        var = (x**2).sum(axis=(0, 2)) / count
    if "standard deviation" in mistakes:
        var = np.sqrt(var)
    old, new = 1 - momentum, momentum
    if "turned round" in mistakes:
        old, new = momentum, 1 - momentum
    elif "old kept whole" in mistakes:
        old = 1.0
    elif "plain average" in mistakes:
        old = new = 0.5
    elif "newest alone" in mistakes:
        old, new = 0.0, 1.0
    return old * running_mean + new * mean, (
        running_var if "variance forgotten" in mistakes else old * running_var + new * var
    )


UPDATE = CodeTask(
    name="inference.update",
    title="The running update",
    answer="running_update",
    section=RUNNING,
    outputs=("mean", "var"),
    reference=_update_reference,
    mistaken=_update_mistaken,
    mistakes=(
        Mistake(
            "turned round",
            "weights",
            "You give the momentum to the old value. In PyTorch it is the weight of the newest batch, and "
            "the old value gets 1 - momentum.",
        ),
        Mistake(
            "old kept whole",
            "weights",
            "You add momentum times the new value to the whole old one. The weights have to sum to 1: the "
            "old one gets 1 - momentum.",
        ),
        Mistake(
            "plain average", "weights", "You take the plain mean of old and new, and leave momentum out."
        ),
        Mistake("newest alone", "weights", "You return the statistics of the batch; the old ones are gone."),
        Mistake(
            "biased",
            "variance",
            "Your batch variance divides by n. The running variance keeps the unbiased one, divided by n -"
            " 1, where n counts examples and positions.",
        ),
        Mistake(
            "unbiased by examples",
            "variance",
            "You correct by N / (N - 1) with N examples. n counts the positions too: N * L values per "
            "channel.",
        ),
        Mistake("mean square", "variance", "You take the mean square of x; the variance is about the mean."),
        Mistake(
            "old mean",
            "centre",
            "Your variance is about the running mean. The batch's variance is about the batch's own mean.",
        ),
        Mistake("standard deviation", "root", "You average standard deviations. Variances are kept."),
        Mistake(
            "variance forgotten", "what", "You return the running variance unchanged. It is updated as well."
        ),
    ),
    probes=(Probe("a batch of signals", _signals), Probe("two values for each channel", _two_values)),
    checks=(
        Check("the running mean", 2, outputs=("mean",)),
        Check("the running variance", 2, outputs=("var",)),
    ),
    hints=(
        "With momentum 0.1, how much of the old value should be left after one batch?",
        "Over which axes is a channel's mean taken? And how many values is that?",
        "(1 - momentum) * running_var + momentum * x.var(axis=(0, 2), ddof=1), and so for the mean.",
    ),
    alike=(
        # What is left unused does not show how it was computed.
        *(
            frozenset({frozenset({"variance forgotten"}), frozenset({"variance forgotten", name})})
            for name in (
                "biased",
                "unbiased by examples",
                "mean square",
                "old mean",
                "standard deviation",
            )
        ),
        frozenset({frozenset({"mean square"}), frozenset({"mean square", "old mean"})}),
    ),
    forms=terms.UPDATE,
    properties=(
        bounded(
            "mean",
            "the new mean lies between the old one and the batch's",
            lambda i: np.minimum(i["running_mean"], i["x"].mean(axis=(0, 2))),
            lambda i: np.maximum(i["running_mean"], i["x"].mean(axis=(0, 2))),
        ),
        bounded("var", "no variance is negative", lambda _: 0.0, lambda _: np.inf),
    ),
)


def _at_inference(rng: Generator, *, eps: float, spread: float) -> Inputs:
    n, channels, length = int(rng.integers(2, 5)), int(rng.integers(4, 7)), int(rng.integers(3, 6))
    shift = rng.uniform(-2, 2, (channels, 1))
    return {
        "x": spread * rng.normal(size=(n, channels, length)) + shift,
        "running_mean": shift[:, 0] + spread * rng.uniform(0.3, 1, channels) * signs(rng, channels),
        "running_var": spread**2 * rng.uniform(0.4, 0.8, channels),
        "gamma": rng.uniform(0.4, 2, channels) * signs(rng, channels),
        "beta": rng.uniform(0.3, 2, channels) * signs(rng, channels),
        "eps": eps,
    }


def _with_variances(name: str, draw: Draw) -> Draw:
    """Let the variances of a probe lie on both sides of its eps, which is large."""

    def drawn(rng: Generator) -> Inputs:
        inputs = draw(rng)
        return {**inputs, name: astride(rng, inputs["eps"], len(inputs[name]))}

    return drawn


def _evaluate_reference(
    x: Array, running_mean: Array, running_var: Array, gamma: Array, beta: Array, eps: float
) -> Array:
    running = reference.RunningStats(len(running_mean))
    running.mean[:], running.var[:] = running_mean, running_var
    return reference.batch_norm(x, gamma, beta, running=running, training=False, eps=eps)[0]


def _evaluate_mistaken(
    mistakes: Mistakes,
    x: Array,
    running_mean: Array,
    running_var: Array,
    gamma: Array,
    beta: Array,
    eps: float,
) -> Array:
    own = (0, 2)
    mean, var = running_mean, running_var
    if {"batch's own", "batch's mean"} & mistakes:
        mean = x.mean(axis=own)
    if {"batch's own", "batch's variance"} & mistakes:
        var = x.var(axis=own)
    if "updated first" in mistakes:
        mean, var = _update_reference(mean, var, x, 0.1)
    if "no mean" in mistakes:
        mean = np.zeros_like(mean)
    if "no eps" in mistakes:
        eps = 0.0
    elif "own eps" in mistakes:
        eps = OWN
    scale = np.sqrt(var) + eps if "eps outside" in mistakes else np.sqrt(var + eps)
    if "no root" in mistakes:
        scale = var + eps
    if "multiplied" in mistakes:
        scale = 1 / scale
    y = (x - mean[:, None]) / scale[:, None]
    if "no affine" in mistakes:
        return y
    return gamma[:, None] * y + (0 if "no beta" in mistakes else beta[:, None])


def _bend(x: Array, y: Array) -> float:
    """Return how far y lies from a straight line in x, channel by channel."""
    x, y = (a.swapaxes(0, 1).reshape(a.shape[1], -1) for a in (x, y))
    x, y = (a - a.mean(axis=1, keepdims=True) for a in (x, y))
    slope = (x * y).sum(axis=1, keepdims=True) / (x**2).sum(axis=1, keepdims=True)
    return float(np.abs(y - slope * x).max())


EVALUATE = CodeTask(
    name="inference.evaluate",
    title="BatchNorm in inference mode",
    answer="bn_evaluate",
    section=MODES,
    outputs=("y",),
    reference=_evaluate_reference,
    mistaken=_evaluate_mistaken,
    mistakes=(
        Mistake(
            "batch's own",
            "source",
            "You normalize with the batch's own statistics; that is training mode. In inference mode the "
            "running ones are used, whatever comes in.",
        ),
        Mistake(
            "batch's mean",
            "source",
            "You subtract the batch's mean. In inference mode both mean and variance are the running ones.",
        ),
        Mistake(
            "batch's variance",
            "source",
            "You divide by the batch's deviation. In inference mode both mean and variance are the running "
            "ones.",
        ),
        Mistake(
            "updated first",
            "source",
            "You move the running statistics towards the batch and then use them. In inference mode they "
            "stay.",
        ),
        Mistake("no mean", "source", "You do not subtract the running mean."),
        Mistake(
            "no eps",
            "eps",
            "You leave out eps, or use a far smaller number. It is added to the running variance, under the "
            "root.",
        ),
        OWN_EPS_ALONE,
        Mistake("eps outside", "eps", "You add eps to the root of the variance. It belongs under the root."),
        Mistake(
            "no root",
            "power",
            "You divide by the variance. Divide by its root. (running_var is a variance.)",
        ),
        Mistake("multiplied", "division", "You multiply by the deviation. Divide by it."),
        Mistake("no affine", "affine", "You return the standardised values. Apply gamma and beta to them."),
        Mistake("no beta", "affine", "You scale by gamma but do not add beta."),
    ),
    probes=(
        Probe("signals", lambda rng: _at_inference(rng, eps=1e-5, spread=8.0)),
        Probe(
            "a large eps",
            _with_variances("running_var", lambda rng: _at_inference(rng, eps=0.06, spread=0.4)),
        ),
    ),
    checks=(
        Check("signals", 3, probes=("signals",)),
        Check("eps where it belongs", 1, probes=("a large eps",)),
    ),
    hints=(
        "Would your answer for one signal change if another signal of the batch changed? It must not.",
        "running_mean has shape (C,), x has shape (N, C, L): running_mean[:, None] lines up.",
        "gamma[:, None] * (x - running_mean[:, None]) / np.sqrt(running_var + eps)[:, None] + beta[:, None]",
    ),
    alike=(
        # No root is taken, so eps cannot be outside it.
        frozenset({frozenset({"no root"}), frozenset({"no root", "eps outside"})}),
    ),
    forms=terms.EVALUATE,
    properties=(
        Property("y", "in each channel y is a straight line in x", lambda i, out: _bend(i["x"], out)),
    ),
)


def _layers(rng: Generator, *, eps: float, spread: float) -> Inputs:
    outputs, inputs = int(rng.integers(3, 6)), int(rng.integers(6, 9))
    return {
        "weight": rng.normal(size=(outputs, inputs)),
        "bias": rng.uniform(0.3, 2, outputs) * signs(rng, outputs),
        "gamma": rng.uniform(0.4, 2, outputs) * signs(rng, outputs),
        "beta": rng.uniform(0.3, 2, outputs) * signs(rng, outputs),
        "mean": rng.uniform(0.4, 2, outputs) * signs(rng, outputs),
        "var": spread * rng.uniform(0.4, 3, outputs),
        "eps": eps,
    }


def _fold_reference(
    weight: Array, bias: Array, gamma: Array, beta: Array, mean: Array, var: Array, eps: float
) -> tuple[Array, Array]:
    """Ask the two layers: zero gives the folded bias, unit vectors give the columns of the weights."""
    running = reference.RunningStats(len(mean))
    running.mean[:], running.var[:] = mean, var
    x = np.vstack([np.zeros(weight.shape[1]), np.eye(weight.shape[1])])
    y, _ = reference.batch_norm(x @ weight.T + bias, gamma, beta, running=running, training=False, eps=eps)
    return (y[1:] - y[0]).T, y[0]


def _fold_mistaken(
    mistakes: Mistakes,
    weight: Array,
    bias: Array,
    gamma: Array,
    beta: Array,
    mean: Array,
    var: Array,
    eps: float,
) -> tuple[Array, Array]:
    if "no eps" in mistakes:
        eps = 0.0
    elif "own eps" in mistakes:
        eps = OWN
    root = np.sqrt(var) + eps if "eps outside" in mistakes else np.sqrt(var + eps)
    if "variance" in mistakes:
        root = var + eps
    scale = (1.0 if "gamma forgotten" in mistakes else gamma) / root
    by_row = np.broadcast_to(scale, gamma.shape)[:, None]
    folded = weight if "weight unscaled" in mistakes else weight * by_row
    inner = 0.0 if "bias forgotten" in mistakes else bias
    shifted: Array = inner + mean if "mean added" in mistakes else inner - mean
    if "mean forgotten" in mistakes:
        shifted = np.asarray(inner)
    offset = scale * shifted + beta
    if "beta scaled" in mistakes:
        offset = scale * (shifted + beta)
    elif "beta forgotten" in mistakes:
        offset = scale * shifted
    elif "bias unscaled" in mistakes:
        offset = inner + scale * (shifted - inner) + beta
    elif "mean unscaled" in mistakes:
        offset = scale * inner + (shifted - inner) + beta
    return folded, np.broadcast_to(offset, gamma.shape)


def _turned(given: Array, out: Array) -> float:
    """Return how far rows lie from multiples of the given ones."""
    share = (given * out).sum(axis=1, keepdims=True) / (given**2).sum(axis=1, keepdims=True)
    return float(np.abs(out - share * given).max())


FOLD = CodeTask(
    name="inference.fold",
    title="Fold BatchNorm into the layer before it",
    answer="fold",
    section=FOLDING,
    outputs=("weight", "bias"),
    reference=_fold_reference,
    mistaken=_fold_mistaken,
    mistakes=(
        Mistake(
            "no eps",
            "eps",
            "You leave out eps, or use a far smaller number: it is added to the variance, under the root.",
        ),
        OWN_EPS_ALONE,
        Mistake("eps outside", "eps", "You add eps to the root of the variance. It belongs under the root."),
        Mistake("variance", "power", "You divide by the variance. Divide by its root."),
        Mistake("gamma forgotten", "gamma", "You leave out gamma: the factor is gamma over the root."),
        Mistake("weight unscaled", "weight", "You leave the weights as they are. Each row is scaled."),
        Mistake(
            "bias forgotten",
            "inner bias",
            "You leave out the layer's own bias. BatchNorm gets W x + b: b is shifted and scaled with the "
            "rest.",
        ),
        Mistake("mean added", "mean", "You add the mean. BatchNorm subtracts it."),
        Mistake("mean forgotten", "mean", "You leave out the mean, which BatchNorm subtracts."),
        Mistake("beta scaled", "offset", "You scale beta as well. BatchNorm adds it last, after the scale."),
        Mistake("beta forgotten", "offset", "You leave out beta."),
        Mistake(
            "bias unscaled",
            "offset",
            "You add the layer's own bias as it is. It goes through BatchNorm, and is scaled like the "
            "weights.",
        ),
        Mistake(
            "mean unscaled",
            "offset",
            "You subtract the mean after the scale. BatchNorm subtracts it first, so it is scaled too.",
        ),
    ),
    probes=(
        Probe("a layer", lambda rng: _layers(rng, eps=1e-5, spread=30.0)),
        Probe(
            "narrow outputs, a large eps",
            _with_variances("var", lambda rng: _layers(rng, eps=0.3, spread=0.5)),
        ),
    ),
    checks=(
        Check("the weights", 2, outputs=("weight",), probes=("a layer",)),
        Check("the bias", 2, outputs=("bias",), probes=("a layer",)),
        Check("eps where it belongs", 1, probes=("narrow outputs, a large eps",)),
    ),
    hints=(
        "Write y = gamma * (W x + b - mean) / s + beta. What multiplies x, and what is left without x?",
        "Each row of W is scaled by its own number, gamma / s: scale[:, None] * weight.",
        "scale = gamma / np.sqrt(var + eps); the bias is scale * (bias - mean) + beta.",
    ),
    alike=(
        # What is not there cannot be left unscaled, and no root is taken, so eps cannot be outside it.
        frozenset({frozenset({"mean forgotten"}), frozenset({"mean forgotten", "mean unscaled"})}),
        frozenset({frozenset({"bias forgotten"}), frozenset({"bias forgotten", "bias unscaled"})}),
        frozenset({frozenset({"variance"}), frozenset({"variance", "eps outside"})}),
    ),
    forms=terms.FOLD,
    properties=(
        Property(
            "weight",
            "each row of weights is a multiple of the given one",
            lambda i, out: _turned(i["weight"], out),
        ),
    ),
)


def _batches(rng: Generator) -> Inputs:
    batches, features = int(rng.integers(3, 5)), int(rng.integers(4, 7))
    sizes = rng.permutation([2, 3, 5, 9])[:batches]
    return {
        "sizes": sizes.astype(np.int64),
        "means": rng.normal(size=(batches, features)) + rng.uniform(-2, 2, features),
        "variances": rng.uniform(0.3, 2, (batches, features)),
    }


def _pool_reference(sizes: Array, means: Array, variances: Array) -> tuple[Array, Array]:
    """Find the statistics of actual values: each batch gets half of them above, half below its mean."""
    n = sizes.sum()
    weights = sizes[:, None] / n
    mean = (weights * means).sum(axis=0)
    # Two points a batch, with the weight of the batch, have its mean and variance.
    points = np.concatenate([means - np.sqrt(variances), means + np.sqrt(variances)])
    both = np.concatenate([weights, weights]) / 2
    return mean, (both * (points - mean) ** 2).sum(axis=0) * n / (n - 1)


def _pool_mistaken(mistakes: Mistakes, sizes: Array, means: Array, variances: Array) -> tuple[Array, Array]:
    n, batches = sizes.sum(), len(sizes)
    shares = np.full(batches, 1 / batches) if "batches alike" in mistakes else sizes / n
    weights = shares[:, None]
    mean = (weights * means).sum(axis=0)
    within = (weights * variances).sum(axis=0)
    if "deviations averaged" in mistakes:
        within = (weights * np.sqrt(variances)).sum(axis=0) ** 2
    elif "within unbiased" in mistakes:
        within = (weights * variances * (sizes / (sizes - 1))[:, None]).sum(axis=0)
    between = (weights * (means - mean) ** 2).sum(axis=0)
    if "no between" in mistakes:
        between = np.zeros_like(between)
    elif "between alike" in mistakes:
        between = means.var(axis=0)
    elif "mean squares" in mistakes:
        between = (weights * means**2).sum(axis=0)
    elif "between subtracted" in mistakes:
        between = -between
    var = (within + between) * n / (n - 1)
    if "plain means" in mistakes:
        return means.mean(axis=0), variances.mean(axis=0)
    if "biased" in mistakes:
        var = within + between
    elif "degrees of freedom" in mistakes:
        var = (within + between) * n / (n - batches)
    return (means.mean(axis=0) if "mean alike" in mistakes else mean), var


POOL = CodeTask(
    name="inference.recalibrate",
    title="Recalibrate from many batches",
    answer="pool_statistics",
    section=LAG,
    outputs=("mean", "var"),
    reference=_pool_reference,
    mistaken=_pool_mistaken,
    mistakes=(
        Mistake(
            "mean alike",
            "weights",
            "Your mean gives every batch the same weight: weigh with n_B / n.",
        ),
        Mistake(
            "plain means",
            "everything",
            "You average the means and the variances as they are. A batch counts by its size, and the "
            "variance of all also holds how far the batch means lie apart, and is unbiased.",
        ),
        Mistake(
            "batches alike",
            "weights",
            "You give every batch the same weight. A batch counts by its size: weigh with n_B / n.",
        ),
        Mistake(
            "no between",
            "between",
            "You average the variances of the batches. That leaves out how far their means lie apart: add "
            "the weighted mean of (mean_B - mean)**2.",
        ),
        Mistake(
            "between alike",
            "between",
            "For the spread of the means you give every batch the same weight. Weigh it by size too.",
        ),
        Mistake(
            "mean squares",
            "between",
            "You add the mean of the squared means, but do not subtract the square of the overall mean.",
        ),
        Mistake("between subtracted", "between", "You subtract the spread of the batch means. It adds up."),
        Mistake(
            "deviations averaged",
            "within",
            "You average standard deviations and square the result. It is variances that are averaged.",
        ),
        Mistake(
            "within unbiased",
            "within",
            "You make each batch's variance unbiased first. Combine the biased ones, and correct once at the "
            "end, by n / (n - 1).",
        ),
        Mistake(
            "biased",
            "divisor",
            "Your variance is the biased one. Running statistics keep the unbiased one: times n / (n - 1), "
            "where n counts all examples.",
        ),
        Mistake(
            "degrees of freedom",
            "divisor",
            "You divide by n less the number of batches. One mean was estimated, not one for each batch: n"
            " - 1.",
        ),
    ),
    probes=(Probe("some batches", _batches), Probe("other batches", _batches)),
    checks=(Check("the mean", 1, outputs=("mean",)), Check("the variance", 3, outputs=("var",))),
    hints=(
        "Two batches of constant values, all 0 and all 2: what is the variance of all values?",
        "Variance of all = weighted mean of the variances + weighted variance of the means.",
        "w = sizes[:, None] / n; mean = (w * means).sum(0); "
        "var = (w * (variances + (means - mean)**2)).sum(0) * n / (n - 1)",
    ),
    alike=(
        # Nothing else is done there.
        frozenset(
            frozenset({"plain means", name})
            for name in (
                "plain means",
                "mean alike",
                "batches alike",
                "no between",
                "between alike",
                "mean squares",
                "between subtracted",
                "deviations averaged",
                "within unbiased",
                "biased",
                "degrees of freedom",
            )
        ),
        # All batches count alike, and so does the spread of their means.
        frozenset({frozenset({"batches alike"}), frozenset({"batches alike", "between alike"})}),
    ),
    forms=terms.POOL,
    properties=(
        bounded(
            "mean",
            "the mean lies among the batches' means",
            lambda i: i["means"].min(axis=0),
            lambda i: i["means"].max(axis=0),
        ),
        bounded(
            "var",
            "the variance is at least the smallest of the batches'",
            lambda i: i["variances"].min(axis=0),
            lambda _: np.inf,
        ),
    ),
)


def _script(rng: Generator) -> Inputs:
    steps, n, inputs, hidden, classes = int(rng.integers(3, 5)), int(rng.integers(5, 8)), 4, 5, 3
    return {
        "w1": rng.normal(size=(hidden, inputs)),
        "gamma": rng.uniform(0.6, 1.8, hidden),
        "beta": rng.uniform(-0.5, 0.8, hidden),
        "w2": rng.normal(size=(classes, hidden)),
        "x": rng.normal(size=(steps, n, inputs)) + rng.uniform(-1, 1, inputs),
        "y": rng.integers(0, classes, size=(steps, n)),
        "x_val": rng.normal(size=(5, inputs)) * 1.5,
        "rate": float(rng.uniform(0.12, 0.3)),
    }


def _script_reference(**inputs: Any) -> tuple[Array, ...]:
    return _script_mistaken(frozenset(), **inputs)


def _script_mistaken(mistakes: Mistakes, **inputs: Any) -> tuple[Array, ...]:
    import torch

    def ask(model: Any, x_val: Any) -> Any:
        if "training mode" not in mistakes:
            model.eval()
        with torch.no_grad():
            return model(x_val)

    def answer(model: Any, batches: Any, x_val: Any, rate: float) -> list[Any]:
        parameters = list(model.parameters())
        if "norm left out" in mistakes:
            parameters = [one for one in parameters if one.ndim > 1]
        optimizer = torch.optim.SGD(parameters, lr=rate)
        logits = []
        for x, y in batches:
            if "asked first" in mistakes:
                logits.append(ask(model, x_val))
            if "never trains" in mistakes:
                model.eval()
            elif "never trains again" not in mistakes:
                model.train()
            if not {"gradients kept", "gradients cleared"} & mistakes:
                optimizer.zero_grad()
            out = model(x)
            if "softmax twice" in mistakes:
                out = out.softmax(dim=1)
            loss: Any = torch.nn.functional.cross_entropy(out, y)
            loss.backward()
            if "gradients cleared" in mistakes:
                optimizer.zero_grad()
            optimizer.step()
            if "asked first" not in mistakes:
                logits.append(ask(model, x_val))
        return logits

    returned = calls.script(answer, inputs)
    return tuple(np.asarray(array.detach()) for array in returned)


REPAIR = CodeTask(
    name="inference.repair",
    title="Repair a training script",
    answer="fit_and_ask",
    section=MODES,
    outputs=("logits", "running mean", "running variance", "weights", "gamma"),
    reference=_script_reference,
    mistaken=_script_mistaken,
    mistakes=(
        Mistake(
            "training mode",
            "evaluation",
            "You ask the network in training mode: the answers depend on each other, and each question moves "
            "the running statistics. Call model.eval() before you ask.",
        ),
        Mistake(
            "never trains again",
            "training",
            "After the first question the network stays in inference mode, and its running statistics stop. "
            "Call model.train() before each step.",
        ),
        Mistake(
            "gradients kept",
            "gradients",
            "Gradients add up from step to step. Call optimizer.zero_grad() before each backward pass.",
        ),
        Mistake(
            "gradients cleared",
            "gradients",
            "You clear the gradients between backward and step, so that the step has none. Clear them before "
            "backward.",
        ),
        Mistake(
            "softmax twice",
            "loss",
            "You apply softmax, and cross_entropy applies it again. It takes the logits.",
        ),
        Mistake(
            "norm left out",
            "optimizer",
            "Your optimizer does not get gamma and beta, so they never learn. Give it model.parameters().",
        ),
        Mistake(
            "never trains",
            "training",
            "You never put the network into training mode, so its running statistics stay where they began. "
            "Call model.train() before each step.",
        ),
        Mistake(
            "asked first",
            "order",
            "You ask before the step. The answers are to be those of the network after it.",
        ),
    ),
    probes=(Probe("three steps", _script),),
    checks=(
        Check("modes", 2, faults=("training mode", "never trains again", "never trains", "asked first")),
        Check("gradients", 1, faults=("gradients kept", "gradients cleared"), outputs=("weights", "gamma")),
        Check("loss", 1, faults=("softmax twice",), outputs=("weights", "gamma")),
        Check("what is trained", 1, faults=("norm left out",), outputs=("weights", "gamma")),
    ),
    hints=(
        "In which mode is the network when it is asked, and in which when it learns? Follow it for two "
        "steps.",
        "What does backward() do with gradients that are already there? And which numbers does the optimizer "
        "know of?",
        "Before each step model.train() and optimizer.zero_grad(); before each question model.eval(); all of "
        "model.parameters(); no softmax before cross_entropy.",
    ),
    alike=(
        # Always in training mode, so it makes no difference whether one returns to it.
        frozenset({frozenset({"training mode"}), frozenset({"training mode", "never trains again"})}),
        frozenset({frozenset({"never trains"}), frozenset({"never trains", "training mode"})}),
        # Asked first, it is in inference mode from the start.
        frozenset(
            {frozenset({"never trains", "asked first"}), frozenset({"never trains again", "asked first"})}
        ),
        # No step moves the weights, whatever the loss and the optimizer.
        frozenset(
            frozenset({"gradients cleared", name})
            for name in ("gradients cleared", "softmax twice", "norm left out")
        ),
    ),
    call="script",
    apart="nothing",
    libraries=("numpy", "torch"),
    handed_out=("training mode", "gradients kept", "softmax twice", "norm left out"),
)


CHOOSE = ChoiceTask(
    name="inference.choose",
    title="Choose the statistics",
    answer="STATISTICS",
    section=WHICH,
    questions=(
        Question(
            "service",
            "A service names one image at a time; its images are like those of the training.",
            (
                Option("running", "Right: fixed statistics, and no answer depends on its company."),
                Option(
                    "batch", "A batch of one is standardised over its own pixels: answers fall to chance."
                ),
                Option(
                    "recalibrated",
                    "That would do no harm, but after a training that came to rest it changes next to "
                    "nothing: the running ones are there.",
                ),
            ),
            "running",
            1,
        ),
        Question(
            "evaluating",
            "You evaluate every hundred steps of a training at a high learning rate that stays high.",
            (
                Option("running", "They lag behind weights that move fast, and cost many points here."),
                Option(
                    "batch", "Then an answer depends on its company, and each question moves what is kept."
                ),
                Option(
                    "recalibrated", "Right: computed afresh from some hundred images with the weights of now."
                ),
            ),
            "recalibrated",
            1,
        ),
        Question(
            "stream",
            "Pictures have become darker. They come in shuffled batches of 128, with all classes in each.",
            (
                Option(
                    "running", "They are of the light before: the inputs do not come from there any more."
                ),
                Option("batch", "Right: the batch is a fair sample of what comes now, and large."),
                Option(
                    "none", "The network was trained with standardised inputs; without it no layer gets them."
                ),
            ),
            "batch",
            1,
        ),
        Question(
            "one class",
            "The same darker pictures, but in a stream in which one object stays for minutes.",
            (
                Option("batch", "A batch of one class has that class's mean, and the layer subtracts it."),
                Option(
                    "a fair sample first",
                    "Right: collect pictures over a longer time, recalibrate on them, and keep that fixed.",
                ),
                Option("a larger batch", "Of the same object: more of it is no fairer."),
            ),
            "a fair sample first",
            1,
        ),
    ),
    beliefs=(
        Belief(
            "fresh is better",
            "You reach for the batch's own statistics. They are fresh, and they make each answer depend on"
            " its company: ask first whether the batch is large and fair.",
            {"service": "batch", "evaluating": "batch", "one class": "batch"},
        ),
        Belief(
            "eval() is always right",
            "You trust the running statistics everywhere. They fit the weights and the data of a while "
            "ago: ask what has moved since.",
            {"evaluating": "running", "stream": "running"},
        ),
    ),
    hints=(
        "May an answer depend on its neighbours? Do the inputs come from where the statistics come from?",
        "How many examples share a statistic, and are they a fair sample?",
    ),
)


PREDICTIONS = PredictionTask(
    name="inference.predictions",
    title="Predictions",
    answer="INFERENCE_PREDICTIONS",
    section=MODES,
    statements=(
        Statement(
            "shuffled",
            "Asked in training mode in shuffled batches of 128, a small CNN loses less than a point of "
            "accuracy.",
            True,
            "C11.shuffled",
        ),
        Statement(
            "by class",
            "Asked in training mode in batches of 32 sorted by class, it loses over 50 points.",
            True,
            "C11.ordered",
        ),
        Statement(
            "bits",
            "In inference mode, replacing half of a batch changes some bit of the logits of the other half.",
            False,
            "C5.company",
        ),
        Statement(
            "repaired",
            "After one pass in training mode over batches of 8 sorted by class, without any gradient step, "
            "model.eval() brings the accuracy back to within a point.",
            False,
            "C5.moved",
        ),
        Statement(
            "lag",
            "At a learning rate that stays high, running statistics cost over 3 points at step 300.",
            True,
            "C11.lag",
        ),
        Statement(
            "lag at rest",
            "If the rate falls to zero, running statistics still cost over a point at the end.",
            False,
            "C11.lag-gone",
        ),
    ),
    points=2,
    hints=(
        "A probability of 0.5 says that you do not know; 0.9 that you would bet nine to one.",
        "In which mode does a forward pass move the running statistics?",
    ),
)


EXERCISE = Exercise(
    "inference",
    "Statistics at inference",
    "03-inference.ipynb",
    (UPDATE, EVALUATE, FOLD, POOL, REPAIR, CHOOSE, PREDICTIONS),
)
