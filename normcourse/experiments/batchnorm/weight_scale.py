"""What becomes of the weights before a BatchNorm, whose length the network cannot see?

Source:
    Ioffe and Szegedy 2015, arXiv 1502.03167, section 3.3, for the invariance and the gradient; van Laarhoven
    2017, arXiv 1706.05350, for the effective learning rate and the part of weight decay; Wan et al. 2021,
    arXiv 2006.08419, for the turn of a step at equilibrium; Li and Arora 2019, arXiv 1910.07454, for weight
    decay as a growing learning rate.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from normcourse.data import load_digits
from normcourse.experiments.engine.stacked import StackedLinear, StackedMLP
from normcourse.experiments.engine.training import batch_order, scores, train

__all__ = ["Config", "Result", "run"]


@dataclass(frozen=True)
class Config:
    """Settings.

    Attributes:
        hidden: Units of each hidden layer; BatchNorm follows each layer's weights.
        scale: Factor on the initial weights of the hidden layers. At 1 they are He's.
        rate_factor: Factor on the learning rate of the hidden layers' weights alone, at the first step.
        growth: What that factor is multiplied by after each step.
        decay: Weight decay on these weights: each step subtracts their learning rate times this times them.
        learning_rate: Of all parameters.
        eps: Of BatchNorm.
        batch_size: Examples per step.
        steps: Training steps.
        every: Steps from one reading to the next.
    """

    hidden: tuple[int, ...] = (64, 64)
    scale: float = 1.0
    rate_factor: float = 1.0
    growth: float = 1.0
    decay: float = 0.0
    learning_rate: float = 0.3
    eps: float = 1e-5
    batch_size: int = 60
    steps: int = 1000
    every: int = 10


@dataclass(frozen=True)
class Result:
    """One row for each seed; the readings are taken at the start and then every few steps.

    Attributes:
        config: The settings.
        steps: The readings' steps, from 0, shape ``(readings,)``.
        squared: Squared length of each hidden layer's weights, shape ``(seeds, readings, layers)``.
        gained: Sum of the squared lengths of the gradient's steps so far (learning rate times the gradient of
            the loss, without decay), shape ``(seeds, readings, layers)``.
        turned: Sum of the squared ratios of such a step's length to that of the weights before it, shape
            ``(seeds, readings, layers)``.
        loss: Cross-entropy of the test split, normalized as one batch, nats, shape ``(seeds, readings)``.
        accuracy: Accuracy on the test split in inference mode, a fraction, shape ``(seeds, readings)``.
    """

    config: Config
    steps: NDArray[np.int64]
    squared: NDArray[np.float64]
    gained: NDArray[np.float64]
    turned: NDArray[np.float64]
    loss: NDArray[np.float64]
    accuracy: NDArray[np.float64]

    @property
    def effective_rate(self) -> NDArray[np.float64]:
        """Learning rate over squared length of the weights, shape ``(seeds, readings, layers)``."""
        factor = self.config.rate_factor * self.config.growth**self.steps
        return self.config.learning_rate * factor[:, None] / self.squared

    def turn(self, since: int) -> NDArray[np.float64]:
        """Root mean square of how long a step is beside the weights: the tangent by which it turns them.

        Args:
            since: A reading's step, from which on to average.

        Returns:
            Shape ``(seeds, layers)``.
        """
        [start] = np.flatnonzero(self.steps == since)
        angles: NDArray[np.float64] = np.sqrt(
            (self.turned[:, -1] - self.turned[:, start]) / (self.steps[-1] - since)
        )
        return angles


class _Watch:
    """Plain SGD with weight decay on the first parameters, of which it keeps account."""

    def __init__(self, config: Config, weights: Sequence[Tensor]) -> None:
        self.config, self.weights, self.factor = config, weights, config.rate_factor
        self.gained, self.turned = torch.zeros_like(self.squared), torch.zeros_like(self.squared)

    def __call__(self, gradients: list[Tensor]) -> list[Tensor]:
        """Return the directions; the gradients of the watched weights come first."""
        watched = len(self.weights)
        stepped = (self.config.learning_rate * self.factor) ** 2 * _squared(gradients[:watched])
        self.gained, self.turned = self.gained + stepped, self.turned + stepped / self.squared
        pairs = zip(gradients[:watched], self.weights, strict=True)
        decayed = [self.factor * (gradient + self.config.decay * weight) for gradient, weight in pairs]
        self.factor *= self.config.growth
        return decayed + gradients[watched:]

    @property
    def squared(self) -> Tensor:
        """Squared lengths of the weights, shape ``(models, layers)``."""
        return _squared(self.weights)


def run(config: Config = Config(), *, seeds: Sequence[int] = range(8), progress: bool = True) -> Result:
    """Train on the digits through BatchNorm and ReLU, and keep account of the hidden layers' weights.

    Equal seeds start from the same directions of the weights and see the same batches, whatever the scale.

    Args:
        config: The settings.
        seeds: One network each, all trained at once.
        progress: Whether to show a progress bar.
    """
    digits = load_digits()
    network = _network(config, digits.train.x.shape[1], seeds)
    watch = _Watch(config, [layer.weight for layer in cast(Sequence[StackedLinear], network.linear)])

    def reading() -> tuple[NDArray[np.float64], ...]:
        # A copy, since running statistics would move.
        loss = scores(copy.deepcopy(network).train(), digits.test, models=len(seeds)).loss
        accuracy = scores(network.eval(), digits.test, models=len(seeds)).accuracy
        return watch.squared.numpy(), watch.gained.numpy(), watch.turned.numpy(), loss, accuracy

    order = batch_order(len(digits.train.y), config.batch_size, config.steps, seeds)
    rates = [config.learning_rate] * len(seeds)
    label = f"scale {config.scale:g}, decay {config.decay:g}" if progress else None
    steps, readings = [0], [reading()]
    for step in train(network, digits.train, order, rates, optimiser=lambda: watch, progress=label):
        if step % config.every == 0:
            steps.append(step)
            readings.append(reading())
    stacked = (np.stack(kind, axis=1) for kind in zip(*readings, strict=True))
    return Result(config, np.array(steps), *stacked)


def _network(config: Config, features: int, seeds: Sequence[int]) -> StackedMLP:
    network = StackedMLP(
        (features, *config.hidden, 10),
        seeds=seeds,
        norm=lambda models, features: nn.BatchNorm1d(models * features, eps=config.eps),
        gain=2**0.5,
    )
    for layer in cast(Sequence[StackedLinear], network.linear):
        layer.weight.data *= config.scale
    return network


def _squared(weights: Sequence[Tensor]) -> Tensor:
    """Squared length for each model and layer, shape ``(models, layers)``."""
    return torch.stack([weight.detach().square().sum(dim=(1, 2)) for weight in weights], dim=1)
