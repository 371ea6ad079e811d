"""Norms after an activation, whose outputs have a mean: does it matter that RMSNorm leaves the mean in?

Source:
    Zhang and Sennrich 2019, arXiv 1910.07467, who drop the mean.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from normcourse.data import load_digits
from normcourse.experiments.engine.stacked import DTYPE, NORMS, NormFactory, StackedMLP
from normcourse.experiments.engine.sweeps import Sweep
from normcourse.experiments.engine.tolerances import examples
from normcourse.experiments.engine.training import batch_order, scores, train_through
from normcourse.functional import rms_norm

__all__ = ["SWEEP", "Config", "StackedRMSNorm", "measure", "run"]


class StackedRMSNorm(nn.Module):
    """RMSNorm of the features of each of some models side by side, with a gamma and a beta as LayerNorm has.

    Args:
        models: Their number.
        features: Features of each.

    Example:
        >>> StackedRMSNorm(2, 3)(torch.tensor([[1.0, 1.0, 1.0, 2.0, 0.0, 2.0]]).double()).round(decimals=2)
        tensor([[1.0000, 1.0000, 1.0000, 1.2200, 0.0000, 1.2200]],
               dtype=torch.float64, grad_fn=<RoundBackward1>)
    """

    def __init__(self, models: int, features: int) -> None:
        super().__init__()
        self.features = features
        self.weight = nn.Parameter(torch.ones(models * features, dtype=DTYPE))
        self.bias = nn.Parameter(torch.zeros(models * features, dtype=DTYPE))

    def forward(self, x: Tensor) -> Tensor:
        """Normalize ``(batch, models * features)``."""
        each = x.view(len(x), -1, self.features)
        normalized = rms_norm(each, (self.features,), eps=1e-5).flatten(-2)
        return normalized * self.weight + self.bias


#: The two norms, with the same parameters.
_NORMS: Mapping[str, NormFactory] = {"layer": NORMS["layer"], "rms": StackedRMSNorm}  # type: ignore[dict-item]


@dataclass(frozen=True)
class Config:
    """Settings of a network whose norms stand after the activations.

    Attributes:
        norm: ``"layer"`` or ``"rms"``.
        activation: A name of `stacked.ACTIVATIONS`.
        learning_rate: Of plain SGD.
        hidden: Units of each hidden layer.
        gain: Standard deviation of the initial weights times the root of a layer's inputs.
        batch_size: Digits per step.
        steps: Of training.
    """

    norm: str = "layer"
    activation: str = "sigmoid"
    learning_rate: float = 0.1
    hidden: tuple[int, ...] = (100, 100, 100)
    gain: float = 2**0.5
    batch_size: int = 32
    steps: int = 300


def run(config: Config, *, seeds: Sequence[int]) -> NDArray[np.float64]:
    """Train networks on the digits and return their accuracy on the test digits, shape ``(seeds,)``.

    Args:
        config: The settings. With either norm a seed starts from the same weights and sees the same batches.
        seeds: Of the weights and of the batches.
    """
    data = load_digits()
    network = StackedMLP(
        (data.train.x.shape[1], *config.hidden, 10),
        seeds=seeds,
        norm=_NORMS[config.norm],
        activation=config.activation,
        gain=config.gain,
        placement="after",
    )
    order = batch_order(len(data.train.y), config.batch_size, config.steps, seeds)
    train_through(network, data.train, order, config.learning_rate)
    return scores(network.eval(), data.test, models=len(seeds)).accuracy


def measure(
    *, norm: str, activation: str, rate: float, steps: int, seeds: Sequence[int]
) -> Mapping[str, NDArray[np.float64]]:
    """Return the ``accuracy`` on the test digits, shape ``(seeds,)``, for `SWEEP`."""
    return {"accuracy": run(Config(norm, activation, rate, steps=steps), seeds=seeds)}


#: Both norms after two activations, at three rates each, read after 300 steps and, in runs of their own,
#: after 1200; nothing is chosen. It takes five minutes.
SWEEP = Sweep(
    "uncentred",
    {
        "norm": ("layer", "rms"),
        "activation": ("sigmoid", "relu"),
        "rate": (0.03, 0.1, 0.3),
        "steps": (300, 1200),
    },
    tuple(range(8)),
    measure,
    corner={"norm": "layer", "activation": "sigmoid", "rate": 0.03, "steps": 300},
    tolerances={"accuracy": examples(3, of=300)},
)
