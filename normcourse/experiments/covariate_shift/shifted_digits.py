"""What does a network do with digits under another light than it was trained in?

Source:
    Hendrycks and Dietterich 2019, arXiv 1903.12261, test networks on such corruptions of photographs.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from normcourse.data import Split, corruptions, load_digits
from normcourse.experiments.engine.stacked import StackedMLP
from normcourse.experiments.engine.training import batch_order, scores, train_through

__all__ = ["SHIFTS", "Config", "Result", "run"]

Images = NDArray[np.float32]

#: What is done to the images, by name, and the amounts; the first of each does nothing.
SHIFTS: Mapping[str, tuple[Callable[[Images, float], Images], tuple[float, ...]]] = {
    "brightness": (corruptions.brightness, (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)),
    "contrast": (corruptions.contrast, (1.0, 0.8, 0.6, 0.4, 0.2, 0.1)),
    "noise": (corruptions.noise, (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)),
    "blur": (corruptions.blur, (0.0, 0.4, 0.6, 0.8, 1.0, 1.2)),
    "inverted share": (
        lambda x, share: (1 - share) * x + share * corruptions.invert(x),
        (0.0, 0.2, 0.4, 0.6, 0.8, 1.0),
    ),
}


@dataclass(frozen=True)
class Config:
    """Settings.

    Attributes:
        hidden: Units of each hidden layer, with ReLU.
        batch_size: Examples per step.
        steps: Training steps on the clean digits.
        learning_rate: Of plain SGD.
    """

    hidden: tuple[int, ...] = (64, 64)
    batch_size: int = 60
    steps: int = 600
    learning_rate: float = 0.1


@dataclass(frozen=True)
class Result:
    """How the trained networks answer.

    Attributes:
        config: The settings.
        accuracy: For each entry of `SHIFTS`, accuracy on the test split so changed, ``(seeds, amounts)``.
        clean_validation: Accuracy on the untouched validation split, shape ``(seeds,)``.
    """

    config: Config
    accuracy: Mapping[str, NDArray[np.float64]]
    clean_validation: NDArray[np.float64]


def run(
    config: Config = Config(),
    *,
    prepare: Callable[[Images], Images] = np.asarray,
    seeds: Sequence[int] = range(8),
    progress: bool = True,
) -> Result:
    """Train on clean digits, then test on changed ones; nothing is chosen on the way.

    Args:
        config: The settings.
        prepare: What is done to pictures, in training and in the tests, before a network gets them.
        seeds: One network each, all trained at once.
        progress: Whether to show a progress bar.
    """
    digits = load_digits()
    network = StackedMLP((digits.train.x.shape[1], *config.hidden, 10), seeds=seeds, gain=2**0.5)
    order = batch_order(len(digits.train.y), config.batch_size, config.steps, seeds)
    clean = Split(prepare(digits.train.x), digits.train.y)
    train_through(
        network, clean, order, config.learning_rate, progress="training on clean digits" if progress else None
    )

    def accuracy(x: Images, y: NDArray[np.int64]) -> NDArray[np.float64]:
        return scores(network, Split(prepare(x), y), models=len(seeds)).accuracy

    changed = {
        name: np.stack([accuracy(change(digits.test.x, amount), digits.test.y) for amount in amounts], axis=1)
        for name, (change, amounts) in SHIFTS.items()
    }
    return Result(config, changed, accuracy(*digits.validation))
