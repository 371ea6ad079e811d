"""Does BatchNorm still help when the shift that it removes is put back as noise?

Source:
    Santurkar et al. 2018, arXiv 1805.11604, section 2.1: after each BatchNorm, noise from a distribution that
    changes at each step. They add noise to each example; here all examples of a step get the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from normcourse import probes
from normcourse.data import load_mnist1d
from normcourse.experiments.covariate_shift.internal_shift import GAINS, REPORT, SEARCH
from normcourse.experiments.engine.search import recorded_rate
from normcourse.experiments.engine.stacked import ACTIVATIONS, DTYPE, NormFactory, StackedMLP
from normcourse.experiments.engine.sweeps import Record, Sweep
from normcourse.experiments.engine.tolerances import examples
from normcourse.experiments.engine.training import batch_order, scores, train

__all__ = ["SWEEP", "Choice", "Config", "Result", "ShiftNoise", "choose", "run"]


class ShiftNoise(nn.Module):
    """Move and stretch each feature of each model at random, anew at every call in training mode.

    A feature z becomes ``scale * z + shift``, with ``shift`` uniform in ``[-noise, noise]`` and ``scale``
    uniform in ``[1, 1 + noise / 2]``, the same for all examples of the batch.

    Args:
        seeds: One per model; a model's noise depends on its seed only.
        features: Features of each model.
        noise: Its size, in the units of the features.
    """

    def __init__(self, seeds: Sequence[int], features: int, noise: float) -> None:
        super().__init__()
        self.features, self.noise = features, noise
        self.generators = [torch.Generator().manual_seed(int(seed)) for seed in seeds]

    def forward(self, z: Tensor) -> Tensor:
        """Disturb ``(batch, models * features)``."""
        if not self.training or not self.noise:
            return z
        drawn = [torch.rand(2, self.features, generator=g, dtype=z.dtype) for g in self.generators]
        shift, scale = torch.cat(drawn, dim=1).unbind()
        return (1 + scale * self.noise / 2) * z + (2 * shift - 1) * self.noise


class _Bias(nn.Module):
    """What a layer without a norm adds before the noise."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(features))

    def forward(self, z: Tensor) -> Tensor:
        shifted: Tensor = z + self.bias
        return shifted


@dataclass(frozen=True)
class Config:
    """Settings of one network on MNIST-1D.

    Attributes:
        norm: ``"batch"`` or ``"none"``.
        noise: Size of the noise before each activation, as `ShiftNoise` has it.
        activation: ``"tanh"`` or ``"relu"``.
        hidden: Units of each hidden layer.
        learning_rate: Of SGD.
        batch_size: Examples per step.
        readings: The steps after which it is measured.
        examples: How many validation examples make the fixed batch on which inputs are compared.
    """

    norm: str = "batch"
    noise: float = 0.5
    activation: str = "tanh"
    hidden: tuple[int, ...] = (64,) * 8
    learning_rate: float = 0.1
    batch_size: int = 64
    readings: tuple[int, ...] = (50, 100, 200, 300, 400)
    examples: int = 300


@dataclass(frozen=True)
class Result:
    """Every array has shape ``(seeds, readings)``.

    Attributes:
        config: The settings.
        validation: Accuracy on the validation split, without noise, normalized by that split.
        test: Accuracy on the test split, likewise.
        shift: By how much the next step, with its noise, moved mean and deviation of the inputs of a layer:
            `normcourse.probes.moment_shift`, median over units, mean over the layers after the first.
    """

    config: Config
    validation: NDArray[np.float64]
    test: NDArray[np.float64]
    shift: NDArray[np.float64]


@dataclass(frozen=True)
class Choice:
    """One kind of network at the learning rate that suits it best.

    Attributes:
        rate: Chosen by the search seeds on the validation split.
        shift: Mean over readings of `Result.shift`, of the other seeds: shape ``(seeds,)``.
        test: Accuracy on the test split at the end, of the same seeds: shape ``(seeds,)``.
    """

    rate: float
    shift: NDArray[np.float64]
    test: NDArray[np.float64]


def choose(record: Record, *, activation: str, norm: str, noise: float) -> Choice:
    """Pick a kind of network from the record of `SWEEP`, at its best learning rate.

    Args:
        record: That of `SWEEP`.
        activation: As in `Config`.
        norm: As in `Config`.
        noise: As in `Config`.
    """
    where: dict[str, Any] = {"activation": activation, "norm": norm, "noise": noise}
    rate = recorded_rate(record, SEARCH, **where)
    shift, test = (record.get(name, rate=rate, **where)[len(SEARCH) :] for name in ("shift", "test"))
    return Choice(rate, shift.mean(axis=1), test[:, -1])


def run(config: Config = Config(), *, seeds: Sequence[int] = range(8), progress: bool = True) -> Result:
    """Train one network for each seed, and measure it.

    Args:
        config: The settings.
        seeds: At least one.
        progress: Whether to show a progress bar.

    Raises:
        ValueError: An unknown norm or activation, or noise below 0.
    """
    if config.norm not in ("batch", "none") or config.activation not in GAINS or config.noise < 0:
        raise ValueError(
            f'norm must be "batch" or "none", activation one of {", ".join(GAINS)}, and noise at least 0, '
            f"but got {config.norm!r}, {config.activation!r} and {config.noise}"
        )
    data = load_mnist1d()
    stack = StackedMLP(
        (data.train.x.shape[1], *config.hidden, 10),
        seeds=seeds,
        norm=_noisy(config, seeds),
        activation=config.activation,
        gain=GAINS[config.activation],
    )
    order = batch_order(len(data.train.y), config.batch_size, config.readings[-1] + 1, seeds)
    fixed = torch.tensor(data.validation.x[: config.examples], dtype=DTYPE)
    rows: list[tuple[NDArray[np.float64], ...]] = []
    before = None
    for step in train(
        stack,
        data.train,
        order,
        [config.learning_rate] * len(seeds),
        progress="training" if progress else None,
    ):
        if before is not None:
            rows[-1] += (_shift(before, _inputs(stack, config, fixed)),)
            before = None
        if step in config.readings:
            before = _inputs(stack, config, fixed)
            _noise_on(stack, False)
            rows.append(
                tuple(
                    scores(stack, split, models=len(seeds)).accuracy for split in (data.validation, data.test)
                )
            )
            _noise_on(stack, True)
    return Result(config, *(np.stack(columns, axis=1) for columns in zip(*rows, strict=True)))


def _noisy(config: Config, seeds: Sequence[int]) -> NormFactory:
    """Return a factory of norms, or of biases, followed by noise."""
    layers = iter(range(len(config.hidden)))

    def make(models: int, features: int) -> nn.Module:
        layer = next(layers)
        first = nn.BatchNorm1d if config.norm == "batch" else _Bias
        own = [seed * len(config.hidden) + layer for seed in seeds]  # each layer has noise of its own
        return nn.Sequential(first(models * features), ShiftNoise(own, features, config.noise))

    return make


def _noise_on(stack: StackedMLP, on: bool) -> None:
    """Set training mode, with noise or without."""
    stack.train()
    for module in stack.modules():
        if isinstance(module, ShiftNoise):
            module.train(on)


@torch.no_grad()
def _inputs(stack: StackedMLP, config: Config, x: Tensor) -> list[Tensor]:
    """What each layer after the first receives, with noise: shape ``(models, features, examples)`` each."""
    _noise_on(stack, True)
    _, activation_inputs = stack.trace(x.T.expand(stack.models, -1, -1))
    return [ACTIVATIONS[config.activation]()(z) for z in activation_inputs]


def _shift(before: list[Tensor], after: list[Tensor]) -> NDArray[np.float64]:
    """Mean over layers of the median over units, shape ``(models,)``."""
    pairs = list(zip(before, after, strict=True))
    return np.array(
        [
            np.mean([np.median(probes.moment_shift(old[model], new[model], axis=0)) for old, new in pairs])
            for model in range(len(before[0]))
        ]
    )


def _sweep(
    activation: str, norm: str, noise: float, rate: float, seeds: Sequence[int]
) -> dict[str, NDArray[np.float64]]:
    config = Config(norm=norm, noise=noise, activation=activation, learning_rate=rate)
    result = run(config, seeds=seeds, progress=False)
    return {"validation": result.validation, "test": result.test, "shift": result.shift}


#: With and without BatchNorm, noise of several sizes, at several learning rates; by reading of `Config`.
SWEEP = Sweep(
    name="noisy_batchnorm",
    axes={
        "activation": ("tanh", "relu"),
        "norm": ("none", "batch"),
        "noise": (0.0, 0.5, 1.0),
        "rate": (0.03, 0.1, 0.3, 1.0),
    },
    seeds=SEARCH + REPORT,
    measure=_sweep,
    corner={"activation": "tanh", "norm": "batch", "noise": 0.5, "rate": 0.03},
    tolerances={
        "validation": examples(5, of=800),
        "test": examples(5, of=1000),
    },
)
