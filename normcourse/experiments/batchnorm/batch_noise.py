"""How noisy are the statistics of a batch, and what does that do to one example?

Source:
    The standard error of a mean, sigma / sqrt(N), and of a variance, to first order sigma^2 sqrt((k - 1) / N)
    with the kurtosis k; Ioffe and Szegedy 2015, arXiv 1502.03167, section 3.4, on
    an example that is seen together with others.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from normcourse import functional
from normcourse.data import load_digits

__all__ = ["Config", "Result", "run"]


@dataclass(frozen=True)
class Config:
    """Settings.

    Attributes:
        batch_sizes: Each at least 2.
        batches: How many batches to draw at each size.
        seed: Of the random projection that makes the feature, and of the draws.
    """

    batch_sizes: tuple[int, ...] = (2, 4, 8, 16, 32, 64, 128, 256)
    batches: int = 1000
    seed: int = 0


@dataclass(frozen=True)
class Result:
    """One row for each batch size, one column for each batch.

    Attributes:
        config: The settings.
        std: The feature's standard deviation over all examples.
        means: Means of the batches, in units of ``std`` from the mean over all examples, shape
            ``(sizes, batches)``.
        variances: Biased variances of the batches, in units of the variance over all examples, shape
            ``(sizes, batches)``.
        kurtosis: The feature's fourth central moment over its squared variance; 3 for a Gaussian.
        outputs: What BatchNorm makes of one and the same example in each batch, shape ``(sizes, batches)``.
        example: That example's value, in the units of ``means``.
    """

    config: Config
    std: float
    means: NDArray[np.float64]
    variances: NDArray[np.float64]
    kurtosis: float
    outputs: NDArray[np.float64]
    example: float


def run(config: Config = Config()) -> Result:
    """Draw batches of a feature of the digits, with replacement, each joined by one fixed example.

    The feature is a random projection of the pixels. The means and variances are those of the drawn examples
    alone; for the outputs the fixed example takes the place of the first.
    """
    rng = np.random.default_rng(config.seed)
    pixels = load_digits().train.x.astype(np.float64)
    feature = pixels @ rng.normal(size=pixels.shape[1])
    std = feature.std()
    feature = (feature - feature.mean()) / std
    example = float(np.quantile(feature, 0.8, method="nearest"))
    means, variances, outputs = [], [], []
    for size in config.batch_sizes:
        batches = rng.choice(feature, size=(size, config.batches))
        means.append(batches.mean(axis=0))
        variances.append(batches.var(axis=0))
        batches[0] = example
        normalized = functional.batch_norm(torch.from_numpy(batches), None, None, training=True)
        outputs.append(normalized[0].numpy())
    return Result(
        config,
        std=float(std),
        means=np.array(means),
        variances=np.array(variances),
        kurtosis=float(np.mean(feature**4)),
        outputs=np.array(outputs),
        example=example,
    )
