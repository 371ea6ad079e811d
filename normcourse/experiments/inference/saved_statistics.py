"""Several workers train, and one of them saves its network: what do the running statistics in it cost?

``DistributedDataParallel``, unless told otherwise, copies worker 0's running statistics to all workers before
each step. So what is saved has the statistics that worker 0 alone has tracked. Here the workers are simulated
in one process: a test holds that against real ones.

Source:
    Li et al. 2020, arXiv 2006.15704, section 4.1, on buffers; Goyal et al. 2017, arXiv 1706.02677, on
    statistics of each worker; Peng et al. 2018, arXiv 1711.07240, on statistics of all.
"""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from tqdm.auto import tqdm

from normcourse.experiments.engine.search import recorded_rate
from normcourse.experiments.engine.sweeps import Record, Sweep
from normcourse.experiments.engine.tolerances import examples
from normcourse.experiments.inference.data_parallel import Config, digits_of, draw_batches, make_network
from normcourse.experiments.inference.kept_statistics import recalibrated, statistics_of, with_statistics
from normcourse.nn import BatchNorm1d

__all__ = [
    "HELD",
    "REPORT",
    "SEARCH",
    "SWEEP",
    "Result",
    "WorkersBatchNorm",
    "at_chosen_rate",
    "measure",
    "run",
    "train",
]

Array = NDArray[np.float64]

#: What each of the three workers reads, a random part of the digits, or classes of its own.
HELD = ("random parts", "parts by class")
#: Seeds with which the learning rate is chosen.
SEARCH = (100, 101, 102)
#: Seeds that are reported on.
REPORT = tuple(range(8))

_WORKERS = 3
_STEPS = 150
_PRECISE = 512  # training examples of all classes that a recalibration is given, in batches of 32


@dataclass(frozen=True)
class Result:
    """Accuracies in inference mode, fractions of shape ``(seeds,)`` unless it is said.

    Attributes:
        config: The settings.
        validation: Of the network that is saved, worker 0's, on the validation split.
        saved: The same on the test split, as is all that follows.
        own: Of each worker with what it has tracked itself, shape ``(seeds, workers)``.
        averaged: With the mean over the workers of their running means, and of their running variances.
        merged: The same, and to the variances the variance between the workers' means is added.
        recalibrated: After the statistics were computed anew on training examples of all classes.
    """

    config: Config
    validation: Array
    saved: Array
    own: Array
    averaged: Array
    merged: Array
    recalibrated: Array


class WorkersBatchNorm(nn.Module):
    """The batch norms of several workers as one: each normalizes its part of the batch, and tracks it.

    Args:
        norm: Where all start; its scale and shift are theirs.
        workers: Their number. The batch holds their parts, of one size, one after the other.

    Example:
        >>> norm = WorkersBatchNorm(BatchNorm1d(1, momentum=1.0), workers=2)
        >>> norm(torch.tensor([[1.0], [3.0], [10.0], [30.0]])).flatten().detach().round()
        tensor([-1.,  1., -1.,  1.])
        >>> [norm.of(worker).running_mean.item() for worker in (0, 1)]
        [2.0, 20.0]
    """

    def __init__(self, norm: BatchNorm1d, workers: int) -> None:
        super().__init__()
        self.norm, self.workers = norm, workers
        channels = workers * norm.num_features
        kind = norm.get_buffer("running_mean").dtype
        self.each = nn.BatchNorm1d(channels, norm.eps, norm.momentum, affine=False, dtype=kind)

    def forward(self, x: Tensor) -> Tensor:
        """Normalize ``(workers * n, C)``."""
        parts = x.view(self.workers, -1, x.shape[1])
        side_by_side = parts.transpose(0, 1).reshape(parts.shape[1], -1)  # (n, workers * C)
        normalized = self.each(side_by_side).view(parts.shape[1], self.workers, -1).transpose(0, 1)
        y: Tensor = self.norm.weight * normalized + self.norm.bias
        return y.reshape(x.shape)

    def of(self, worker: int) -> BatchNorm1d:
        """Return the layer of one worker."""
        layer = deepcopy(self.norm)
        for name in ("running_mean", "running_var"):
            of_all = self.each.get_buffer(name).view(self.workers, -1)
            layer.get_buffer(name).copy_(of_all[worker])
        return layer


def train(config: Config) -> list[nn.Sequential]:
    """Train in this process alone what `data_parallel.run` trains in several.

    Args:
        config: The settings, with equal shares.

    Returns:
        The network of each worker. The weights are equal; with ``"local"`` each has tracked running
        statistics of its own.

    Raises:
        ValueError: Shares of different sizes: then the mean of the workers' losses is not that of all.
    """
    if len(set(config.shares)) > 1:
        raise ValueError(f"simulated workers need equal shares, but got {config.shares}")
    network = make_network(config, "whole")
    if config.norm == "local":
        layers = [
            WorkersBatchNorm(layer, len(config.shares)) if isinstance(layer, BatchNorm1d) else layer
            for layer in network
        ]
        network = nn.Sequential(*layers)
    for step, parts in enumerate(zip(*draw_batches(config), strict=True)):
        x, y = (torch.cat(joined) for joined in zip(*parts, strict=True))
        network.zero_grad()
        torch.autograd.backward(nn.functional.cross_entropy(network(x), y))
        with torch.no_grad():
            for parameter in network.parameters():
                assert parameter.grad is not None
                parameter.sub_(config.rate(step) * parameter.grad)
    return [_of(network, worker) for worker in range(len(config.shares))]


def run(config: Config, *, seeds: Sequence[int] = REPORT, progress: bool = True) -> Result:
    """Train once per seed, and ask the network of worker 0 as it is and with its statistics mended.

    Args:
        config: The settings; its seed is not used.
        seeds: Of the initial weights, of the batches, and of what recalibrates.
        progress: Whether to show a progress bar.
    """
    rows = [_accuracies(config, seed) for seed in tqdm(seeds, disable=not progress, leave=False)]
    return Result(config, **{name: np.array([row[name] for row in rows]) for name in rows[0]})


def measure(
    *, held: str, share: int, norm: str, rate: float, seeds: Sequence[int]
) -> Mapping[str, NDArray[np.float64]]:
    """Run one combination, for `SWEEP`; the measurements are the arrays of `Result`."""
    config = Config(
        norm, (share,) * _WORKERS, by_class=held == HELD[1], steps=_STEPS, learning_rate=rate, decay=True
    )
    result = run(config, seeds=seeds, progress=False)
    names = ("validation", "saved", "own", "averaged", "merged", "recalibrated")
    return {name: getattr(result, name) for name in names}


def at_chosen_rate(record: Record, name: str, **settings: Any) -> Array:
    """Return a measurement at the rate at which what is saved does best on the validation split.

    Args:
        record: Of `SWEEP`.
        name: Of the measurement.
        settings: A value for each axis but the rate and the seed.

    Returns:
        One entry for each seed of `REPORT`.
    """
    rate = recorded_rate(record, SEARCH, **settings)
    return record.get(name, rate=rate, seed=REPORT, **settings)


def _accuracies(config: Config, seed: int) -> dict[str, Any]:
    networks = train(replace(config, seed=seed))
    saved, test = networks[0], digits_of("test")
    each = [torch.stack(values) for values in zip(*map(statistics_of, networks), strict=True)]
    averaged, merged = [values.mean(0) for values in each], []
    for means, variances in zip(each[::2], each[1::2], strict=True):
        merged += [means.mean(0), variances.mean(0) + means.var(0, correction=0)]
    return {
        "validation": _accuracy(saved, *digits_of("validation")),
        "saved": _accuracy(saved, *test),
        "own": [_accuracy(network, *test) for network in networks],
        "averaged": _accuracy(with_statistics(saved, averaged), *test),
        "merged": _accuracy(with_statistics(saved, merged), *test),
        "recalibrated": _accuracy(_recalibrated(saved, seed), *test),
    }


def _of(network: nn.Sequential, worker: int) -> nn.Sequential:
    layers = [
        layer.of(worker) if isinstance(layer, WorkersBatchNorm) else deepcopy(layer) for layer in network
    ]
    return nn.Sequential(*layers)


def _recalibrated(network: nn.Module, seed: int) -> nn.Module:
    x, _ = digits_of("train")
    drawn = np.random.default_rng([seed, 1]).permutation(len(x))[:_PRECISE]
    return recalibrated(network, x[torch.from_numpy(drawn)])


def _accuracy(network: nn.Module, x: Tensor, y: Tensor) -> float:
    network.eval()
    with torch.no_grad():
        right = network(x).argmax(dim=1) == y
    return float(right.double().mean())


#: Two ways to hand out the digits, four sizes of a worker's part, two norms and three rates, which take about
#: three minutes. In the corner little rounding has grown, so that few answers can turn.
SWEEP = Sweep(
    "saved_statistics",
    {
        "held": HELD,
        "share": (2, 4, 8, 32),
        "norm": ("local", "sync"),
        "rate": (0.1, 0.3, 1.0),
    },
    REPORT + SEARCH,
    measure,
    corner={"held": HELD[0], "share": 8, "norm": "local", "rate": 0.1},
    tolerances={
        "validation": examples(3, of=300),
        "saved": examples(3, of=300),
        "own": examples(3, of=300),
        "averaged": examples(3, of=300),
        "merged": examples(3, of=300),
        "recalibrated": examples(3, of=300),
    },
)
