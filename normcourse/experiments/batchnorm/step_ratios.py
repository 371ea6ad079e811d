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

__all__ = ["HOLDS", "SETTINGS", "SWEEP", "ratio"]

#: For how many steps the target must hold.
HOLDS = (0, 20)

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
    rates = np.array([result.plain.learning_rate, result.batch_norm.learning_rate])
    return {
        "plain": np.stack([plain for plain, _ in held], axis=1),
        "batch norm": np.stack([normalized for _, normalized in held], axis=1),
        "rates": np.broadcast_to(rates, (len(seeds), 2)),
    }


#: Steps to the target, one column per entry of `HOLDS`, and both networks' learning rates, in every setting.
SWEEP = Sweep(
    "step_ratios",
    {"setting": tuple(SETTINGS)},
    seeds=tuple(range(8)),
    measure=_measure,
    corner={"setting": "sigmoid, std 0.4, Adam"},
)


def ratio(setting: str, *, hold: int = 0) -> Interval:
    """Mean steps to the target without BatchNorm, over mean steps with it, from the record.

    Args:
        setting: A name of `SETTINGS`.
        hold: An entry of `HOLDS`.

    Raises:
        ValueError: Some run did not arrive.
    """
    record, column = SWEEP.load(), HOLDS.index(hold)
    plain, normalized = (record.get(arm, setting=setting)[:, column] for arm in ("plain", "batch norm"))
    return bootstrap(lambda a, b, axis: a.mean(axis) / b.mean(axis), plain, normalized)
