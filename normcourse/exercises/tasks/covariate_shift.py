"""Chapter 1: what shifts, how to measure it, and what a measurement does not say."""

from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from normcourse.exercises.forms import covariate_shift as terms
from normcourse.exercises.properties import bounded
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
from normcourse.exercises.tasks.draws import Draw

__all__ = ["EXERCISE"]

Array = NDArray[Any]

MOVED = Section("book/01-covariate-shift/02-when-inputs-move", "When inputs move")
WEIGHTED = Section("book/01-covariate-shift/05-importance-weights", "Importance weights")
INSIDE = Section("book/01-covariate-shift/04-internal-shift", "Internal covariate shift")


def _features(rng: Generator, examples: int, features: int) -> Array:
    x = rng.normal(size=(examples, features)) * rng.uniform(0.4, 3, features)
    return x + rng.uniform(-3, 3, features)


def _two_sets(rng: Generator) -> Inputs:
    features = int(rng.integers(4, 7))
    train, test = _features(rng, 9, features), _features(rng, 7, features)
    return {"train": train, "test": test}


def _few_examples(rng: Generator) -> Inputs:
    features = int(rng.integers(3, 6))
    return {"train": _features(rng, 3, features), "test": _features(rng, 2, features)}


def _standardise_reference(train: Array, test: Array) -> Array:
    return (test - train.mean(axis=0)) / train.std(axis=0)


def _standardise_mistaken(mistakes: Mistakes, train: Array, test: Array) -> Array:
    both = np.concatenate([train, test])
    of_mean = test if "test's own mean" in mistakes else train
    of_std = test if "test's own std" in mistakes else train
    if "test's own statistics" in mistakes:
        of_mean = of_std = test
    if "both sets" in mistakes:
        of_mean = of_std = both
    axis = None if "one number" in mistakes else 0
    mean = np.zeros(()) if "no mean" in mistakes else of_mean.mean(axis=axis)
    std = of_std.std(axis=axis, ddof="n - 1" in mistakes)
    if "variance" in mistakes:
        std = std**2
    given = train if "the training set" in mistakes else test
    if "no division" in mistakes:
        return given - mean
    if "no brackets" in mistakes:
        return given - mean / std
    return (given - mean) / std


STANDARDISE = CodeTask(
    name="shift.standardise",
    title="Standardise what was not seen in training",
    answer="standardise",
    section=MOVED,
    outputs=("z",),
    reference=_standardise_reference,
    mistaken=_standardise_mistaken,
    mistakes=(
        Mistake(
            "test's own statistics",
            "source",
            "You use the mean and standard deviation of the test set. A shift then becomes invisible, and an "
            "example's value depends on which others are tested with it. Take both from the training set.",
        ),
        Mistake(
            "test's own mean",
            "source",
            "You subtract the mean of the test set and divide by the deviation of the training set. Take "
            "both from the training set.",
        ),
        Mistake(
            "test's own std",
            "source",
            "You subtract the mean of the training set and divide by the deviation of the test set. Take "
            "both from the training set.",
        ),
        Mistake(
            "both sets",
            "source",
            "You take the statistics of both sets together. The training must not know of the test set: use "
            "the training set alone.",
        ),
        Mistake(
            "one number",
            "axis",
            "You take one mean and one deviation over all features. Each feature has its own: average "
            "along axis 0.",
        ),
        Mistake("no mean", "mean", "You do not subtract the mean before you divide."),
        Mistake(
            "n - 1",
            "deviation",
            "Your deviation divides by n - 1. In this course it divides by n, as np.std does by itself.",
        ),
        Mistake(
            "variance", "power", "You divide by the variance. Divide by its root, the standard deviation."
        ),
        Mistake("no division", "power", "You subtract the mean but do not divide by the deviation."),
        Mistake(
            "no brackets",
            "power",
            "You divide the mean alone: set brackets around the difference before you divide.",
        ),
        Mistake(
            "the training set",
            "what",
            "You return the training set, standardised. The test set is asked for.",
        ),
    ),
    probes=(Probe("two sets", _two_sets), Probe("few examples", _few_examples)),
    checks=(Check("the standardised test set", 3),),
    hints=(
        "In use, examples come one at a time. Whose mean do you know then?",
        "Compute the mean and the standard deviation of each column of train; apply them to test.",
        "(test - train.mean(axis=0)) / train.std(axis=0)",
    ),
    alike=(
        # A mean that is not subtracted does not show whose it was.
        frozenset({frozenset({"no mean"}), frozenset({"no mean", "test's own mean"})}),
        frozenset(
            {frozenset({"no mean", "test's own statistics"}), frozenset({"no mean", "test's own std"})}
        ),
        # Nor does a deviation that nothing is divided by, or that divides a mean of nothing.
        frozenset(
            frozenset(names)
            for names in ({"no division"}, {"no division", "test's own std"}, {"no division", "n - 1"})
        ),
        frozenset(
            {
                frozenset({"no division", "test's own mean"}),
                frozenset({"no division", "test's own statistics"}),
            }
        ),
        frozenset({frozenset({"no division", "no mean"}), frozenset({"no brackets", "no mean"})}),
    ),
    forms=terms.STANDARDISE,
)


def _snapshots(rng: Generator) -> Inputs:
    features = int(rng.integers(5, 7))  # another number than below: no factor of it looks like a mistake
    before = _features(rng, 8, features)
    after = before * rng.uniform(0.5, 2, features)
    return {"before": before, "after": rng.permutation(_moved(rng, before, after))}


def _small_snapshots(rng: Generator) -> Inputs:
    features = int(rng.integers(3, 5))
    before, after = _features(rng, 3, features), _features(rng, 3, features)
    return {"before": before, "after": _moved(rng, before, after)}


def _moved(rng: Generator, before: Array, after: Array) -> Array:
    """Set how far the means move, some up and some down."""
    features = before.shape[1]
    signs = rng.permuted(np.resize([-1.0, 1.0], features))
    return after - after.mean(axis=0) + before.mean(axis=0) + signs * rng.uniform(0.6, 2, features)


def _moments_reference(before: Array, after: Array) -> Array:
    mean = after.mean(axis=0) - before.mean(axis=0)
    std = after.std(axis=0) - before.std(axis=0)
    return np.hypot(mean, std) / before.std(axis=0)


def _moments_mistaken(mistakes: Mistakes, before: Array, after: Array) -> Array:
    axis = None if "one number" in mistakes else 0
    ddof = 1 if "n - 1" in mistakes else 0
    power = 2 if "variances" in mistakes else 1
    mean = after.mean(axis=axis) - before.mean(axis=axis)
    old, new = (x.std(axis=axis, ddof=ddof) for x in (before, after))
    spread = new**power - old**power
    shift = np.sqrt(mean**2 + spread**2)
    if "mean alone" in mistakes:
        shift = abs(mean)
    elif "signed mean" in mistakes:
        shift = mean
    elif "sum" in mistakes:
        shift = abs(mean) + abs(spread)
    elif "no root" in mistakes:
        shift = mean**2 + spread**2
    if "new units" in mistakes:
        return shift / new
    return shift if "no units" in mistakes else shift / (old**2 if "variance as unit" in mistakes else old)


MOMENTS = CodeTask(
    name="shift.moments",
    title="How far the mean and the spread have moved",
    answer="moment_shift",
    section=INSIDE,
    outputs=("shift",),
    reference=_moments_reference,
    mistaken=_moments_mistaken,
    mistakes=(
        Mistake(
            "mean alone", "parts", "You measure the mean alone. The standard deviation may move as well."
        ),
        Mistake(
            "signed mean",
            "parts",
            "You return the difference of the means, with its sign. A distance has none, and the standard "
            "deviation counts too.",
        ),
        Mistake(
            "sum",
            "parts",
            "You add the two distances. They are the legs of a right triangle: take the root of the sum of"
            " squares.",
        ),
        Mistake("no root", "parts", "You return the sum of the squares: take its root."),
        Mistake(
            "variances",
            "spread",
            "You compare variances. They are in squared units; compare standard deviations.",
        ),
        Mistake("new units", "units", "You divide by the new deviation. The unit is the old one, of before."),
        Mistake(
            "no units", "units", "You do not divide by the old deviation, so the unit is that of the feature."
        ),
        Mistake("variance as unit", "units", "You divide by the old variance. Divide by its root."),
        Mistake("n - 1", "deviation", "Your deviations divide by n - 1. In this course they divide by n."),
        Mistake(
            "one number", "axis", "You pool all features. Each has a shift of its own: average along axis 0."
        ),
    ),
    probes=(Probe("eight examples", _snapshots), Probe("three examples", _small_snapshots)),
    checks=(Check("the shift of each feature", 4),),
    hints=(
        "What do you need of each column, before and after? Two numbers each.",
        "The distance is np.hypot of the two differences. In which unit should it be?",
        "np.hypot(after.mean(0) - before.mean(0), after.std(0) - before.std(0)) / before.std(0)",
    ),
    alike=(
        # Without the spread, it does not matter how the spread is measured.
        frozenset({frozenset({"mean alone"}), frozenset({"mean alone", "variances"})}),
        frozenset({frozenset({"signed mean"}), frozenset({"signed mean", "variances"})}),
    ),
    forms=terms.MOMENTS,
    properties=(bounded("shift", "a distance is not negative", lambda _: 0.0, lambda _: np.inf),),
)


def _both_ways(draw: Draw) -> Draw:
    """Let one feature spread about its mean, so that some of its values move up and others down."""

    def drawn(rng: Generator) -> Inputs:
        inputs = draw(rng)
        before, after = inputs["before"], inputs["after"]
        mean = before[:, 0].mean()
        after[:, 0] = rng.permutation(mean + 2.5 * (before[:, 0] - mean))
        return inputs

    return drawn


def _distribution_reference(before: Array, after: Array) -> Array:
    moved = np.abs(np.sort(after, axis=0) - np.sort(before, axis=0)).mean(axis=0)
    return moved / before.std(axis=0)


def _distribution_mistaken(mistakes: Mistakes, before: Array, after: Array) -> Array:
    axis = None if "one unit" in mistakes else 0
    unit = (after if "new units" in mistakes else before).std(axis=axis, ddof="n - 1" in mistakes)
    if "no units" in mistakes:
        unit = np.ones(())
    if "pairs" not in mistakes:
        axis = 1 if "sorted rows" in mistakes else 0
        before, after = np.sort(before, axis=axis), np.sort(after, axis=axis)
    gaps = after - before
    if "squares" in mistakes:
        moved = np.sqrt((gaps**2).mean(axis=0))
    elif "signs" in mistakes:
        moved = gaps.mean(axis=0)
    elif "size of the mean" in mistakes:
        moved = abs(gaps.mean(axis=0))
    elif "largest" in mistakes:
        moved = abs(gaps).max(axis=0)
    elif "sum" in mistakes:
        moved = abs(gaps).sum(axis=0)
    else:
        moved = abs(gaps).mean(axis=0)
    return moved / unit


DISTRIBUTION = CodeTask(
    name="shift.distribution",
    title="How far the whole distribution has moved",
    answer="distribution_shift",
    section=INSIDE,
    outputs=("shift",),
    reference=_distribution_reference,
    mistaken=_distribution_mistaken,
    mistakes=(
        Mistake(
            "pairs",
            "order",
            "You compare example with example. The distribution does not know which example has which value: "
            "sort each column first.",
        ),
        Mistake(
            "sorted rows", "order", "You sort along the features of an example. Sort each column: axis 0."
        ),
        Mistake(
            "squares",
            "mean",
            "You take the root of the mean square. The mean of the absolute differences is asked for.",
        ),
        Mistake(
            "signs",
            "mean",
            "You average the differences with their signs; they cancel. Take absolute values first.",
        ),
        Mistake(
            "size of the mean",
            "mean",
            "You take the absolute value of the mean difference. Take it of each difference, then the mean.",
        ),
        Mistake(
            "largest", "mean", "You take the largest difference. The mean over the examples is asked for."
        ),
        Mistake("sum", "mean", "You sum over the examples. The mean is asked for."),
        Mistake("new units", "units", "You divide by the new deviation. The unit is the old one, of before."),
        Mistake("no units", "units", "You do not divide by the old standard deviation."),
        Mistake(
            "one unit", "pooling", "Your unit is one deviation over all features. Each has its own: axis 0."
        ),
        Mistake("n - 1", "deviation", "Your deviation divides by n - 1. In this course it divides by n."),
    ),
    probes=(
        Probe("eight examples", _both_ways(_snapshots)),
        Probe("three examples", _both_ways(_small_snapshots)),
    ),
    checks=(Check("the shift of each feature", 3),),
    hints=(
        "Two columns hold the same numbers in another order. How far apart are their distributions?",
        "Sort each column of both, so that the k-th smallest meets the k-th smallest.",
        "np.abs(np.sort(after, 0) - np.sort(before, 0)).mean(0) / before.std(0)",
    ),
    alike=(
        # The mean of signed differences does not depend on how the values are paired.
        frozenset(
            {frozenset({"signs"}), frozenset({"signs", "pairs"})},
        ),
        frozenset({frozenset({"size of the mean"}), frozenset({"size of the mean", "pairs"})}),
        # A unit of 1 is the same however a deviation is computed.
        frozenset(
            frozenset(names) for names in ({"no units"}, {"no units", "n - 1"}, {"no units", "one unit"})
        ),
    ),
    forms=terms.DISTRIBUTION,
    properties=(bounded("shift", "a distance is not negative", lambda _: 0.0, lambda _: np.inf),),
)


def _inputs_of_a_task(rng: Generator) -> Inputs:
    train, use = rng.uniform(0.2, 0.8), rng.uniform(-0.6, 0.0)
    std = float(rng.uniform(0.5, 0.8))
    x = train + std * rng.normal(size=int(rng.integers(9, 14)))
    return {"x": np.clip(x, -1, 1.5), "train_mean": float(train), "use_mean": float(use), "std": std}


def _weights_reference(x: Array, train_mean: float, use_mean: float, std: float) -> tuple[Array, ...]:
    def density(mean: float) -> Array:
        return np.exp(-(((x - mean) / std) ** 2) / 2) / (std * np.sqrt(2 * np.pi))

    w = density(use_mean) / density(train_mean)
    return w, np.asarray(w.sum() ** 2 / (w**2).sum())


def _weights_mistaken(
    mistakes: Mistakes, x: Array, train_mean: float, use_mean: float, std: float
) -> tuple[Array, ...]:
    width = 1.0 if "std forgotten" in mistakes else std
    factor = 1.0 if "half forgotten" in mistakes else 0.5
    power = 1 if "not squared" in mistakes else 2
    exponents = [factor * abs((x - mean) / width) ** power for mean in (train_mean, use_mean)]
    if "std not squared" in mistakes:
        exponents = [exponent * std for exponent in exponents]
    log = exponents[0] - exponents[1]
    if "turned round" in mistakes:
        log = -log
    w = np.exp(log)
    if "difference" in mistakes:
        w = np.exp(-exponents[1]) - np.exp(-exponents[0])
    if "logarithm" in mistakes:
        w = log
    total = w.sum()
    count = total**2 / (w**2).sum()
    if "sum of weights" in mistakes:
        count = total
    elif "count without a square" in mistakes:
        count = total / (w**2).sum()
    elif "count turned round" in mistakes:
        count = 1 / count
    elif "share" in mistakes:
        count = count / len(w)
    return (w / total if "sum to 1" in mistakes else w), np.asarray(count)


WEIGHTS = CodeTask(
    name="shift.weights",
    title="Weigh examples for where the fit is used",
    answer="importance_weights",
    section=WEIGHTED,
    outputs=("w", "count"),
    reference=_weights_reference,
    mistaken=_weights_mistaken,
    mistakes=(
        Mistake(
            "turned round",
            "ratio",
            "Your weights are the density in training over that in use, or your exponents lack their minus. "
            "An example that is frequent in use counts for more.",
        ),
        Mistake("difference", "ratio", "You subtract the densities. The weight is their ratio."),
        Mistake("logarithm", "ratio", "You return the logarithm of the ratio: take np.exp of it."),
        Mistake("std forgotten", "exponent", "Your densities lack the standard deviation in the exponent."),
        Mistake(
            "std not squared",
            "exponent",
            "Your exponent divides by std where its square is due: ((x - mean) / std)**2.",
        ),
        Mistake("half forgotten", "half", "Your exponent lacks the half of the normal density."),
        Mistake("not squared", "square", "Your exponent is not squared: a normal density has (x - mean)**2."),
        Mistake(
            "sum to 1",
            "sum",
            "You divide the weights by their sum. Here they are asked for as they are: density over density.",
        ),
        Mistake(
            "sum of weights",
            "count",
            "Your count is the sum of the weights. It is the square of the sum, over the sum of the squares.",
        ),
        Mistake("count without a square", "count", "In your count the sum of the weights is not squared."),
        Mistake("count turned round", "count", "Your count is upside down: the square of the sum is on top."),
        Mistake(
            "share", "count", "You divide the count by the number of examples. The count itself is asked for."
        ),
    ),
    probes=(Probe("some inputs", _inputs_of_a_task), Probe("other inputs", _inputs_of_a_task)),
    checks=(Check("the weights", 2, outputs=("w",)), Check("the count in effect", 1, outputs=("count",))),
    hints=(
        "Which examples should count for more: those frequent in training, or those frequent in use?",
        "w is the density in use over that in training. The factors in front of both exponentials are the "
        "same.",
        "w = np.exp(((x - train_mean)**2 - (x - use_mean)**2) / (2 * std**2)); w.sum()**2 / (w**2).sum()",
    ),
    alike=(
        # |x - mean| / std * std
        frozenset(
            {
                frozenset({"not squared", "std forgotten"}),
                frozenset({"not squared", "std not squared"}),
            }
        ),
    ),
    forms=terms.WEIGHTS,
    properties=(
        bounded("w", "no weight is negative", lambda _: 0.0, lambda _: np.inf),
        bounded(
            "count", "the count lies between 1 and that of the examples", lambda _: 1.0, lambda i: len(i["x"])
        ),
    ),
)

KINDS = ("covariate shift", "label shift", "concept shift")


def _kinds(right: str, **says: str) -> tuple[Option, ...]:
    """Return the three options of a question; each wrong one is explained under its first word."""
    return tuple(
        Option(kind, f"Right: this is {kind}." if kind == right else says[kind.split()[0]]) for kind in KINDS
    )


WHICH = ChoiceTask(
    name="shift.kinds",
    title="Which of them has moved?",
    answer="KINDS",
    section=MOVED,
    questions=(
        Question(
            "dim",
            "A camera reads digits. Its lamp gets weaker, and all pictures darker.",
            _kinds(
                "covariate shift",
                label="The digits occur as often as before. It is how they look that has changed.",
                concept="A dark 4 is still a 4: from picture to answer the rule stays. The pictures have "
                "moved.",
            ),
            "covariate shift",
            1,
        ),
        Question(
            "sevens",
            "A form is changed, and many more sevens are written on it. Each digit looks as it did.",
            _kinds(
                "label shift",
                covariate=(
                    "The inputs do move with it, but because the answers do: given the digit, the pictures"
                    " look as before, and that is what label shift says."
                ),
                concept="A picture of a seven still means seven.",
            ),
            "label shift",
            1,
        ),
        Question(
            "spam",
            "Users begin to mark newsletters as spam that they used to read. The mails are as they were.",
            _kinds(
                "concept shift",
                covariate="The mails are the same. What has changed is the answer that the same mail gets.",
                label=(
                    "More mails are spam now, but not more of the same kind: mails of one kind have "
                    "another answer."
                ),
            ),
            "concept shift",
            1,
        ),
    ),
    beliefs=(
        Belief(
            "every change is covariate shift",
            "You call every change of data covariate shift. Ask which part stays: the rule from input to "
            "answer, or the look of each answer, or neither.",
            {"sevens": "covariate shift", "spam": "covariate shift"},
        ),
        Belief(
            "more of a label is label shift",
            "You go by how often the answers occur. Label shift means more: given the answer, the inputs "
            "look as before.",
            {"spam": "label shift"},
        ),
        Belief(
            "what breaks a model is concept shift",
            "You call it concept shift when the model fails. The model may fail because it never saw such "
            "inputs, though the rule is the same.",
            {"dim": "concept shift"},
        ),
    ),
    hints=(
        "Write p(x, y) as p(x) p(y | x) and as p(y) p(x | y). Which of the four stays?",
        "Ask: would a person who knows the old rule still give the right answers?",
    ),
)


PREDICTIONS = PredictionTask(
    name="shift.predictions",
    title="Predictions",
    answer="SHIFT_PREDICTIONS",
    section=INSIDE,
    statements=(
        Statement(
            "inverted",
            "A network trained on clean digits names inverted ones, white on black, right about as often as "
            "guessing would.",
            False,
            "book/01-covariate-shift/02-when-inputs-move",
        ),
        Statement(
            "one step",
            "At the start of training, one step moves the mean or spread of an inner input of a deep tanh "
            "network by over a twentieth of a standard deviation.",
            False,
            "C2.one-step",
        ),
        Statement(
            "distribution",
            "Late in training, the distributions inside a deep ReLU network with BatchNorm are less than "
            "half as far from their start as without a norm.",
            True,
            "C3.distribution",
        ),
        Statement(
            "early gradients",
            "In the first 30 steps of a deep tanh network, gradients shift more with BatchNorm than without.",
            True,
            "C3.gradient-early",
        ),
    ),
    points=2,
    hints=(
        "A probability of 0.5 says that you do not know; 0.9 that you would bet nine to one.",
        "Shift of what: of inputs, or of gradients? The answers differ.",
    ),
)


EXERCISE = Exercise(
    "covariate-shift",
    "Measuring a shift",
    "01-covariate-shift.ipynb",
    (STANDARDISE, WHICH, MOMENTS, DISTRIBUTION, WEIGHTS, PREDICTIONS),
)
