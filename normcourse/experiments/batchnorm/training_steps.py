"""How many training steps does BatchNorm save? Section 4.1 of Ioffe and Szegedy on real digits.

Source:
    Ioffe and Szegedy, Batch Normalization, 2015, arXiv 1502.03167, section 4.1: three hidden layers of
    100 sigmoid units, small Gaussian weights, batches of 60. The paper used MNIST, and 50,000 steps at a
    learning rate that it does not state; here the digits are smaller and each network gets its own best
    learning rate.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from normcourse.data import Split
from normcourse.experiments.engine.intervals import Interval, bootstrap
from normcourse.experiments.engine.search import fresh
from normcourse.experiments.engine.stacked import DTYPE, StackedMLP
from normcourse.experiments.engine.training import DATA, batch_order, every_pair, score, scores, train

__all__ = ["PERCENTILES", "Arm", "Config", "Result", "race", "run"]

#: The percentiles that the paper draws.
PERCENTILES = (15, 50, 85)


@dataclass(frozen=True)
class Config:
    """Settings of one comparison.

    Attributes:
        data: A name of `training.DATA`.
        hidden: Units of each hidden layer.
        activation: A name of `stacked.ACTIVATIONS`.
        init_std: Standard deviation of the initial weights, or None for ``gain``.
        gain: The same times the square root of a layer's inputs, or None for ``init_std``.
        optimiser: A name of `training.OPTIMISERS`.
        batch_size: Examples per step.
        steps: Training steps of every run.
        target: Accuracy (a fraction) that the learning-rate search races to.
        learning_rates: The grid, the same for both networks.
        search_seeds: Seeds of the search; `run` reports on other seeds.
    """

    data: str = "digits"
    hidden: tuple[int, ...] = (100, 100, 100)
    activation: str = "sigmoid"
    init_std: float | None = 0.1
    gain: float | None = None
    optimiser: str = "sgd"
    batch_size: int = 60
    steps: int = 2000
    target: float = 0.95
    learning_rates: tuple[float, ...] = (0.1, 0.3, 1.0, 3.0, 10.0)
    search_seeds: tuple[int, ...] = (100, 101, 102)


@dataclass(frozen=True)
class Arm:
    """What one kind of network did.

    Attributes:
        learning_rate: The one that the search chose, or that `race` was given.
        search: Steps to the target on the validation split, shape ``(learning rates, search seeds)``;
            ``inf`` where it was not reached. Without a search there are no rows.
        accuracy: Accuracy on the test split in inference mode, shape ``(seeds, evaluations)``.
        percentiles: The 15th, 50th and 85th percentile over the test split of each unit's input to its
            activation, last hidden layer, shape ``(seeds, evaluations, 3, units)``.
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
        batch_norm: The network with BatchNorm before every activation.
    """

    config: Config
    steps: NDArray[np.int64]
    plain: Arm
    batch_norm: Arm

    def steps_to(self, target: float, *, hold: int = 0) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Steps to a test accuracy, plain and with BatchNorm: shape ``(seeds,)``, ``inf`` if never.

        Args:
            target: The accuracy, a fraction.
            hold: For how many steps after it no evaluation may lie below the target; with 0 the first
                evaluation at the target counts, even if the next one is below.
        """
        return (
            _first_step(self.steps, self.plain.accuracy, target, hold),
            _first_step(self.steps, self.batch_norm.accuracy, target, hold),
        )

    def ratio(self, target: float, *, hold: int = 0) -> Interval:
        """Mean steps to a test accuracy without BatchNorm, over mean steps with it.

        Args:
            target: As in `steps_to`.
            hold: As in `steps_to`.

        Raises:
            ValueError: Some run never got there; the message counts them.
        """
        plain, normalized = self.steps_to(target, hold=hold)
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
    seeds = fresh(seeds, config.search_seeds)
    plain = _run_arm(config, seeds, batch_norm=False, progress=progress)
    normalized = _run_arm(config, seeds, batch_norm=True, progress=progress)
    return Result(config, evaluation_steps(config.steps), plain, normalized)


def race(
    config: Config, rates: tuple[float, float], *, seeds: Sequence[int] = range(8), progress: bool = True
) -> Result:
    """Train and test both networks at learning rates that are known, without a search.

    Args:
        config: The settings; its grid of learning rates plays no part.
        rates: The learning rate of the network without normalization, and of the one with BatchNorm.
        seeds: Seeds to report on.
        progress: Whether to show progress bars.

    Returns:
        What `run` returns if its search chooses these rates.
    """
    plain, normalized = (
        _test_arm(config, rate, np.empty((0, 0)), seeds, batch_norm=batch_norm, progress=progress)
        for rate, batch_norm in zip(rates, (False, True), strict=True)
    )
    return Result(config, evaluation_steps(config.steps), plain, normalized)


def evaluation_steps(steps: int) -> NDArray[np.int64]:
    """When to evaluate: every 2 steps up to 100, then every 10."""
    return np.concatenate([np.arange(2, min(steps, 100) + 1, 2), np.arange(110, steps + 1, 10)])


def _run_arm(config: Config, seeds: Sequence[int], *, batch_norm: bool, progress: bool) -> Arm:
    name = _name(batch_norm)
    search = _search(config, batch_norm=batch_norm, progress=f"{name}: learning rates" if progress else None)
    means = search.mean(axis=1)
    if np.isinf(means).all():
        raise ValueError(
            f"no learning rate of {config.learning_rates} brings every {name} run of the search to accuracy "
            f"{config.target} in {config.steps} steps; raise Config.steps or lower the target"
        )
    best = config.learning_rates[int(means.argmin())]
    return _test_arm(config, best, search, seeds, batch_norm=batch_norm, progress=progress)


def _test_arm(
    config: Config,
    rate: float,
    search: NDArray[np.float64],
    seeds: Sequence[int],
    *,
    batch_norm: bool,
    progress: bool,
) -> Arm:
    label = f"{_name(batch_norm)}: seeds" if progress else None
    return Arm(rate, search, *_curves(config, rate, seeds, batch_norm=batch_norm, progress=label))


def _name(batch_norm: bool) -> str:
    return "BatchNorm" if batch_norm else "plain"


def _search(config: Config, *, batch_norm: bool, progress: str | None) -> NDArray[np.float64]:
    """Steps to the target on the validation split, shape ``(learning rates, search seeds)``."""
    data, shape = DATA[config.data](), (len(config.learning_rates), len(config.search_seeds))
    rates, seeds = every_pair(config.learning_rates, config.search_seeds)
    reached = np.full(len(rates), np.inf)
    network = _network(config, data.train, seeds, batch_norm=batch_norm)
    for step in _evaluations(config, network, data.train, rates, seeds, progress):
        accuracy = scores(network.eval(), data.validation, models=len(seeds)).accuracy
        reached = np.minimum(reached, np.where(accuracy >= config.target, step, np.inf))
        if np.isfinite(reached).all():
            break
    return reached.reshape(shape)


def _curves(
    config: Config, rate: float, seeds: Sequence[int], *, batch_norm: bool, progress: str | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Accuracy and percentiles over the test split, as `Arm` holds them."""
    data, rates = DATA[config.data](), [rate] * len(seeds)
    network = _network(config, data.train, seeds, batch_norm=batch_norm)
    x, y = torch.tensor(data.test.x, dtype=DTYPE), torch.tensor(data.test.y)
    accuracies, percentiles = [], []
    for _ in _evaluations(config, network, data.train, rates, seeds, progress):
        with torch.no_grad():
            logits, activation_inputs = network.eval().trace(x.T.expand(len(seeds), -1, -1))
        accuracies.append(score(logits, y).accuracy)
        ordered = np.sort(activation_inputs[-1].numpy(), axis=2)  # 6 times as fast as selecting
        percentiles.append(np.percentile(ordered, PERCENTILES, axis=2).swapaxes(0, 1))
    return np.stack(accuracies, axis=1), np.stack(percentiles, axis=1)


def _network(config: Config, data: Split, seeds: Sequence[int], *, batch_norm: bool) -> StackedMLP:
    sizes = (data.x.shape[1], *config.hidden, int(data.y.max()) + 1)
    return StackedMLP(
        sizes,
        seeds=seeds,
        norm="batch" if batch_norm else "none",
        activation=config.activation,
        init_std=config.init_std,
        gain=config.gain,
    )


def _evaluations(
    config: Config,
    network: StackedMLP,
    data: Split,
    rates: Sequence[float],
    seeds: Sequence[int],
    progress: str | None,
) -> Iterator[int]:
    """Train, and pause at each step at which there is something to evaluate."""
    wanted = set(evaluation_steps(config.steps).tolist())
    order = batch_order(len(data.y), config.batch_size, config.steps, seeds)
    steps = train(network, data, order, rates, optimiser=config.optimiser, progress=progress)
    return (step for step in steps if step in wanted)


def _first_step(
    steps: NDArray[np.int64], accuracy: NDArray[np.float64], target: float, hold: int = 0
) -> NDArray[np.float64]:
    """First evaluated step from which each row holds the target; ``inf`` where none does."""
    within = (steps >= steps[:, None]) & (steps <= steps[:, None] + hold)  # evaluations of each start
    reached = ~((accuracy < target) @ within.T) & (steps + hold <= steps[-1])
    return np.where(reached.any(axis=1), steps[reached.argmax(axis=1)], np.inf)
