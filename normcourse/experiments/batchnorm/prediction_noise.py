"""How much does a network's answer to one example depend on the others in its batch?

Source:
    Ioffe and Szegedy 2015, arXiv 1502.03167, section 3.4: in training an example is seen together with the
    others of its batch, "the training network no longer producing deterministic values for a given training
    example".
"""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from normcourse.data import load_mnist1d
from normcourse.experiments.engine.stacked import DTYPE, NormFactory, StackedMLP
from normcourse.experiments.engine.training import batch_order, train_through

__all__ = ["Config", "Result", "run"]


@dataclass(frozen=True)
class Config:
    """Settings.

    Attributes:
        norm: A name of `stacked.NORMS`, or a factory of norms.
        batch_sizes: Of the batches in which the trained network is asked; divisors of ``examples``.
        draws: How often each example is asked at each size, every time in another batch; at least 2.
        examples: How many test examples are asked about. The batches are made of them.
        train_batch: Batch size of the training.
        steps: Training steps.
        learning_rate: Of plain SGD.
        hidden: Units of each hidden layer, with ReLU and He's initial weights.

    Raises:
        ValueError: A batch size does not divide ``examples``, or there are fewer than two draws.
    """

    norm: str | NormFactory = "batch"
    batch_sizes: tuple[int, ...] = (2, 4, 8, 16, 32, 64, 128)
    draws: int = 20
    examples: int = 256
    train_batch: int = 64
    steps: int = 1000
    learning_rate: float = 0.3
    hidden: tuple[int, ...] = (100, 100)

    def __post_init__(self) -> None:
        if wrong := [size for size in self.batch_sizes if self.examples % size]:
            raise ValueError(
                f"every example needs a full batch: {wrong} do not divide Config.examples, {self.examples}"
            )
        if self.draws < 2:
            raise ValueError(f"a spread needs at least 2 draws, but Config.draws is {self.draws}")


@dataclass(frozen=True)
class Result:
    """One row for each seed, one column for each batch size.

    Attributes:
        config: The settings.
        spread: Standard deviation of a logit over the draws, root mean square over examples and classes.
        changed: Share of the answers in training mode that differ from the one in inference mode.
        accuracy: Accuracy in training mode, a fraction.
        inference_spread: Standard deviation of the logits in inference mode over examples, root mean square
            over classes, to compare ``spread`` with; shape ``(seeds,)``.
        inference_accuracy: Accuracy in inference mode on the same examples, shape ``(seeds,)``.
    """

    config: Config
    spread: NDArray[np.float64]
    changed: NDArray[np.float64]
    accuracy: NDArray[np.float64]
    inference_spread: NDArray[np.float64]
    inference_accuracy: NDArray[np.float64]


def run(config: Config = Config(), *, seeds: Sequence[int] = range(8), progress: bool = True) -> Result:
    """Train networks on MNIST-1D, then ask each about the same test examples in changing batches.

    Args:
        config: The settings.
        seeds: Of the weights and of the order of the examples. All are asked in the same batches.
        progress: Whether to show a progress bar.
    """
    network = _trained(config, seeds, "training" if progress else None)
    test = load_mnist1d().test
    x = torch.tensor(test.x[: config.examples].T, dtype=DTYPE).expand(len(seeds), -1, -1)
    y = torch.tensor(test.y[: config.examples])
    with torch.no_grad():
        alone = network(x)
        answer = alone.argmax(dim=1)
        spread, changed, accuracy = [], [], []
        for size in config.batch_sizes:
            logits = _in_batches(network, x, size, config.draws)
            said = logits.argmax(dim=2)
            spread.append(logits.var(dim=0).mean(dim=(1, 2)).sqrt())
            changed.append((said != answer).to(DTYPE).mean(dim=(0, 2)))
            accuracy.append((said == y).to(DTYPE).mean(dim=(0, 2)))
    return Result(
        config,
        torch.stack(spread, dim=1).numpy(),
        torch.stack(changed, dim=1).numpy(),
        torch.stack(accuracy, dim=1).numpy(),
        alone.var(dim=2).mean(dim=1).sqrt().numpy(),
        (answer == y).to(DTYPE).mean(dim=1).numpy(),
    )


def _trained(config: Config, seeds: Sequence[int], progress: str | None) -> StackedMLP:
    data = load_mnist1d().train
    sizes = (data.x.shape[1], *config.hidden, int(data.y.max()) + 1)
    network = StackedMLP(sizes, seeds=seeds, norm=config.norm, activation="relu", gain=2**0.5)
    order = batch_order(len(data.y), config.train_batch, config.steps, seeds)
    return train_through(network, data, order, config.learning_rate, progress=progress)


def _in_batches(network: StackedMLP, x: Tensor, size: int, draws: int) -> Tensor:
    """Logits in training mode of every example in each draw, ``(draws, models, classes, examples)``."""
    network = deepcopy(network).train()  # its running statistics will move
    rng = np.random.default_rng(size)
    logits = []
    for _ in range(draws):
        order = torch.from_numpy(rng.permutation(x.shape[-1]))
        batches = [network(x[..., batch]) for batch in order.view(-1, size)]
        logits.append(torch.cat(batches, dim=-1)[..., order.argsort()])
    return torch.stack(logits)
