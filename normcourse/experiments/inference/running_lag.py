"""How far does the running mean lag behind a mean that moves?

Source:
    The exponential average of Ioffe and Szegedy 2015, arXiv 1502.03167, section 3.1, as PyTorch keeps it:
    the running mean moves by the share ``momentum`` towards each batch's mean.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from normcourse import functional

__all__ = ["Config", "Result", "run"]


@dataclass(frozen=True)
class Config:
    """Settings.

    Attributes:
        momentum: The weight of the newest batch, in (0, 1].
        batch_size: Examples per step, at least 2.
        steps: Steps in all.
        ramp: The steps at which the true mean starts to rise and stops, within the run and at least 2 apart.
        height: How far it rises, in standard deviations of the feature.
        seed: Of the examples; the same seed and batch size see the same batches at every momentum.

    Raises:
        ValueError: A setting is out of its range.
    """

    momentum: float = 0.1
    batch_size: int = 32
    steps: int = 300
    ramp: tuple[int, int] = (50, 150)
    height: float = 3.0
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.momentum <= 1:  # NaN fails the comparison
            raise ValueError(
                f"momentum must be above 0 and at most 1, got {self.momentum}: it is the weight of the "
                "newest batch"
            )
        if self.batch_size < 2:
            raise ValueError(
                f"a batch's variance needs at least 2 examples, but batch_size is {self.batch_size}"
            )
        start, end = self.ramp
        if not 0 <= start <= end - 2 <= self.steps - 2:
            raise ValueError(
                f"the mean must rise within the run, over at least 2 steps: got a ramp from {start} to {end} "
                f"in {self.steps} steps"
            )


@dataclass(frozen=True)
class Result:
    """One value for each step, in standard deviations of the feature.

    Attributes:
        config: The settings.
        true: The mean that the batches are drawn around, shape ``(steps,)``.
        batch: The batches' means, shape ``(steps,)``.
        running: The running mean after each step, shape ``(steps,)``.
    """

    config: Config
    true: NDArray[np.float64]
    batch: NDArray[np.float64]
    running: NDArray[np.float64]

    @property
    def lag(self) -> float:
        """How far the running mean is behind on average over the second half of the rise."""
        start, end = self.config.ramp
        half = slice((start + end) // 2, end)
        return float((self.true - self.running)[half].mean())

    @property
    def final_error(self) -> float:
        """Root mean square distance of the running mean from the true one over the last 50 steps.

        It is the noise at rest only if the rise ends well before those.
        """
        return float(np.sqrt(np.mean((self.running - self.true)[-50:] ** 2)))


def run(config: Config = Config()) -> Result:
    """Track one normal feature whose mean is 0, rises at an even pace, and then stays."""
    rng = np.random.default_rng(config.seed)
    true = config.height * np.clip(np.interp(np.arange(config.steps), config.ramp, (0, 1)), 0, 1)
    examples = torch.from_numpy(rng.normal(size=(config.steps, config.batch_size, 1)) + true[:, None, None])
    mean, variance = torch.zeros(1, dtype=torch.float64), torch.ones(1, dtype=torch.float64)
    running = []
    for batch in examples:
        functional.batch_norm(batch, mean, variance, training=True, momentum=config.momentum)
        running.append(mean.item())
    return Result(config, true, examples.mean(dim=(1, 2)).numpy(), np.array(running))
