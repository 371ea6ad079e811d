"""What the number of steps that BatchNorm saves depends on: start, optimiser, activation, depth.

Source:
    Ioffe and Szegedy 2015, arXiv 1502.03167, section 4.1, for the first setting; see `training_steps`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from normcourse.experiments.batchnorm.training_steps import Config, run
from normcourse.experiments.engine.intervals import Interval, bootstrap
from normcourse.experiments.engine.sweeps import Sweep

__all__ = ["HOLDS", "SETTINGS", "SWEEP", "rates", "ratio", "searched", "steps_to"]

#: For how many steps the target must hold.
HOLDS = (0, 20, 100)

# Wide enough that every chosen rate lies inside its grid; a test holds this.
_SGD, _ADAM = (0.03, 0.1, 0.3, 1.0, 3.0), (0.001, 0.003, 0.01, 0.03, 0.1)
_SIGMOID_SGD, _MOMENTUM = (0.1, 0.3, 1.0, 3.0, 10.0), (0.03, 0.1, 0.3, 1.0)


def _sigmoid(init_std: float, optimiser: str, rates: tuple[float, ...], steps: int) -> Config:
    return Config(init_std=init_std, optimiser=optimiser, learning_rates=rates, steps=steps)


def _deep(activation: str, layers: int, optimiser: str, rates: tuple[float, ...], steps: int) -> Config:
    return Config(
        data="mnist1d",
        hidden=(64,) * layers,
        activation=activation,
        init_std=None,
        gain=2**0.5 if activation == "relu" else 1.0,
        optimiser=optimiser,
        steps=steps,
        target=0.4,
        learning_rates=rates,
    )


#: The settings by name. The target is 95% on the digits and 40% on MNIST-1D, which is harder.
SETTINGS: Mapping[str, Config] = {
    "sigmoid, std 0.1, SGD": _sigmoid(0.1, "sgd", _SIGMOID_SGD, 2000),
    "sigmoid, std 0.1, momentum": _sigmoid(0.1, "momentum", _MOMENTUM, 1000),
    "sigmoid, std 0.1, Adam": _sigmoid(0.1, "adam", _ADAM, 600),
    "sigmoid, std 0.4, SGD": _sigmoid(0.4, "sgd", _SIGMOID_SGD, 600),
    "sigmoid, std 0.4, momentum": _sigmoid(0.4, "momentum", _MOMENTUM, 400),
    "sigmoid, std 0.4, Adam": _sigmoid(0.4, "adam", _ADAM, 400),
    "relu, 2 layers, SGD": _deep("relu", 2, "sgd", _SGD, 1200),
    "relu, 6 layers, SGD": _deep("relu", 6, "sgd", _SGD, 1200),
    "relu, 12 layers, SGD": _deep("relu", 12, "sgd", _SGD, 1200),
    "relu, 6 layers, Adam": _deep("relu", 6, "adam", _ADAM, 800),
    "tanh, 6 layers, SGD": _deep("tanh", 6, "sgd", _SGD, 1200),
    "tanh, 12 layers, SGD": _deep("tanh", 12, "sgd", _SGD, 1200),
}


def _measure(setting: str, seeds: Sequence[int]) -> dict[str, NDArray[Any]]:
    result = run(SETTINGS[setting], seeds=seeds, progress=False)
    held = [result.steps_to(result.config.target, hold=hold) for hold in HOLDS]
    arms = (result.plain, result.batch_norm)
    return {
        "plain": np.stack([plain for plain, _ in held], axis=1),
        "batch norm": np.stack([normalized for _, normalized in held], axis=1),
        "rates": np.broadcast_to([arm.learning_rate for arm in arms], (len(seeds), 2)),
        "searches": np.broadcast_to(
            np.stack([_padded(arm.search.mean(axis=1)) for arm in arms]), (len(seeds), 2, _LONGEST)
        ),
    }


_LONGEST = max(len(config.learning_rates) for config in SETTINGS.values())


def _padded(steps: NDArray[np.float64]) -> NDArray[np.float64]:
    """Fill up a grid that is shorter than the longest with what is not a number."""
    return np.pad(steps, (0, _LONGEST - len(steps)), constant_values=np.nan)


#: In every setting, the steps to the target, one column per entry of `HOLDS`; both networks' learning rates;
#: and what their searches rest on, the mean steps on the validation split at each rate of the grid. The rates
#: and the searches are the same for all seeds.
SWEEP = Sweep(
    "step_ratios",
    {"setting": tuple(SETTINGS)},
    seeds=tuple(range(8)),
    measure=_measure,
    corner={"setting": "sigmoid, std 0.4, Adam"},
)


def steps_to(setting: str, *, hold: int = 0) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Steps to the target from the record, plain and with BatchNorm: shape ``(seeds,)``, ``inf`` if never.

    Args:
        setting: A name of `SETTINGS`.
        hold: An entry of `HOLDS`.
    """
    record, column = SWEEP.load(), HOLDS.index(hold)
    return (
        record.get("plain", setting=setting)[:, column],
        record.get("batch norm", setting=setting)[:, column],
    )


def ratio(setting: str, *, hold: int = 0) -> Interval:
    """Mean steps to the target without BatchNorm, over mean steps with it, from the record.

    Args:
        setting: As in `steps_to`.
        hold: As in `steps_to`.

    Raises:
        ValueError: Some run did not arrive.
    """
    plain, normalized = steps_to(setting, hold=hold)
    return bootstrap(lambda a, b, axis: a.mean(axis) / b.mean(axis), plain, normalized)


def rates(setting: str) -> tuple[float, float]:
    """Return the learning rates that the searches chose, plain and with BatchNorm, from the record."""
    plain, normalized = SWEEP.load().get("rates", setting=setting)[0]
    return float(plain), float(normalized)


def searched(setting: str) -> Mapping[float, tuple[float, float]]:
    """Return the mean steps of the search by learning rate, plain and with BatchNorm, from the record.

    They are those to the target on the validation split; ``inf`` if some seed did not reach it.
    """
    plain, normalized = SWEEP.load().get("searches", setting=setting)[0]
    grid = SETTINGS[setting].learning_rates
    return {
        rate: (float(a), float(b))
        for rate, a, b in zip(grid, plain, normalized, strict=False)  # shorter grids are padded
    }
