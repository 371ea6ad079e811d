"""Is BatchNorm a regulariser? Training on few examples, where overfitting shows, with and without it.

Source:
    Ioffe and Szegedy 2015, arXiv 1502.03167, section 3.4, who say that the noise of the batch regularises;
    MNIST-1D of Greydanus and Kobak 2020, arXiv 2011.14439.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from normcourse.data import Dataset
from normcourse.experiments.batchnorm.batch_size import ghosts
from normcourse.experiments.engine.search import Search, fresh, search_rate
from normcourse.experiments.engine.stacked import DTYPE, NormFactory, StackedMLP
from normcourse.experiments.engine.sweeps import Sweep
from normcourse.experiments.engine.tolerances import examples
from normcourse.experiments.engine.training import DATA, batch_order, score, scores, train_through

__all__ = ["SWEEP", "Config", "Result", "measure", "run"]


@dataclass(frozen=True)
class Config:
    """Settings of one kind of network.

    Attributes:
        data: A name of `training.DATA`.
        norm: A name of `stacked.NORMS`, or a factory of norms, such as `batch_size.ghosts` makes.
        batch_size: Examples per step. At ``examples`` all batches are equal: their statistics have no noise.
        examples: How many training examples there are; each seed draws its own.
        epochs: How often each is seen.
        hidden: Units of each hidden layer, with ReLU and He's initial weights.
        rates: The grid of learning rates, as they are at batches of 64. A batch of B gets the share B / 64.
        search_seeds: Seeds of the search; `run` reports on other seeds.
    """

    data: str = "mnist1d"
    norm: str | NormFactory = "batch"
    batch_size: int = 256
    examples: int = 256
    epochs: int = 125
    hidden: tuple[int, ...] = (100, 100)
    rates: tuple[float, ...] = (0.06, 0.2, 0.6, 2.0, 6.0)
    search_seeds: tuple[int, ...] = (100, 101, 102)


@dataclass(frozen=True)
class Result:
    """What the fresh seeds did at the chosen rate, in inference mode.

    Attributes:
        config: The settings.
        search: The choice of the learning rate, of ``config.rates``.
        train: Accuracy on the examples trained on (a fraction), shape ``(seeds,)``.
        test: Accuracy on the test split, shape ``(seeds,)``.
    """

    config: Config
    search: Search
    train: NDArray[np.float64]
    test: NDArray[np.float64]


def run(config: Config = Config(), *, seeds: Sequence[int] = range(8), progress: bool = True) -> Result:
    """Choose the learning rate on the validation split, then train fresh seeds and test them.

    Args:
        config: The settings.
        seeds: Seeds to report on; none may be among ``config.search_seeds``. Of each are the weights, the
            examples and their order, whatever the norm.
        progress: Whether to show progress bars.

    Raises:
        ValueError: A seed is also a search seed, or the training split has fewer examples.
    """
    seeds, data = fresh(seeds, config.search_seeds), DATA[config.data]()
    if config.examples > len(data.train.y):
        raise ValueError(
            f"{config.data} has {len(data.train.y)} examples to train on, but Config.examples is "
            f"{config.examples}; lower it"
        )
    validate = partial(_validation_accuracy, config, data, progress)
    search = search_rate(validate, config.rates, config.search_seeds)
    rates = [search.rate] * len(seeds)
    network = _trained(config, data, rates, seeds, "seeds" if progress else None)
    test = scores(network, data.test, models=len(seeds)).accuracy
    return Result(config, search, _train_accuracy(network, config, data, seeds), test)


def measure(*, data: str, norm: str, size: int, seeds: Sequence[int]) -> Mapping[str, NDArray[np.float64]]:
    """Run one norm at one size on one data set, for `SWEEP`.

    Args:
        data: As in `Config`.
        norm: As in `Config`, or ``"ghost"`` for Ghost BatchNorm in full batches.
        size: Of the batch, or of the ghosts.
        seeds: To report on.

    Returns:
        ``train`` and ``test`` as in `Result`, and the chosen ``rate``, each of shape ``(seeds,)``.
    """
    config = Config(data, ghosts(size)) if norm == "ghost" else Config(data, norm, size)
    result = run(config, seeds=seeds, progress=False)
    return {"train": result.train, "test": result.test, "rate": np.full(len(seeds), result.search.rate)}


def _subsets(config: Config, data: Dataset, seeds: Sequence[int]) -> NDArray[np.int64]:
    """The training examples of each seed, shape ``(examples, seeds)``."""
    drawn = [np.random.default_rng([seed, 1]).permutation(len(data.train.y)) for seed in seeds]
    return np.stack(drawn, axis=1)[: config.examples]


def _validation_accuracy(
    config: Config, data: Dataset, progress: bool, rates: Sequence[float], seeds: Sequence[int]
) -> NDArray[np.float64]:
    network = _trained(config, data, rates, seeds, "learning rates" if progress else None)
    return scores(network, data.validation, models=len(seeds)).accuracy


def _trained(
    config: Config, data: Dataset, rates: Sequence[float], seeds: Sequence[int], progress: str | None
) -> StackedMLP:
    """Networks in inference mode, one for each pair of a rate (at batches of 64) and a seed."""
    sizes = (data.train.x.shape[1], *config.hidden, int(data.train.y.max()) + 1)
    network = StackedMLP(sizes, seeds=seeds, norm=config.norm, activation="relu", gain=2**0.5)
    steps = config.epochs * config.examples // config.batch_size
    order = batch_order(config.examples, config.batch_size, steps, seeds)
    own = _subsets(config, data, seeds)
    examples = np.stack([own[order[:, model], model] for model in range(len(seeds))], axis=1)
    scaled = [rate * config.batch_size / 64 for rate in rates]
    return train_through(network, data.train, examples, scaled, progress=progress)


@torch.no_grad()
def _train_accuracy(
    network: StackedMLP, config: Config, data: Dataset, seeds: Sequence[int]
) -> NDArray[np.float64]:
    own = _subsets(config, data, seeds).T
    x, y = torch.tensor(data.train.x[own], dtype=DTYPE), torch.tensor(data.train.y[own])
    return score(network(x.transpose(1, 2)), y).accuracy


#: Four norms at three sizes on two data sets, which take four minutes. The corner is a short run.
SWEEP = Sweep(
    "few_examples",
    {"data": ("mnist1d", "digits"), "norm": ("none", "batch", "layer", "ghost"), "size": (8, 32, 256)},
    tuple(range(8)),
    measure,
    corner={"data": "digits", "norm": "batch", "size": 256},
    tolerances={
        "train": examples(2, of=256),
        "test": examples(2, of=300),
    },
)
