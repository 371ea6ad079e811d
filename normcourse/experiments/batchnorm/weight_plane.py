"""The two weights of one unit before BatchNorm, drawn as a point: where does gradient descent move it?

Source:
    Ioffe and Szegedy 2015, arXiv 1502.03167, section 3.3; van Laarhoven 2017, arXiv 1706.05350.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from normcourse import functional

__all__ = ["Config", "Result", "landscape", "run"]


@dataclass(frozen=True)
class Config:
    """Settings.

    Attributes:
        length: Of the weight vector at the start.
        angle: Of the weight vector at the start, in radians.
        learning_rate: Of plain gradient descent.
        steps: Steps to take.
        examples: Of the two-class problem, all in one batch.
        seed: Of the examples.
    """

    length: float = 1.0
    angle: float = 2.4
    learning_rate: float = 1.0
    steps: int = 20
    examples: int = 60
    seed: int = 0


@dataclass(frozen=True)
class Result:
    """Where the walk led.

    Attributes:
        config: The settings.
        weights: The weights before the first step and after each, shape ``(steps + 1, 2)``.
        loss: The loss at each of them, nats, shape ``(steps + 1,)``.
    """

    config: Config
    weights: NDArray[np.float64]
    loss: NDArray[np.float64]

    @property
    def length(self) -> NDArray[np.float64]:
        """Length of the weight vector, shape ``(steps + 1,)``."""
        lengths: NDArray[np.float64] = np.linalg.norm(self.weights, axis=1)
        return lengths

    @property
    def turned(self) -> NDArray[np.float64]:
        """By how many degrees the weight vector has turned since the start, shape ``(steps + 1,)``."""
        cosine = self.weights @ self.weights[0] / (self.length * self.length[0])
        angles: NDArray[np.float64] = np.degrees(np.arccos(np.clip(cosine, -1, 1)))
        return angles


def run(config: Config = Config()) -> Result:
    """Walk down the loss by gradient descent on the two weights; gamma is 1 and beta 0 throughout."""
    examples = _examples(config)
    weights = torch.tensor([np.cos(config.angle), np.sin(config.angle)]) * config.length
    path, losses = [weights], [_loss(weights, *examples)]
    for _ in range(config.steps):
        weights = weights.detach().requires_grad_()
        [gradient] = torch.autograd.grad(_loss(weights, *examples), weights)
        weights = weights.detach() - config.learning_rate * gradient
        path.append(weights)
        losses.append(_loss(weights, *examples))
    return Result(config, torch.stack(path).numpy(), torch.stack(losses).numpy())


def landscape(angles: NDArray[np.float64], config: Config = Config()) -> NDArray[np.float64]:
    """Return the loss in each direction, at whatever length, in the shape of ``angles`` (radians)."""
    examples = _examples(config)
    directions = torch.from_numpy(np.stack([np.cos(angles), np.sin(angles)], axis=1))
    return np.array([_loss(direction, *examples).item() for direction in directions])


def _examples(config: Config) -> tuple[Tensor, Tensor]:
    """Two overlapping classes: points of shape ``(N, 2)`` and signs of shape ``(N,)``."""
    rng = np.random.default_rng(config.seed)
    signs = np.resize([-1.0, 1.0], config.examples)
    points = rng.normal(size=(config.examples, 2)) + signs[:, None] * np.array([1.0, 0.3])
    return torch.from_numpy(points), torch.from_numpy(signs)


def _loss(weights: Tensor, points: Tensor, signs: Tensor) -> Tensor:
    # As good as no eps: what the length changes is then below rounding.
    out = functional.batch_norm((points @ weights)[:, None], None, None, training=True, eps=1e-30)
    return torch.nn.functional.softplus(-signs * out[:, 0]).mean()
