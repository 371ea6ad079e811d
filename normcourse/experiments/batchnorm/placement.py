"""BatchNorm before or after the activation?

Source:
    Ioffe and Szegedy 2015, arXiv 1502.03167, section 3.2: before, since the distribution of W x + b is more
    likely to be symmetric and not sparse. Here the two places race, and the distributions are measured.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from normcourse.data import load_mnist1d
from normcourse.experiments.engine.stacked import ACTIVATIONS, DTYPE, StackedMLP
from normcourse.experiments.engine.sweeps import Sweep
from normcourse.experiments.engine.tolerances import examples, relative
from normcourse.experiments.engine.training import batch_order, scores, train_through

__all__ = ["GAINS", "REPORT", "SEARCH", "SWEEP", "Config", "Result", "measure", "run"]

#: The standard deviation of the initial weights, times the root of a layer's inputs, for each activation. It
#: is 1 over the slope at zero, and He's choice for ReLU.
GAINS: Mapping[str, float] = {"sigmoid": 4.0, "tanh": 1.0, "relu": 2**0.5}

#: Seeds that choose the learning rate, and seeds to report on.
SEARCH, REPORT = (100, 101, 102), tuple(range(8))


@dataclass(frozen=True)
class Config:
    """Settings.

    Attributes:
        activation: A name of `GAINS`.
        placement: ``"before"`` or ``"after"`` the activation, or ``"none"`` for no BatchNorm.
        learning_rate: Of plain SGD.
        hidden: Units of each hidden layer.
        batch_size: Examples per step.
        steps: Training steps.
    """

    activation: str = "relu"
    placement: str = "before"
    learning_rate: float = 0.3
    hidden: tuple[int, ...] = (64, 64, 64, 64)
    batch_size: int = 64
    steps: int = 600


@dataclass(frozen=True)
class Result:
    """One row for each seed.

    Attributes:
        config: The settings.
        validation: Accuracy on the validation split after training, in inference mode, shape ``(seeds,)``.
        test: The same on the test split.
        skewness: Absolute skewness over the test split of a unit's ``W x + b`` and of what the activation
            makes of it, median over the units of all hidden layers, of the trained network, shape
            ``(seeds, 2)``; 0 is symmetric.
        zeros: Share of exact zeros among the same two, shape ``(seeds, 2)``.
        new_skewness: As ``skewness``, before training.
        new_zeros: As ``zeros``, before training.
    """

    config: Config
    validation: NDArray[np.float64]
    test: NDArray[np.float64]
    skewness: NDArray[np.float64]
    zeros: NDArray[np.float64]
    new_skewness: NDArray[np.float64]
    new_zeros: NDArray[np.float64]


def run(config: Config = Config(), *, seeds: Sequence[int] = REPORT, progress: bool = True) -> Result:
    """Train on MNIST-1D, all seeds at once.

    Args:
        config: The settings.
        seeds: One network each; equal seeds start from the same weights wherever the norm is.
        progress: Whether to show a progress bar.
    """
    data, without = load_mnist1d(), config.placement == "none"
    network = StackedMLP(
        (data.train.x.shape[1], *config.hidden, 10),
        seeds=seeds,
        norm="none" if without else "batch",
        activation=config.activation,
        gain=GAINS[config.activation],
        placement="before" if without else config.placement,
    )
    new_skewness, new_zeros = _shape(config, network)
    order = batch_order(len(data.train.y), config.batch_size, config.steps, seeds)
    label = f"{config.activation}, {config.placement}" if progress else None
    train_through(network, data.train, order, config.learning_rate, progress=label)
    skewness, zeros = _shape(config, network)
    validation, test = (
        scores(network, split, models=len(seeds)).accuracy for split in (data.validation, data.test)
    )
    return Result(config, validation, test, skewness, zeros, new_skewness, new_zeros)


@torch.no_grad()
def _shape(config: Config, network: StackedMLP) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Absolute skewness and share of zeros of the activations' inputs and outputs, ``(models, 2)`` each.

    A norm between ``W x`` and the activation moves and scales it, which changes no absolute skewness.
    """
    x = torch.tensor(load_mnist1d().test.x.T, dtype=DTYPE).expand(network.models, -1, -1)
    inputs = torch.cat(network.train(False).trace(x)[1], dim=1)
    both = [values.numpy() for values in (inputs, ACTIVATIONS[config.activation]()(inputs))]
    skewness = [np.median(np.abs(_skewness(values)), axis=1) for values in both]
    return np.stack(skewness, axis=1), np.stack([(values == 0).mean(axis=(1, 2)) for values in both], axis=1)


def _skewness(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Skewness along the last axis; 0 for a unit that says the same for every example."""
    centred = values - values.mean(axis=-1, keepdims=True)
    spread = np.sqrt((centred**2).mean(axis=-1))
    varies = ~(spread <= 1e-8)  # of a network that diverged, all is NaN
    standard = centred / np.where(varies, spread, 1)[..., None]
    skewness: NDArray[np.float64] = np.where(varies, (standard**3).mean(axis=-1), 0)
    return skewness


def measure(
    *, activation: str, placement: str, rate: float, seeds: Sequence[int]
) -> Mapping[str, NDArray[np.float64]]:
    """Run one combination, for `SWEEP`; the measurements are the arrays of `Result`."""
    result = run(Config(activation, placement, rate), seeds=seeds, progress=False)
    return {name: values for name, values in vars(result).items() if name != "config"}


#: Three activations, three places, five rates. It takes three minutes.
SWEEP = Sweep(
    "placement",
    {
        "activation": tuple(GAINS),
        "placement": ("none", "before", "after"),
        "rate": (0.1, 0.3, 1.0, 3.0, 10.0),
    },
    SEARCH + REPORT,
    measure,
    corner={"activation": "tanh", "placement": "before", "rate": 0.1},
    tolerances={
        "validation": examples(5, of=800),
        "test": examples(5, of=1000),
        "skewness": relative(0.02),
        "zeros": examples(5, of=1000),
        "new_skewness": relative(0.02),
        "new_zeros": examples(5, of=1000),
    },
)
