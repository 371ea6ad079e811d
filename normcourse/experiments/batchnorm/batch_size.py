"""At which batch size does BatchNorm stop working, and do its relatives?

Source:
    Wu and He 2018, arXiv 1803.08494, ask it of ImageNet; Ioffe 2017, arXiv 1702.03275, for Batch
    Renormalization; Hoffer et al. 2017, arXiv 1705.08741, for Ghost BatchNorm; Goyal et al. 2017, arXiv
    1706.02677, for a learning rate in proportion to the batch size. Here the digits are small.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from normcourse.data import Split, load_digits
from normcourse.experiments.engine.search import Search, fresh, search_rate
from normcourse.experiments.engine.stacked import NormFactory, StackedMLP
from normcourse.experiments.engine.sweeps import Sweep
from normcourse.experiments.engine.tolerances import examples
from normcourse.experiments.engine.training import batch_order, scores, train_through
from normcourse.nn import GhostBatchNorm

__all__ = ["SWEEP", "Config", "Result", "ghosts", "measure", "run", "trained"]


@dataclass(frozen=True)
class Config:
    """Settings of one network at one batch size.

    Attributes:
        norm: A name of `stacked.NORMS`, or a factory of norms, such as `ghosts` makes.
        batch_size: Examples per step; at least 2 with BatchNorm.
        hidden: Units of each hidden layer, with ReLU and He's initial weights.
        examples: How many examples a network sees in all, so that small batches make more steps.
        rates: The grid of learning rates, as they are at batches of 64. A batch of B gets the share B / 64.
        search_seeds: Seeds of the search; `run` reports on other seeds.
    """

    norm: str | NormFactory = "batch"
    batch_size: int = 128
    hidden: tuple[int, ...] = (100, 100)
    examples: int = 16000
    rates: tuple[float, ...] = (0.06, 0.2, 0.6, 2.0, 6.0)
    search_seeds: tuple[int, ...] = (100, 101, 102)


@dataclass(frozen=True)
class Result:
    """What the fresh seeds did at the chosen rate.

    Attributes:
        config: The settings.
        search: The choice of the learning rate, of ``config.rates``.
        error: Share of wrong answers on the test split in inference mode, shape ``(seeds,)``.
        batch_error: The same in training mode, with the test split as one batch. For ``"batch"`` that puts
            the statistics of the whole split in place of the running ones; Batch Renormalization corrects
            back to those, and ghosts still cut the split.
    """

    config: Config
    search: Search
    error: NDArray[np.float64]
    batch_error: NDArray[np.float64]


def ghosts(size: int) -> NormFactory:
    """Return a factory of Ghost BatchNorm for `Config`.

    Args:
        size: Examples of a ghost batch.
    """
    return lambda models, features: GhostBatchNorm(models * features, size)


def run(config: Config = Config(), *, seeds: Sequence[int] = range(8), progress: bool = True) -> Result:
    """Choose the learning rate on the validation split, then train fresh seeds and test them.

    Args:
        config: The settings.
        seeds: Seeds to report on; none may be among ``config.search_seeds``.
        progress: Whether to show progress bars.

    Raises:
        ValueError: A seed is also a search seed.
    """
    seeds, digits = fresh(seeds, config.search_seeds), load_digits()
    search = search_rate(partial(_validation_accuracy, config, progress), config.rates, config.search_seeds)
    network = trained(config, [search.rate] * len(seeds), seeds, "seeds" if progress else None)
    error = _error(network, digits.test)
    return Result(config, search, error, _error(network.train(), digits.test))


def measure(*, norm: str, size: int, seeds: Sequence[int]) -> Mapping[str, NDArray[np.float64]]:
    """Run one norm at one size, for `SWEEP`.

    Args:
        norm: As in `Config`, or ``"ghost"`` for Ghost BatchNorm in batches of 128.
        size: Of the batch, or of the ghosts: how many examples share their statistics, if any do.
        seeds: To report on.

    Returns:
        ``error`` and ``batch_error`` as in `Result`, and the chosen ``rate``, each of shape ``(seeds,)``.
    """
    config = Config(ghosts(size), 128) if norm == "ghost" else Config(norm, size)
    result = run(config, seeds=seeds, progress=False)
    rate = np.full(len(seeds), result.search.rate)
    return {"error": result.error, "batch_error": result.batch_error, "rate": rate}


def _validation_accuracy(
    config: Config, progress: bool, rates: Sequence[float], seeds: Sequence[int]
) -> NDArray[np.float64]:
    network = trained(config, rates, seeds, "learning rates" if progress else None)
    return 1 - _error(network, load_digits().validation)


def trained(
    config: Config, rates: Sequence[float], seeds: Sequence[int], progress: str | None = None
) -> StackedMLP:
    """Return networks in inference mode, one for each pair of a rate and a seed.

    Args:
        config: The settings; its grid and its search seeds play no part.
        rates: One learning rate a network, as it is at batches of 64.
        seeds: One a network, of its weights and of the order of its examples.
        progress: Label of a progress bar; ``None`` shows none.
    """
    data = load_digits().train
    sizes = (data.x.shape[1], *config.hidden, int(data.y.max()) + 1)
    network = StackedMLP(sizes, seeds=seeds, norm=config.norm, activation="relu", gain=2**0.5)
    order = batch_order(len(data.y), config.batch_size, config.examples // config.batch_size, seeds)
    scaled = [rate * config.batch_size / 64 for rate in rates]
    return train_through(network, data, order, scaled, progress=progress)


@torch.no_grad()
def _error(network: StackedMLP, data: Split) -> NDArray[np.float64]:
    return 1 - scores(network, data, models=network.models).accuracy


#: Six norms at six sizes, which take six minutes. In the corner the run is short and few numbers can turn.
SWEEP = Sweep(
    "batch_size",
    {"norm": ("none", "batch", "renorm", "layer", "group", "ghost"), "size": (2, 4, 8, 16, 32, 128)},
    tuple(range(8)),
    measure,
    corner={"norm": "batch", "size": 128},
    tolerances={
        "error": examples(2, of=300),
        "batch_error": examples(2, of=300),
    },
)
