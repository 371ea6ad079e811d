"""When the inputs move and the rule stays: does it help to weight the examples?

Source:
    Shimodaira 2000, doi:10.1016/S0378-3758(00)00115-4, whose example this is: a line fitted to a cubic.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

__all__ = ["Config", "Result", "rule", "run"]


@dataclass(frozen=True)
class Config:
    """Settings. Inputs are normal in training and in use, with other means and spreads.

    Attributes:
        degree: Of the fitted polynomial: 1 is too stiff for the rule, 3 fits it.
        train_mean: Mean of the inputs in training.
        train_std: Their standard deviation.
        use_mean: Mean of the inputs that the fit is used on.
        use_std: Their standard deviation.
        noise: Standard deviation of what is added to the rule.
        examples: To fit to.
        tests: Fresh examples, of the kind that the fit is used on, to judge it by.
    """

    degree: int = 1
    train_mean: float = 0.5
    train_std: float = 0.5
    use_mean: float = 0.0
    use_std: float = 0.3
    noise: float = 0.3
    examples: int = 100
    tests: int = 2000


@dataclass(frozen=True)
class Result:
    """One fit per seed, without and with weights.

    Attributes:
        config: The settings.
        x: Inputs to fit to, shape ``(seeds, examples)``.
        y: What was observed there, shape ``(seeds, examples)``.
        weights: Density in use over density in training at each input, shape ``(seeds, examples)``.
        plain: Coefficients fitted by least squares, highest power first, shape ``(seeds, degree + 1)``.
        weighted: The same with each square times its weight.
        plain_error: Mean squared distance from the rule in use, so without the noise, shape ``(seeds,)``.
        weighted_error: The same of the weighted fit.
    """

    config: Config
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    weights: NDArray[np.float64]
    plain: NDArray[np.float64]
    weighted: NDArray[np.float64]
    plain_error: NDArray[np.float64]
    weighted_error: NDArray[np.float64]

    @property
    def effective_examples(self) -> NDArray[np.float64]:
        """How many equally weighted examples would give as sure an average, shape ``(seeds,)``."""
        counts: NDArray[np.float64] = self.weights.sum(axis=1) ** 2 / (self.weights**2).sum(axis=1)
        return counts


def rule(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what the observations scatter around, in training and in use alike: minus x plus x cubed.

    Example:
        >>> rule(np.array([0.0, 1.0, 2.0]))
        array([0., 0., 6.])
    """
    curve: NDArray[np.float64] = -x + x**3
    return curve


def run(config: Config = Config(), *, seeds: Sequence[int] = range(200)) -> Result:
    """Fit a polynomial in training's inputs and judge it on those of use.

    Args:
        config: The settings.
        seeds: One sample each.
    """
    rows = [_fit(config, seed) for seed in seeds]
    return Result(config, *(np.stack(column) for column in zip(*rows, strict=True)))


def _fit(config: Config, seed: int) -> tuple[NDArray[np.float64] | np.float64, ...]:
    rng = np.random.default_rng(seed)
    x = rng.normal(config.train_mean, config.train_std, config.examples)
    y = rule(x) + rng.normal(0, config.noise, config.examples)
    in_use = stats.norm.pdf(x, config.use_mean, config.use_std)
    weights = in_use / stats.norm.pdf(x, config.train_mean, config.train_std)
    plain = np.polyfit(x, y, config.degree)
    weighted = np.polyfit(x, y, config.degree, w=np.sqrt(weights))  # polyfit squares its weights
    fresh = rng.normal(config.use_mean, config.use_std, config.tests)
    errors = (np.mean((np.polyval(fit, fresh) - rule(fresh)) ** 2) for fit in (plain, weighted))
    return x, y, weights, plain, weighted, *errors
