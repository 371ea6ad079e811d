"""What the pages ask at their ends and a check can judge: practice, without points."""

from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from normcourse.exercises.forms import pages as terms
from normcourse.exercises.task import (
    AnyTask,
    Check,
    CodeTask,
    Inputs,
    Mistake,
    Mistakes,
    NumberTask,
    Probe,
    Section,
    WrongNumber,
)

__all__ = ["PRACTICE"]

Array = NDArray[Any]

FORWARD = Section("book/02-batchnorm-mechanics/01-forward", "What BatchNorm computes")
BACKWARD = Section("book/02-batchnorm-mechanics/02-backward", "The gradient through BatchNorm")
LAYER = Section("book/02-batchnorm-mechanics/03-write-the-layer", "Write the layer")

BY_HAND = NumberTask(
    name="forward.by_hand",
    title="By hand",
    answer="LAST",
    section=FORWARD,
    right=2.0,
    wrong=(
        WrongNumber(
            "n - 1",
            4 / (32 / 7) ** 0.5,
            "You divide the sum of squares by N - 1 = 7. The variance that normalizes is divided by N = 8.",
        ),
        WrongNumber("no division", 4.0, "That is the deviation, 9 - 5. Divide it by the standard deviation."),
        WrongNumber(
            "no root",
            1.0,
            "You divide the deviation by the variance, which is 4. Divide by its root. (Or is it the last "
            "example but one that you have, which is 7?)",
        ),
        WrongNumber("no mean", 4.5, "You divide 9 itself. Subtract the mean of the batch first."),
        WrongNumber("sign", -2.0, "You subtract 9 from the mean. It is the mean that is subtracted."),
        WrongNumber(
            "root twice",
            4 / 2**0.5,
            "You divide by the root of 2. The standard deviation is 2: the root is in it already.",
        ),
        WrongNumber(
            "sum of squares",
            4 / 32**0.5,
            "You divide by the root of the sum of the squared deviations. The variance is their mean.",
        ),
        WrongNumber(
            "mean square",
            4 / 29**0.5,
            "You divide by the root of the mean of x**2. The variance is the mean of (x - mean)**2.",
        ),
        WrongNumber(
            "mean size",
            4 / 1.5,
            "You divide by the mean size of the deviations. The standard deviation is the root of the mean "
            "of their squares.",
        ),
        WrongNumber("median", 2.25, "You subtract the median, 4.5. The mean is 5."),
        WrongNumber("the first", -1.5, "That is the first example. The last one is 9."),
    ),
    hints=(
        "Which two numbers of the batch do you need? The mean is the sum, 40, divided by 8.",
        "The deviations from 5 are -3, -1, -1, -1, 0, 0, 2, 4. The variance is the mean of their squares.",
        "The variance is 32 / 8 = 4, so the standard deviation is 2. Divide the last deviation by it.",
    ),
    solution="""\
import numpy as np

x = np.array([2, 4, 4, 4, 5, 5, 7, 9])
LAST = (x[-1] - x.mean()) / x.std()
""",
)

TWICE = NumberTask(
    name="forward.twice",
    title="Every example twice",
    answer="FACTOR",
    section=FORWARD,
    right=(7 / 6) ** 0.5,
    wrong=(
        WrongNumber(
            "n",
            1.0,
            "That is so where the variance is divided by N. Here it is divided by N - 1: by 3, then by 7.",
        ),
        WrongNumber("no root", 7 / 6, "That is the ratio of the variances. The outputs go by its root."),
        WrongNumber(
            "inverse",
            (6 / 7) ** 0.5,
            "That is what the standard deviation changes by. The outputs are divided by it.",
        ),
        WrongNumber(
            "inverse, no root",
            6 / 7,
            "That is what the variance changes by. The outputs are divided by its root.",
        ),
        WrongNumber(
            "the sum stays",
            (7 / 3) ** 0.5,
            "You divide by 7 in place of 3, but the sum of squares changes too: it doubles.",
        ),
        WrongNumber(
            "the divisor stays",
            0.5**0.5,
            "You double the sum of squares, but the divisor changes too: it is 7 in place of 3.",
        ),
        WrongNumber(
            "the divisor stays, inverse",
            2**0.5,
            "That is what the standard deviation would change by if the divisor stayed 3. It becomes 7.",
        ),
        WrongNumber(
            "4 for 3",
            (4 / 3) ** 0.5,
            "That compares N - 1 with N in the batch of four. Compare the batch of four with the batch of "
            "eight.",
        ),
        WrongNumber(
            "8 for 7",
            (8 / 7) ** 0.5,
            "That compares N - 1 with N in the batch of eight. Compare the batch of four with the batch of "
            "eight.",
        ),
    ),
    hints=(
        "Call the sum of squared deviations S. What is it once every example is there twice?",
        "The variance was S / 3, and becomes 2 S / 7. The deviations stay as they are.",
        "An output is a deviation, divided by the root of the variance. So the factor is the root of "
        "(S / 3) / (2 S / 7).",
    ),
    solution="""\
import numpy as np

x = np.array([1.0, 3.0, 3.0, 9.0])  # any four that differ
twice = np.concatenate([x, x])
FACTOR = x.std(ddof=1) / twice.std(ddof=1)
""",
)


def _batch(rng: Generator, examples: int, features: int, low: float, high: float, eps: float) -> Inputs:
    """Draw standardised features, to which eps makes a difference, and a gradient with a part along each."""
    x = rng.normal(size=(examples, features))
    x = (x - x.mean(axis=0)) / x.std(axis=0) * rng.uniform(low, high, features)
    var = x.var(axis=0)
    xhat = x / np.sqrt(var + eps)
    h = rng.normal(size=x.shape) + rng.uniform(1, 2, features) * xhat + rng.uniform(0.5, 1, features)
    return {"h": h, "xhat": xhat, "var": var, "eps": eps}


def _few(rng: Generator) -> Inputs:
    return _batch(rng, 3, int(rng.integers(4, 7)), 0.6, 0.9, 0.3)


def _many(rng: Generator) -> Inputs:
    return _batch(rng, int(rng.integers(11, 16)), int(rng.integers(5, 9)), 1.5, 2, 0.7)


def _along_reference(h: Array, xhat: Array, var: Array, eps: float) -> Array:
    return np.sum(h * xhat, axis=0) * eps / (var + eps) ** 1.5


def _along_mistaken(mistakes: Mistakes, h: Array, xhat: Array, var: Array, eps: float) -> Array:
    axis = None if "one sum" in mistakes else 0
    along = (h * xhat).mean(axis=axis) if "mean" in mistakes else (h * xhat).sum(axis=axis)
    share = eps / (var + eps)
    if "none" in mistakes:
        share = np.zeros_like(var)
    if "all" in mistakes:
        share = np.ones_like(var)
    if "the other share" in mistakes:
        share = var / (var + eps)
    if "eps over var" in mistakes:
        share = eps / var
    if "plus" in mistakes:
        share = 1 + var / (var + eps)
    root = np.sqrt(var + eps)
    if "no root" in mistakes:
        root = var + eps
    if "root forgotten" in mistakes:
        root = np.ones_like(var)
    if "no eps" in mistakes:
        root = np.sqrt(var)
    return along / root * share


ORTHOGONAL = CodeTask(
    name="backward.orthogonal",
    title="How nearly orthogonal?",
    answer="along",
    section=BACKWARD,
    outputs=("along",),
    reference=_along_reference,
    mistaken=_along_mistaken,
    mistakes=(
        Mistake(
            "none",
            "share",
            "You return 0, which is so for eps = 0 alone. The mean of xhat**2 is var / (var + eps), and what "
            "that lacks to 1 is left.",
        ),
        Mistake(
            "all",
            "share",
            "You leave out what the xhat term of dx takes away: it leaves the share 1 - var / (var + eps).",
        ),
        Mistake(
            "the other share",
            "share",
            "You multiply by var / (var + eps), which is what the xhat term takes away. What is left is "
            "the rest of 1.",
        ),
        Mistake(
            "plus",
            "share",
            "You add what the xhat term of dx takes away. Subtract it: 1 - var / (var + eps).",
        ),
        Mistake(
            "eps over var",
            "share",
            "You multiply by eps / var. The rest of 1 is eps / (var + eps): near it where eps is small.",
        ),
        Mistake(
            "one sum",
            "axis",
            "You take one sum over the whole array. Each feature has its own: sum along axis 0 only.",
        ),
        Mistake(
            "mean",
            "count",
            "You return a mean over the batch. The sum is asked for, which is N times that.",
        ),
        Mistake("no root", "root", "You divide by var + eps. dx is divided by s, the root of it, once."),
        Mistake("root forgotten", "root", "You leave out the 1 / s that dx has in front."),
        Mistake("no eps", "root", "You divide by the root of var. s is the root of var + eps."),
    ),
    probes=(Probe("three examples", _few), Probe("a larger batch", _many)),
    checks=(
        Check("three examples", 1, probes=("three examples",)),
        Check("a larger batch", 1, probes=("a larger batch",)),
    ),
    hints=(
        "Multiply the formula of dx by xhat and sum over the batch. What does the mean term give?",
        "The mean of h is multiplied by the sum of xhat, which is 0. The last term holds the sum of xhat**2, "
        "which is N * var / (var + eps).",
        "With s = np.sqrt(var + eps) what is left is np.sum(h * xhat, axis=0) / s, times 1 - "
        "var / (var + eps).",
    ),
    # Of nothing one cannot say how it was summed or divided.
    alike=(
        frozenset(
            {
                frozenset({"none"}),
                *(
                    frozenset({"none", other})
                    for other in ("one sum", "mean", "no root", "root forgotten", "no eps")
                ),
            }
        ),
    ),
    solution="""\
import numpy as np


def along(h, xhat, var, eps):
    s = np.sqrt(var + eps)
    return np.sum(h * xhat, axis=0) / s * eps / (var + eps)
""",
)

RMS = NumberTask(
    name="backward.rms",
    title="RMSNorm",
    answer="DX",
    section=BACKWARD,
    right=(0.168, -0.024),
    wrong=(
        WrongNumber(
            "mean term",
            (-0.032, -0.224),
            "You keep the mean term. It came from the path through the mean, which RMSNorm does not have.",
        ),
        WrongNumber(
            "BatchNorm",
            (0.0, 0.0),
            "That is the gradient where a mean is subtracted. RMSNorm subtracts none, not in xhat either.",
        ),
        WrongNumber(
            "constant",
            (0.2, 0.2),
            "You treat the root as a constant. It depends on x: subtract xhat times the mean of h * xhat.",
        ),
        WrongNumber(
            "root forgotten", (0.84, -0.12), "Divide by the root of the mean square as well, which is 5."
        ),
        WrongNumber(
            "root squared", (0.0336, -0.0048), "You divide by 25. Divide by its root, which is 5, once."
        ),
        WrongNumber(
            "sum",
            (0.136, -0.248),
            "You subtract xhat times the sum of h * xhat. The mean is due, over the two features.",
        ),
        WrongNumber("sign", (0.232, 0.424), "You add the part along xhat. It is subtracted."),
        WrongNumber(
            "x for xhat",
            (-0.6, -5.4),
            "You take x where xhat is due, which is x divided by 5: (0.2, 1.4).",
        ),
        WrongNumber("xhat", (0.2, 1.4), "That is xhat. Put it into the formula of the gradient."),
        WrongNumber(
            "root of the sum",
            (0.84 / 50**0.5, -0.12 / 50**0.5),
            "You divide by the root of the sum of squares. RMSNorm divides by the root of their mean, 5.",
        ),
    ),
    hints=(
        "Which path of BatchNorm's backward pass goes through the mean? RMSNorm does not have it.",
        "The mean square is (1 + 49) / 2 = 25, so xhat is (0.2, 1.4). With h = (1, 1), what is the mean of "
        "h * xhat?",
        "It is 0.8. So subtract 0.8 * xhat from (1, 1), and divide by 5.",
    ),
    solution="""\
import numpy as np

x, h = np.array([1, 7]), np.array([1, 1])
root = np.sqrt((x**2).mean())
xhat = x / root
DX = (h - xhat * (h * xhat).mean()) / root
""",
    tolerance=0.0005,
)


def _averaged(rng: Generator, examples: int, features: int) -> Inputs:
    """Draw a batch far from statistics that some batches have made."""
    x = rng.normal(size=(examples, features)) * rng.uniform(1, 3, features)
    return {
        "running_mean": rng.uniform(-2, 2, features),
        "running_var": rng.uniform(0.5, 2, features),
        "x": x + rng.uniform(2, 4, features),
        "tracked": int(rng.integers(3, 7)),  # no share of the newest batch is near 0.1 or a half
    }


def _small_batch(rng: Generator) -> Inputs:
    return _averaged(rng, 3, int(rng.integers(4, 7)))


def _large_batch(rng: Generator) -> Inputs:
    return _averaged(rng, int(rng.integers(11, 16)), int(rng.integers(5, 9)))


def _average_reference(
    running_mean: Array, running_var: Array, x: Array, tracked: int
) -> tuple[Array, Array]:
    share = 1 / (tracked + 1)
    return (
        running_mean + share * (x.mean(axis=0) - running_mean),
        running_var + share * (x.var(axis=0, ddof=1) - running_var),
    )


def _average_mistaken(
    mistakes: Mistakes, running_mean: Array, running_var: Array, x: Array, tracked: int
) -> tuple[Array, Array]:
    new = 1 / (tracked + 1)
    old = 1 - new
    if "fixed momentum" in mistakes:
        old, new = 0.9, 0.1
    elif "turned round" in mistakes:
        old, new = new, old
    elif "one too few" in mistakes:
        old, new = 1 - 1 / tracked, 1 / tracked
    elif "start counted" in mistakes:
        old, new = 1 - 1 / (tracked + 2), 1 / (tracked + 2)
    elif "old kept whole" in mistakes:
        old = 1.0
    elif "plain sum" in mistakes:
        old, new = 1.0, 1.0
    elif "newest alone" in mistakes:
        old, new = 0.0, 1.0
    axis = None if "one number" in mistakes else 0
    mean = x.mean(axis=axis)
    squares = (x**2 if "mean square" in mistakes else (x - mean) ** 2).sum(axis=axis)
    count = x.size if "one number" in mistakes else len(x)
    var = squares / (count if {"biased", "mean square"} & mistakes else count - 1)
    if "standard deviation" in mistakes:
        var = np.sqrt(var)
    return old * running_mean + new * mean, (
        running_var if "variance forgotten" in mistakes else old * running_var + new * var
    )


AVERAGE = CodeTask(
    name="layer.average",
    title="The plain average",
    answer="update",
    section=LAYER,
    outputs=("mean", "var"),
    reference=_average_reference,
    mistaken=_average_mistaken,
    mistakes=(
        Mistake(
            "fixed momentum",
            "weights",
            "You give the newest batch the weight 0.1. In the plain average of tracked + 1 batches each one "
            "has the weight 1 / (tracked + 1).",
        ),
        Mistake(
            "turned round",
            "weights",
            "You give the newest batch the weight of all the others. It is one of tracked + 1 batches, and "
            "the old statistics keep the rest.",
        ),
        Mistake(
            "one too few",
            "weights",
            "Your newest batch has the weight 1 / tracked. It is not among the tracked ones yet: with it "
            "there are tracked + 1.",
        ),
        Mistake(
            "start counted",
            "weights",
            "Your newest batch has the weight 1 / (tracked + 2), as if the zeros and ones of the start were "
            "a batch. With it there are tracked + 1.",
        ),
        Mistake(
            "old kept whole",
            "weights",
            "You add a share of the new statistics to the whole old ones. The weights have to sum to 1: the "
            "old ones get tracked / (tracked + 1).",
        ),
        Mistake("plain sum", "weights", "You add the new statistics to the old ones. An average divides."),
        Mistake("newest alone", "weights", "You return the statistics of the batch; the old ones are gone."),
        Mistake(
            "one number",
            "axis",
            "You take one mean and one variance over the whole array. Each feature has its own: axis 0 only.",
        ),
        Mistake(
            "biased",
            "variance",
            "Your batch variance divides by N. The running variance keeps the one that divides by N - 1.",
        ),
        Mistake("mean square", "variance", "You take the mean square of x; the variance is about the mean."),
        Mistake("standard deviation", "root", "You average standard deviations. Variances are kept."),
        Mistake(
            "variance forgotten", "what", "You return the running variance unchanged. It is updated as well."
        ),
    ),
    probes=(Probe("three examples", _small_batch), Probe("a larger batch", _large_batch)),
    checks=(
        Check("the running mean", 1, outputs=("mean",)),
        Check("the running variance", 1, outputs=("var",)),
    ),
    hints=(
        "When tracked batches are averaged already, how many are there with the new one? What is its share?",
        "Move each statistic by that share of the way: old + share * (new - old). For the first batch, with "
        "tracked = 0, nothing of the start may be left.",
        "share = 1 / (tracked + 1), and the new variance is x.var(axis=0, ddof=1).",
    ),
    forms=terms.AVERAGE,
    # What is left unused does not show how it was computed.
    alike=tuple(
        frozenset({frozenset({"variance forgotten"}), frozenset({"variance forgotten", name})})
        for name in ("biased", "mean square", "standard deviation")
    ),
    solution="""\
import numpy as np


def update(running_mean, running_var, x, tracked):
    share = 1 / (tracked + 1)
    return (
        running_mean + share * (x.mean(axis=0) - running_mean),
        running_var + share * (x.var(axis=0, ddof=1) - running_var),
    )
""",
)

#: In the order of the book.
PRACTICE: tuple[AnyTask, ...] = (BY_HAND, TWICE, ORTHOGONAL, RMS, AVERAGE)
