"""Over how many decades of learning rates does a network learn, with BatchNorm and without, and what fails?

Source:
    Ioffe and Szegedy 2015, arXiv 1502.03167, section 3.3, claims higher learning rates; Bjorck et al. 2018,
    arXiv 1806.02375, makes them the main reason for BatchNorm's benefit. Here the task is MNIST-1D.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from normcourse.data import load_mnist1d
from normcourse.experiments.engine.intervals import Interval, bootstrap
from normcourse.experiments.engine.stacked import DTYPE, StackedLinear, StackedMLP
from normcourse.experiments.engine.sweeps import Record, Sweep
from normcourse.experiments.engine.tolerances import examples
from normcourse.experiments.engine.training import Direction, batch_order, every_pair, scores, train

__all__ = [
    "NETWORKS",
    "PARTS",
    "SWEEP",
    "Config",
    "edge_ratio",
    "geometric_ratio",
    "largest_rate",
    "run",
    "usable",
    "window",
]

#: Activation, number of hidden layers and gain of the initial weights, by name.
NETWORKS: dict[str, tuple[str, int, float]] = {
    "relu, 2 layers": ("relu", 2, 2**0.5),
    "relu, 6 layers": ("relu", 6, 2**0.5),
    "relu, 12 layers": ("relu", 12, 2**0.5),
    "tanh, 6 layers": ("tanh", 6, 1.0),
    "sigmoid, 4 layers": ("sigmoid", 4, 4.0),
}

#: The parts of a network whose learning rate is varied, by name.
PARTS = ("all", "hidden weights", "others")


@dataclass(frozen=True)
class Config:
    """Settings.

    Attributes:
        network: A name of `NETWORKS`.
        norm: A name of `stacked.NORMS`, before the activation.
        width: Units of each hidden layer.
        batch_size: Examples per step.
        steps: Training steps of plain SGD.
        part: Which parameters train at the rates that are tried, a name of `PARTS`. The hidden weights are
            those that a norm follows directly; the others are the norms' own and those of the last layer.
        rest: The learning rate of all that is not in ``part``.
    """

    network: str = "relu, 6 layers"
    norm: str = "batch"
    width: int = 64
    batch_size: int = 60
    steps: int = 800
    part: str = "all"
    rest: float = 0.1

    def __post_init__(self) -> None:
        if self.part not in PARTS:
            raise ValueError(f"part must be one of {', '.join(PARTS)}, but got {self.part!r}")


def run(
    config: Config, rates: Sequence[float], *, seeds: Sequence[int] = range(8), progress: bool = True
) -> NDArray[np.float64]:
    """Train at every rate with every seed.

    Returns:
        Accuracy on the test split in inference mode after the last step, shape ``(seeds, rates)``. A network
        whose loss has become infinite answers like chance.
    """
    data = load_mnist1d()
    activation, layers, gain = NETWORKS[config.network]
    by_model, by_seed = every_pair(rates, seeds)
    network = StackedMLP(
        (data.train.x.shape[1], *[config.width] * layers, 10),
        seeds=by_seed,
        norm=config.norm,
        activation=activation,
        gain=gain,
    )
    order = batch_order(len(data.train.y), config.batch_size, config.steps, by_seed)
    label = f"{config.network}, norm {config.norm}" if progress else None
    for _ in train(
        network,
        data.train,
        order,
        by_model,
        optimiser=lambda: _with_rest(network, by_model, config),
        progress=label,
    ):
        pass
    accuracy = scores(network.eval(), data.test, models=len(by_seed)).accuracy
    return accuracy.reshape(len(rates), len(seeds)).T


def _with_rest(network: StackedMLP, rates: Sequence[float], config: Config) -> Direction:
    """Plain SGD, but what is not in the part takes its gradient times the rest's rate over the tried one."""
    hidden = {id(layer.weight) for layer in cast(Sequence[StackedLinear], network.linear)}
    tried = [
        config.part == "all" or (id(parameter) in hidden) == (config.part == "hidden weights")
        for parameter in network.parameters()
    ]
    factor = config.rest / torch.tensor(rates, dtype=DTYPE)[:, None]

    def direction(gradients: list[Tensor]) -> list[Tensor]:
        return [
            gradient if own else (factor * gradient.view(len(rates), -1)).view_as(gradient)
            for own, gradient in zip(tried, gradients, strict=True)
        ]

    return direction


def usable(accuracy: NDArray[np.float64], share: float) -> NDArray[np.bool_]:
    """Whether each rate, along the last axis, reaches ``share`` of the best accuracy over the rates."""
    good: NDArray[np.bool_] = accuracy >= share * accuracy.max(axis=-1, keepdims=True)
    return good


def window(
    rates: Sequence[float], accuracy: NDArray[np.float64], *, share: float = 0.9
) -> NDArray[np.float64]:
    """Width of the range of usable learning rates, in decades.

    A rate is usable if the accuracy is at least ``share`` of the best over all rates. Each usable rate counts
    for a step of the grid, so a single one is one step wide.

    Args:
        rates: Evenly spaced on a logarithmic axis, shape ``(rates,)``.
        accuracy: Shape ``(..., rates)``.
        share: Of the best accuracy.

    Returns:
        Shape ``(...)``.

    Raises:
        ValueError: The rates are not evenly spaced.

    Example:
        >>> float(window([0.01, 0.1, 1.0], np.array([0.5, 0.88, 0.9])))
        2.0
    """
    steps = np.diff(np.log10(rates))
    if not np.allclose(steps, steps[0], rtol=0.02):
        raise ValueError(f"window needs rates evenly spaced on a logarithmic axis; got {tuple(rates)}")
    return np.asarray(steps.mean() * usable(accuracy, share).sum(axis=-1))


def largest_rate(
    rates: Sequence[float], accuracy: NDArray[np.float64], *, share: float = 0.9
) -> NDArray[np.float64]:
    """Return the largest usable learning rate, as `window` defines usable: shape ``(...)``.

    Example:
        >>> float(largest_rate([0.01, 0.1, 1.0], np.array([0.5, 0.9, 0.1])))
        0.1
    """
    last = len(rates) - 1 - np.flip(usable(accuracy, share), axis=-1).argmax(axis=-1)
    largest: NDArray[np.float64] = np.asarray(rates)[last]
    return largest


def _measure(network: str, norm: str, rate: float, seeds: Sequence[int]) -> dict[str, NDArray[np.float64]]:
    return {"accuracy": run(Config(network, norm), [rate], seeds=seeds, progress=False)[:, 0]}


#: Every network, without and with BatchNorm, at 13 rates from 0.001 to 10. It takes about ten minutes.
SWEEP = Sweep(
    "learning_rates",
    {
        "network": tuple(NETWORKS),
        "norm": ("none", "batch"),
        "rate": tuple(float(f"{10 ** (i / 3):.3g}") for i in range(-9, 4)),
    },
    seeds=tuple(range(5)),
    measure=_measure,
    corner={"network": "relu, 2 layers", "norm": "batch", "rate": 0.01},
    tolerances={
        "accuracy": examples(5, of=1000),
    },
)


def geometric_ratio(above: NDArray[np.float64], below: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    """Return the ratio of the geometric means along an axis: rates are compared by factors.

    Example:
        >>> geometric_ratio(np.array([1.0, 100.0]), np.array([1.0, 1.0]), axis=0).round(3)
        np.float64(10.0)
    """
    ratio: NDArray[np.float64] = np.exp(np.log(above / below).mean(axis))
    return ratio


def edge_ratio(record: Record, network: str) -> Interval:
    """Compare the largest usable rates with BatchNorm and without.

    Args:
        record: Of `SWEEP`.
        network: A name of `NETWORKS`.

    Returns:
        The ratio of their geometric means and its 95% interval over the seeds.

    Example:
        >>> bool(edge_ratio(SWEEP.load(), "relu, 12 layers").low > 5)
        True
    """
    edges = (
        largest_rate(record.axes["rate"], record.get("accuracy", network=network, norm=norm).T)
        for norm in ("batch", "none")
    )
    return bootstrap(geometric_ratio, *edges)
