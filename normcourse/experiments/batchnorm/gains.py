"""What BatchNorm gains or costs, gathered from the records of the chapter."""

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
from numpy.typing import NDArray

from normcourse.experiments.batchnorm import batch_size, learning_rates, step_ratios
from normcourse.experiments.engine.intervals import Interval, bootstrap

__all__ = ["SETTINGS", "gains"]

#: By question, then by the words for a setting, its name in the question's record.
SETTINGS: Mapping[str, Mapping[str, str]] = {
    "fewer steps to a target": {
        "3 sigmoid layers, poor start": "sigmoid, std 0.1, SGD",
        "3 sigmoid layers, good start": "sigmoid, std 0.4, SGD",
        "2 ReLU layers": "relu, 2 layers, SGD",
        "6 ReLU layers": "relu, 6 layers, SGD",
        "12 ReLU layers": "relu, 12 layers, SGD",
        "6 tanh layers": "tanh, 6 layers, SGD",
    },
    "higher usable learning rate": {
        "2 ReLU layers": "relu, 2 layers",
        "6 ReLU layers": "relu, 6 layers",
        "12 ReLU layers": "relu, 12 layers",
        "6 tanh layers": "tanh, 6 layers",
        "4 sigmoid layers": "sigmoid, 4 layers",
    },
    "fewer errors": {
        "batches of 128": "128",
        "batches of 8": "8",
        "batches of 4": "4",
        "batches of 2": "2",
    },
}


def gains() -> dict[str, dict[str, Interval]]:
    """Return how many times better a network with BatchNorm is than the one without, from the records.

    Above 1 BatchNorm is ahead, below 1 behind. Each network has its own best learning rate, but where the
    question is the largest usable one.

    Returns:
        By question and setting as in `SETTINGS`, an estimate and its 95% interval over the seeds.

    Example:
        >>> found = gains()["fewer errors"]["batches of 2"]
        >>> bool(found.high < 1)
        True
    """
    measures: tuple[Callable[[str], Interval], ...] = (
        step_ratios.ratio,
        partial(learning_rates.edge_ratio, learning_rates.SWEEP.load()),
        _error_ratio,
    )
    return {
        question: {words: measure(name) for words, name in settings.items()}
        for measure, (question, settings) in zip(measures, SETTINGS.items(), strict=True)
    }


def _error_ratio(size: str) -> Interval:
    record = batch_size.SWEEP.load()

    def ratio(plain: NDArray[np.float64], normalized: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
        return np.asarray(plain.mean(axis) / normalized.mean(axis))

    return bootstrap(ratio, *(record.get("error", norm=norm, size=int(size)) for norm in ("none", "batch")))
