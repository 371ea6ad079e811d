"""Training by data parallelism: what does it do to the statistics of BatchNorm?

Each process, a worker, holds a copy of the network and a part of each batch. ``DistributedDataParallel``
averages the gradients over the workers; the statistics of a BatchNorm it leaves to the layer.

Source:
    Li et al. 2020, arXiv 2006.15704, on ``DistributedDataParallel``; Goyal et al. 2017, arXiv 1706.02677,
    sections 2.3 and 3, on statistics and losses per worker.
"""

import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from normcourse.experiments.engine.workers import launch
from normcourse.nn import BatchNorm1d, GhostBatchNorm, SyncBatchNorm

__all__ = ["Config", "Result", "alone", "digits_of", "draw_batches", "make_network", "run"]

Array = NDArray[np.float64]
Examples = tuple[Tensor, Tensor]  # inputs and labels
Name = TypeVar("Name", bound=Hashable)


@dataclass(frozen=True)
class Config:
    """Settings of a run on the scanned digits, in double precision with plain SGD.

    Attributes:
        norm: ``"local"`` for the statistics of each worker, ``"sync"`` for those of all.
        shares: Examples of each worker in a step, one entry for each worker.
        by_class: Whether each worker holds digits of its own, such as 0 to 3, in place of a random share.
        broadcast: Whether worker 0's running statistics are copied to the others before each step, as
            ``DistributedDataParallel`` does unless told otherwise.
        weighted: Whether each worker's mean loss counts with its number of examples. Without it, all workers
            count alike.
        steps: Training steps.
        hidden: Units of each hidden layer, with BatchNorm and ReLU.
        learning_rate: Of SGD.
        decay: Whether the rate falls evenly to zero.
        seed: Of the initial weights and of the batches.
    """

    norm: str = "local"
    shares: tuple[int, ...] = (8, 8, 8)
    by_class: bool = False
    broadcast: bool = False
    weighted: bool = False
    steps: int = 20
    hidden: tuple[int, ...] = (32, 32)
    learning_rate: float = 0.1
    decay: bool = False
    seed: int = 0

    def rate(self, step: int) -> float:
        """Return the learning rate of a step."""
        return self.learning_rate * (1 - step / self.steps if self.decay else 1)


@dataclass(frozen=True)
class Result:
    """What the workers' networks did and became; all parameters of a network are one row.

    Attributes:
        config: The settings.
        parts: What each worker's backward pass gives in the first step, before anything is averaged or
            weighted, shape ``(workers, parameters)``. With ``"sync"`` it knows of the other workers' losses.
        gradient: What each worker steps along in the first step, ``(workers, parameters)``.
        running_mean: The first layer's running mean after each step, ``(steps, workers, features)``.
        parameters: After the last step, ``(workers, parameters)``.
        accuracy: On the test digits after the last step, in inference mode, ``(workers,)``.
        seconds: Time of each step on the slowest worker, ``(steps,)``.
    """

    config: Config
    parts: Array
    gradient: Array
    running_mean: Array
    parameters: Array
    accuracy: Array
    seconds: Array


def run(configs: Mapping[Name, Config], *, timeout: float = 240.0) -> dict[Name, Result]:
    """Train with one process for each worker; the same processes do all runs, one after the other.

    Args:
        configs: The runs by name, all with the same number of workers.
        timeout: Seconds for all of it.

    Raises:
        ValueError: The runs differ in their number of workers, or a norm is unknown.
    """
    sizes = {len(config.shares) for config in configs.values()}
    if len(sizes) != 1:
        raise ValueError(f"all runs need the same number of workers, but their shares have {sorted(sizes)}")
    for config in configs.values():
        make_network(config, config.norm)  # raises here rather than in a worker
    batches = {name: draw_batches(config) for name, config in configs.items()}
    jobs = [
        ({name: (config, batches[name][worker]) for name, config in configs.items()}, digits_of("test"))
        for worker in range(*sizes)
    ]
    by_worker = launch(_work, jobs, timeout=timeout)
    return {name: _joined(config, [notes[name] for notes in by_worker]) for name, config in configs.items()}


def alone(config: Config) -> Result:
    """Train in this process alone, on the joined batches, as if there were one worker.

    ``"sync"`` becomes a plain BatchNorm, ``"local"`` a Ghost BatchNorm with one ghost for each worker.

    Raises:
        ValueError: ``"local"`` with shares of different sizes, or an unknown norm.
    """
    if config.norm == "local" and len(set(config.shares)) > 1:
        raise ValueError(f"Ghost BatchNorm has ghosts of one size, but the shares are {config.shares}")
    joined: list[Examples] = [
        (torch.cat([x for x, _ in parts]), torch.cat([y for _, y in parts]))
        for parts in zip(*draw_batches(config), strict=True)
    ]
    network = make_network(config, {"sync": "whole", "local": "ghosts"}[config.norm])
    return _joined(config, [_train(config, network, network, joined, digits_of("test"), weight=1.0)])


def digits_of(split: str) -> Examples:
    """Return inputs, shape ``(n, 64)``, and labels of a split of the scanned digits, by its name."""
    # Not imported above: the workers need no scikit-learn, which takes a second to load.
    from normcourse.data import load_digits

    x, y = getattr(load_digits(), split)
    return torch.tensor(x, dtype=torch.float64), torch.tensor(y)


def draw_batches(config: Config) -> list[list[Examples]]:
    """Draw each worker's part of each step's batch, with replacement: by worker, then by step."""
    rng = np.random.default_rng(config.seed)
    x, y = digits_of("train")
    workers = len(config.shares)
    batches = []
    for worker, share in enumerate(config.shares):
        held = np.arange(len(y))
        if config.by_class:
            held = held[y.numpy() * workers // 10 == worker]
        drawn = torch.from_numpy(rng.choice(held, size=(config.steps, share)))
        batches.append([(x[step], y[step]) for step in drawn])
    return batches


def make_network(config: Config, norm: str) -> nn.Sequential:
    """Build a network of 64 inputs and 10 outputs whose initial weights depend on the seed alone."""
    size = config.shares[0]
    norms: dict[str, Callable[[int], nn.Module]] = {
        "local": BatchNorm1d,
        "sync": SyncBatchNorm,
        "whole": BatchNorm1d,
        "ghosts": lambda units: GhostBatchNorm(units, ghost_batch_size=size),
    }
    if norm not in norms:
        raise ValueError(f'the norm must be "local" or "sync", but got {norm!r}')
    torch_state = torch.get_rng_state()
    torch.manual_seed(config.seed)
    layers: list[nn.Module] = []
    width = 64
    for units in config.hidden:
        layers += [nn.Linear(width, units), norms[norm](units), nn.ReLU()]
        width = units
    network = nn.Sequential(*layers, nn.Linear(width, 10)).double()
    torch.set_rng_state(torch_state)
    return network


def _work(runs: dict[Name, tuple[Config, list[Examples]]], test: Examples) -> dict[Name, dict[str, Array]]:
    """Do one worker's part of all runs."""
    found = {}
    for name, (config, batches) in runs.items():
        network = make_network(config, config.norm)
        parallel = DistributedDataParallel(network, broadcast_buffers=config.broadcast)
        own = len(batches[0][1])
        weight = own * len(config.shares) / sum(config.shares) if config.weighted else 1.0
        found[name] = _train(config, network, parallel, batches, test, weight)
    return found


def _train(
    config: Config,
    network: nn.Sequential,
    parallel: nn.Module,
    batches: list[Examples],
    test: Examples,
    weight: float,
) -> dict[str, Array]:
    """Train ``network`` through ``parallel``, which may average its gradients, and note what happens."""
    parameters = list(network.parameters())
    norm = network.get_submodule("1")
    twin = deepcopy(network)
    own = torch.autograd.grad(_loss(twin, batches[0]), list(twin.parameters()))
    notes: dict[str, list[Array]] = {"parts": [_row(own)], "gradient": [], "running_mean": [], "seconds": []}
    for step, batch in enumerate(batches):
        start = time.perf_counter()
        torch.autograd.backward(weight * _loss(parallel, batch))
        with torch.no_grad():
            for parameter in parameters:
                parameter.sub_(config.rate(step) * _gradient(parameter))
        notes["seconds"].append(np.array(time.perf_counter() - start))
        notes["running_mean"].append(norm.get_buffer("running_mean").numpy().copy())
        if not notes["gradient"]:
            notes["gradient"].append(_row([_gradient(parameter) for parameter in parameters]))
        network.zero_grad()
    x, y = test
    with torch.no_grad():
        right = network.eval()(x).argmax(dim=1) == y
    notes["parameters"] = [_row(parameters)]
    notes["accuracy"] = [right.double().mean().numpy()]
    return {name: np.stack(values) for name, values in notes.items()}


def _gradient(parameter: Tensor) -> Tensor:
    """Return what DistributedDataParallel has left: it averages ``.grad`` and nothing else."""
    assert parameter.grad is not None
    return parameter.grad


def _loss(network: nn.Module, examples: Examples) -> Tensor:
    x, y = examples
    return nn.functional.cross_entropy(network(x), y)


def _row(tensors: Sequence[Tensor]) -> Array:
    row: Array = torch.cat([tensor.detach().flatten() for tensor in tensors]).numpy()
    return row


def _joined(config: Config, parts: list[dict[str, Array]]) -> Result:
    """Put the workers' notes side by side."""
    side_by_side = {name: np.stack([part[name] for part in parts], axis=1) for name in parts[0]}
    seconds = side_by_side.pop("seconds").max(axis=1)
    running_mean = side_by_side.pop("running_mean")
    return Result(
        config,
        running_mean=running_mean,
        seconds=seconds,
        **{name: values[0] for name, values in side_by_side.items()},
    )
