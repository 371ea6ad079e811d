"""How many training steps does BatchNorm save? Section 4.1 of Ioffe and Szegedy on real digits.

Source:
    Ioffe and Szegedy, Batch Normalization, 2015, arXiv 1502.03167, section 4.1: three hidden layers of
    100 sigmoid units, small Gaussian weights, batches of 60. The paper used MNIST, and 50,000 steps at a
    learning rate that it does not state; here the digits are smaller and each network gets its own best
    learning rate.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from normcourse.data import Split, load_digits
from normcourse.experiments.intervals import Interval, bootstrap
from normcourse.experiments.stacked import DTYPE, StackedMLP, batch_order, train

__all__ = ["PERCENTILES", "Arm", "Config", "Result", "run"]

PERCENTILES = (15, 50, 85)


@dataclass(frozen=True)
class Config:
    """Settings of one comparison.

    Attributes:
        hidden: Units of each hidden layer.
        init_std: Standard deviation of the initial weights.
        batch_size: Examples per step.
        steps: Training steps of every run.
        target: Accuracy (a fraction) that the learning-rate search races to.
        learning_rates: The grid, the same for both networks.
        search_seeds: Seeds of the search; `run` reports on other seeds.
    """

    hidden: tuple[int, ...] = (100, 100, 100)
    init_std: float = 0.1
    batch_size: int = 60
    steps: int = 2000
    target: float = 0.95
    learning_rates: tuple[float, ...] = (0.1, 0.3, 1.0, 3.0, 10.0)
    search_seeds: tuple[int, ...] = (100, 101, 102)


@dataclass(frozen=True)
class Arm:
    """What one kind of network did.

    Attributes:
        learning_rate: The one that the search chose.
        search: Steps to the target on the validation split, shape ``(learning rates, search seeds)``;
            ``inf`` where it was not reached.
        accuracy: Accuracy on the test split in inference mode, shape ``(seeds, evaluations)``.
        percentiles: The 15th, 50th and 85th percentile over the test split of each unit's input to its
            sigmoid, last hidden layer, shape ``(seeds, evaluations, 3, units)``.
    """

    learning_rate: float
    search: NDArray[np.float64]
    accuracy: NDArray[np.float64]
    percentiles: NDArray[np.float64]


@dataclass(frozen=True)
class Result:
    """Both arms, evaluated after the same steps, with the same seeds.

    Attributes:
        config: The settings.
        steps: The evaluations' steps, shape ``(evaluations,)``.
        plain: The network without normalization.
        batch_norm: The network with BatchNorm before every sigmoid.
    """

    config: Config
    steps: NDArray[np.int64]
    plain: Arm
    batch_norm: Arm

    def steps_to(self, target: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Steps to a test accuracy, plain and with BatchNorm: shape ``(seeds,)``, ``inf`` if never."""
        return (
            _first_step(self.steps, self.plain.accuracy, target),
            _first_step(self.steps, self.batch_norm.accuracy, target),
        )

    def ratio(self, target: float) -> Interval:
        """Mean steps to a test accuracy without BatchNorm, over mean steps with it.

        Raises:
            ValueError: Some run never got there; the message counts them.
        """
        plain, normalized = self.steps_to(target)
        for name, steps in (("plain", plain), ("BatchNorm", normalized)):
            if missing := int(np.isinf(steps).sum()):
                raise ValueError(
                    f"the ratio needs every run to reach accuracy {target}: {missing} of {len(steps)} {name} "
                    f"runs did not in {self.config.steps} steps; raise Config.steps or lower the target"
                )
        return bootstrap(lambda a, b, axis: a.mean(axis) / b.mean(axis), plain, normalized)


def run(config: Config = Config(), *, seeds: Sequence[int] = range(8), progress: bool = True) -> Result:
    """Choose each network's learning rate on the validation split, then train fresh seeds and test them.

    Args:
        config: The settings.
        seeds: Seeds to report on; none may be among ``config.search_seeds``.
        progress: Whether to show progress bars.

    Returns:
        Curves of both arms on the test split, which plays no part in any choice.

    Raises:
        ValueError: A seed is also a search seed, or no learning rate reaches the target.
    """
    if shared := sorted(set(seeds) & set(config.search_seeds)):
        raise ValueError(f"seeds to report on must differ from the search seeds; both hold {shared}")
    steps = evaluation_steps(config.steps)
    plain = _run_arm(config, steps, seeds, batch_norm=False, progress=progress)
    normalized = _run_arm(config, steps, seeds, batch_norm=True, progress=progress)
    return Result(config, steps, plain, normalized)


def evaluation_steps(steps: int) -> NDArray[np.int64]:
    """When to evaluate: every 2 steps up to 100, then every 10."""
    return np.concatenate([np.arange(2, min(steps, 100) + 1, 2), np.arange(110, steps + 1, 10)])


def _run_arm(
    config: Config, steps: NDArray[np.int64], seeds: Sequence[int], *, batch_norm: bool, progress: bool
) -> Arm:
    digits, name = load_digits(), "BatchNorm" if batch_norm else "plain"

    def curves(
        rates: Sequence[float], seeds: Sequence[int], split: Split, label: str
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return _curves(
            config,
            [(rate, seed) for rate in rates for seed in seeds],
            digits.train,
            split,
            steps,
            batch_norm=batch_norm,
            progress=f"{name}: {label}" if progress else None,
        )

    accuracy, _ = curves(config.learning_rates, config.search_seeds, digits.validation, "learning rates")
    search = _first_step(steps, accuracy, config.target)
    search = search.reshape(len(config.learning_rates), len(config.search_seeds))
    means = search.mean(axis=1)
    if np.isinf(means).all():
        raise ValueError(
            f"no learning rate of {config.learning_rates} brings every {name} run of the search to accuracy "
            f"{config.target} in {config.steps} steps; raise Config.steps or lower the target"
        )
    best = config.learning_rates[int(means.argmin())]
    return Arm(best, search, *curves([best], seeds, digits.test, "seeds"))


def _curves(
    config: Config,
    models: Sequence[tuple[float, int]],
    data: Split,
    held_out: Split,
    steps: NDArray[np.int64],
    *,
    batch_norm: bool,
    progress: str | None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Train ``(learning rate, seed)`` models together; their accuracies and percentiles on held-out data."""
    rates, seeds = zip(*models, strict=True)
    sizes = (data.x.shape[1], *config.hidden, int(data.y.max()) + 1)
    network = StackedMLP(sizes, seeds=seeds, batch_norm=batch_norm, init_std=config.init_std)
    x = torch.from_numpy(held_out.x).to(DTYPE).T.expand(len(models), -1, -1)
    y, levels = torch.from_numpy(held_out.y), torch.tensor(PERCENTILES, dtype=DTYPE) / 100
    wanted, accuracy, percentiles = set(steps.tolist()), [], []

    @torch.no_grad()
    def watch(step: int) -> None:
        if step in wanted:
            network.eval()
            logits, sigmoid_inputs = network(x)
            accuracy.append((logits.argmax(dim=1) == y).to(DTYPE).mean(dim=1))
            percentiles.append(torch.quantile(sigmoid_inputs[-1], levels, dim=2).transpose(0, 1))

    order = batch_order(len(data.y), config.batch_size, config.steps, seeds)
    train(network, data, order, rates, watch=watch, progress=progress)
    return torch.stack(accuracy, dim=1).numpy(), torch.stack(percentiles, dim=1).numpy()


def _first_step(
    steps: NDArray[np.int64], accuracy: NDArray[np.float64], target: float
) -> NDArray[np.float64]:
    """First evaluated step at which each row reaches the target; ``inf`` where none does."""
    reached = accuracy >= target
    return np.where(reached.any(axis=1), steps[reached.argmax(axis=1)], np.inf)
