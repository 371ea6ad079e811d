"""Residual networks whose branches end in a BatchNorm with gamma = 1 or gamma = 0 at the start.

Source:
    Goyal et al., Accurate, Large Minibatch SGD, 2017, arXiv 1706.02677, section 5.1, for gamma = 0 in the
    last BatchNorm of each branch; De and Smith 2020, arXiv 2002.10444, for the growth of the stream.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from normcourse.data import Split, load_mnist1d
from normcourse.experiments.engine.search import Search, fresh, search_rate
from normcourse.experiments.engine.stacked import DTYPE, StackedLinear, StackedNorm
from normcourse.experiments.engine.sweeps import Sweep
from normcourse.experiments.engine.tolerances import examples
from normcourse.experiments.engine.training import batch_order, scores, train

__all__ = ["SWEEP", "Config", "Result", "StackedResidual", "measure", "run", "stream_sizes"]


@dataclass(frozen=True)
class Config:
    """Settings.

    Attributes:
        gamma: The initial gamma of the last norm of every branch.
        blocks: Residual blocks; each has two layers of weights.
        width: Features of the stream.
        steps: Training steps by plain SGD.
        batch_size: Examples per step.
        readings: The steps after which the test split is evaluated.
        rates: The grid of learning rates.
        search_seeds: Seeds of the search; `run` reports on other seeds.
    """

    gamma: float = 1.0
    blocks: int = 16
    width: int = 32
    steps: int = 400
    batch_size: int = 64
    readings: tuple[int, ...] = (20, 50, 100, 200, 400)
    rates: tuple[float, ...] = (0.03, 0.1, 0.3, 1.0)
    search_seeds: tuple[int, ...] = (100, 101, 102)


@dataclass(frozen=True)
class Result:
    """What the fresh seeds did at the chosen rate.

    Attributes:
        config: The settings.
        search: The choice of the learning rate, by the accuracy at the end.
        accuracy: On the test split in inference mode, a fraction, shape ``(seeds, readings)``.
    """

    config: Config
    search: Search
    accuracy: NDArray[np.float64]


def _batch_norm(models: int, features: int) -> nn.Module:
    return nn.BatchNorm1d(models * features)


class _Branch(nn.Module):
    """``norm(W2 relu(norm(W1 x)))`` for stacked models."""

    def __init__(self, weights: tuple[Tensor, Tensor], gamma: float) -> None:
        super().__init__()
        models, width, _ = weights[0].shape
        self.linear1, self.linear2 = (StackedLinear(weight, bias=False) for weight in weights)
        self.norm1, self.norm2 = (StackedNorm(models, width, _batch_norm) for _ in weights)
        nn.init.constant_(cast(Tensor, self.norm2.layer.weight), gamma)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.norm2(self.linear2(torch.relu(self.norm1(self.linear1(x)))))
        return out


class StackedResidual(nn.Module):
    """Residual networks, one per entry of ``seeds``: a stem, blocks ``x + branch(x)``, and a linear head.

    The stem is ``relu(norm(W x))``, a branch ``norm(W2 relu(norm(W1 x)))``, and every norm is BatchNorm.
    All weights are He's. A seed starts from the same weights whatever gamma.

    Args:
        features: Of the input.
        width: Of the stream.
        blocks: Their number.
        seeds: One integer per model.
        gamma: The initial gamma of the last norm of every branch. Its beta starts at 0.
        classes: Their number.

    Example:
        >>> network = StackedResidual(40, width=8, blocks=3, seeds=[0, 1], gamma=0.0)
        >>> x = torch.rand(2, 40, 30, dtype=torch.float64)
        >>> logits, streams = network.trace(x)
        >>> tuple(logits.shape), len(streams), torch.equal(streams[0], streams[-1])
        ((2, 10, 30), 4, True)
    """

    def __init__(
        self, features: int, *, width: int, blocks: int, seeds: Sequence[int], gamma: float, classes: int = 10
    ) -> None:
        super().__init__()
        generators = [torch.Generator().manual_seed(int(seed)) for seed in seeds]

        def weight(out: int, inp: int) -> Tensor:
            normal = torch.stack([torch.randn(out, inp, generator=g, dtype=DTYPE) for g in generators])
            scaled: Tensor = normal * (2 / inp) ** 0.5
            return scaled

        self.stem = StackedLinear(weight(width, features), bias=False)
        self.norm = StackedNorm(len(seeds), width, _batch_norm)
        self.blocks = nn.ModuleList(
            _Branch((weight(width, width), weight(width, width)), gamma) for _ in range(blocks)
        )
        self.head = StackedLinear(weight(classes, width), bias=True)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(models, features, batch)`` to logits of shape ``(models, classes, batch)``."""
        return self.trace(x)[0]

    def trace(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return the logits, and the stream before the first block and after each, in a list."""
        streams = [torch.relu(self.norm(self.stem(x)))]
        for branch in self.blocks:
            streams.append(streams[-1] + branch(streams[-1]))
        return self.head(streams[-1]), streams


def run(config: Config = Config(), *, seeds: Sequence[int] = range(8), progress: bool = True) -> Result:
    """Choose the learning rate on the validation split of MNIST-1D, then train fresh seeds and test them.

    Args:
        config: The settings.
        seeds: Seeds to report on; none may be among ``config.search_seeds``.
        progress: Whether to show progress bars.

    Raises:
        ValueError: A seed is also a search seed.
    """
    data, seeds = load_mnist1d(), fresh(seeds, config.search_seeds)
    label = f"gamma {config.gamma:g}, {config.blocks} blocks" if progress else None

    def validate(rates: Sequence[float], seeds: Sequence[int]) -> NDArray[np.float64]:
        return _curves(config, data.validation, rates, seeds, label)[:, -1]

    search = search_rate(validate, config.rates, config.search_seeds)
    return Result(config, search, _curves(config, data.test, [search.rate] * len(seeds), seeds, label))


def _curves(
    config: Config, split: Split, rates: Sequence[float], seeds: Sequence[int], label: str | None
) -> NDArray[np.float64]:
    """Accuracy at each reading, shape ``(models, readings)``."""
    data = load_mnist1d().train
    network = StackedResidual(
        data.x.shape[1], width=config.width, blocks=config.blocks, seeds=seeds, gamma=config.gamma
    )
    order = batch_order(len(data.y), config.batch_size, config.steps, seeds)
    read = [
        scores(network.eval(), split, models=len(seeds)).accuracy
        for step in train(network, data, order, rates, progress=label)
        if step in config.readings
    ]
    return np.stack(read, axis=1)


@torch.no_grad()
def stream_sizes(config: Config = Config(), *, seeds: Sequence[int] = range(8)) -> NDArray[np.float64]:
    """Measure the stream of new networks in training mode, over the first 200 training examples.

    Returns:
        Root mean square over examples and features before the first block and after each, relative to that
        before the first, shape ``(seeds, blocks + 1)``.
    """
    x = torch.from_numpy(load_mnist1d().train.x[:200].T.copy()).to(DTYPE)
    network = StackedResidual(
        len(x), width=config.width, blocks=config.blocks, seeds=seeds, gamma=config.gamma
    )
    _, streams = network.trace(x.expand(len(seeds), -1, -1))
    sizes = torch.stack([stream.square().mean(dim=(1, 2)).sqrt() for stream in streams], dim=1)
    relative: NDArray[np.float64] = (sizes / sizes[:, :1]).numpy()
    return relative


def measure(*, blocks: int, gamma: float, seeds: Sequence[int]) -> Mapping[str, NDArray[np.float64]]:
    """Run one depth and one gamma, for `SWEEP`.

    Returns:
        ``accuracy`` as in `Result`, and the chosen ``rate``, of shape ``(seeds,)``.
    """
    result = run(Config(gamma, blocks), seeds=seeds, progress=False)
    return {"accuracy": result.accuracy, "rate": np.full(len(seeds), result.search.rate)}


#: Three depths, each with gamma = 1 and gamma = 0. It takes two minutes.
SWEEP = Sweep(
    "zero_gamma",
    {"blocks": (2, 16, 48), "gamma": (1.0, 0.0)},
    tuple(range(8)),
    measure,
    corner={"blocks": 2, "gamma": 0.0},
    tolerances={
        "accuracy": examples(5, of=1000),
    },
)
