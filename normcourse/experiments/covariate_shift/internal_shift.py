"""How far do the inputs of inner layers move while a network trains, with BatchNorm and without?

Source:
    Ioffe and Szegedy 2015, arXiv 1502.03167, section 2, for internal covariate shift as a change of
    distributions; Santurkar et al. 2018, arXiv 1805.11604, definition 2.1 for the shift of gradients and
    figure 4 for what the loss and its gradient do along a step.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from normcourse import probes
from normcourse.data import load_mnist1d
from normcourse.experiments.engine.intervals import Interval, bootstrap
from normcourse.experiments.engine.search import recorded_rate
from normcourse.experiments.engine.stacked import DTYPE, StackedMLP
from normcourse.experiments.engine.sweeps import Record, Sweep
from normcourse.experiments.engine.tolerances import examples
from normcourse.experiments.engine.training import batch_order, scores, train

__all__ = [
    "GAINS",
    "REPORT",
    "SEARCH",
    "STRIDES",
    "SWEEP",
    "Arm",
    "Config",
    "Result",
    "recorded",
    "recorded_ratios",
    "run",
]

#: Lengths of the steps along the gradient, in units of the learning rate.
STRIDES = (0.5, 1.0, 2.0, 4.0)

#: The gain of the initial weights for each activation.
GAINS: Mapping[str, float] = {"tanh": 1.0, "relu": 2.0**0.5}

#: Learning rates at which both networks learn, so that they can be compared at equal rates.
EQUAL_RATES = (0.03, 0.1, 0.3)

#: First and last step of the periods over which the record is summed up.
PERIODS = ((1, 30), (100, 400))

# The measures of `Arm` that have a value for each layer.
_BY_LAYER = ("moments", "distribution", "gradient", "cosine", "paired")

#: Seeds of the sweep that choose a learning rate, and seeds to report on.
SEARCH, REPORT = (100, 101, 102), tuple(range(8))


@dataclass(frozen=True)
class Config:
    """Settings of a comparison on MNIST-1D.

    Attributes:
        activation: A name of `GAINS`.
        hidden: Units of each hidden layer.
        learning_rate: The same for both networks.
        batch_size: Examples per step.
        readings: The steps that are measured, counted from 1; training ends with the last.
        examples: How many validation examples make the fixed batch on which inputs are compared.
    """

    activation: str = "tanh"
    hidden: tuple[int, ...] = (64,) * 8
    learning_rate: float = 0.1
    batch_size: int = 64
    readings: tuple[int, ...] = (1, 3, 10, 30, 100, 200, 400)
    examples: int = 300


@dataclass(frozen=True)
class Arm:
    """What was measured on one kind of network, in training mode.

    Arrays by layer have shape ``(seeds, readings, layers)``. The layers are those whose inputs come from a
    hidden layer: the second to the last. Of a layer's many inputs the median is kept.

    Attributes:
        moments: Shift of mean and deviation by the step, `normcourse.probes.moment_shift`.
        distribution: Distance from the inputs at the start, `normcourse.probes.distribution_shift`.
        gradient: Shift of the gradient when the earlier layers take the step, relative to its length,
            `normcourse.probes.gradient_shift`, on the batch of the step.
        cosine: Between the two gradients.
        paired: Shift by the step example by example, `normcourse.probes.paired_shift`.
        loss_range: Highest less lowest loss along the gradient, in nats, shape ``(seeds, readings)``.
        gradient_change: Greatest change of the gradient along it, relative to its length, as ``loss_range``.
        smoothness: Greatest change of the gradient per distance, as ``loss_range``.
        accuracy: On the validation split before the step, normalized by that split, as ``loss_range``.
        inputs: What the first unit hands to each layer, first seed, before each reading's step: shape
            ``(readings, layers, examples)``.
    """

    moments: NDArray[np.float64]
    distribution: NDArray[np.float64]
    gradient: NDArray[np.float64]
    cosine: NDArray[np.float64]
    paired: NDArray[np.float64]
    loss_range: NDArray[np.float64]
    gradient_change: NDArray[np.float64]
    smoothness: NDArray[np.float64]
    accuracy: NDArray[np.float64]
    inputs: NDArray[np.float64]


@dataclass(frozen=True)
class Result:
    """Both networks, from the same initial weights, on the same batches.

    Attributes:
        config: The settings.
        plain: Without a norm.
        batch_norm: With BatchNorm before every activation.
    """

    config: Config
    plain: Arm
    batch_norm: Arm

    def ratio(self, measure: str, *, first: int = 1, last: int | None = None) -> Interval:
        """The measure's mean with BatchNorm over its mean without, and the interval over seeds.

        Args:
            measure: An attribute of `Arm` other than ``inputs``.
            first: The first step whose reading counts.
            last: The last one; by default that of the training.
        """
        above, below = (getattr(arm, measure) for arm in (self.batch_norm, self.plain))
        return _ratio(above, below, self.config.readings, first, last)


def run(config: Config = Config(), *, seeds: Sequence[int] = range(8), progress: bool = True) -> Result:
    """Train both networks and measure them at the readings.

    Args:
        config: The settings.
        seeds: At least one.
        progress: Whether to show progress bars.

    Raises:
        ValueError: An activation without a gain, or readings that do not rise from 1 or more.
    """
    if config.activation not in GAINS:
        raise ValueError(f"activation must be one of {', '.join(GAINS)}, but got {config.activation!r}")
    if not config.readings or config.readings[0] < 1 or (np.diff(config.readings) <= 0).any():
        raise ValueError(f"readings must rise, from 1 or more, but got {config.readings}")
    return Result(config, *(_run_arm(config, norm, seeds, progress) for norm in ("none", "batch")))


def recorded(record: Record, *, activation: str, rate: float) -> Result:
    """As `run`, from the record of `SWEEP`, over the seeds that chose no learning rate.

    Args:
        record: That of `SWEEP`, which keeps means over layers: they stand as one layer. It has no ``inputs``.
        activation: A name of `GAINS`.
        rate: The learning rate of both networks.
    """

    def arm(norm: str) -> Arm:
        values = {
            name: record.get(name, activation=activation, rate=rate, norm=norm, seed=REPORT)
            for name in record.values
        }
        by_layer = {name: values[name][..., None] for name in _BY_LAYER}
        return Arm(**values | by_layer, inputs=np.empty((len(Config().readings), 0, 0)))

    return Result(replace(Config(), activation=activation, learning_rate=rate), arm("none"), arm("batch"))


def recorded_ratios(record: Record, measure: str) -> dict[str, dict[str, Interval]]:
    """As `Result.ratio`, from the record of `SWEEP`, over the seeds that chose no learning rate.

    Args:
        record: That of `SWEEP`.
        measure: An attribute of `Arm` other than ``inputs``.

    Returns:
        By setting, then by period of `PERIODS`. The settings are each activation at each rate of
        `EQUAL_RATES`, and with each network at its own best rate, plain first: ``"tanh, best (0.3, 0.1)"``.
    """
    found = {}
    for activation in record.axes["activation"]:
        best = (
            recorded_rate(record, SEARCH, by="accuracy", activation=activation, norm="none"),
            recorded_rate(record, SEARCH, by="accuracy", activation=activation, norm="batch"),
        )
        pairs = {(rate, rate): f"{activation}, rate {rate:g}" for rate in EQUAL_RATES}
        pairs.pop(best, None)
        pairs[best] = f"{activation}, best ({best[0]:g}, {best[1]:g})"
        for rates, label in pairs.items():
            below, above = (
                record.get(measure, activation=activation, rate=rate, norm=norm)[len(SEARCH) :]
                for norm, rate in zip(("none", "batch"), rates, strict=True)
            )
            found[label] = {
                f"steps {first} to {last}": _ratio(above, below, Config().readings, first, last)
                for first, last in PERIODS
            }
    return found


def _ratio(
    above: NDArray[np.float64],
    below: NDArray[np.float64],
    readings: Sequence[int],
    first: int,
    last: int | None,
) -> Interval:
    """Ratio of the means of two arrays ``(seeds, readings, ...)`` over the chosen readings."""
    steps = np.array(readings)
    chosen = (steps >= first) & (steps <= (last or steps[-1]))
    means = (values[:, chosen].reshape(len(values), -1).mean(axis=1) for values in (above, below))
    return bootstrap(lambda a, b, axis: a.mean(axis) / b.mean(axis), *means)


def _run_arm(config: Config, norm: str, seeds: Sequence[int], progress: bool) -> Arm:
    data, label = load_mnist1d(), f"{norm} norm" if progress else None
    stack = StackedMLP(
        (data.train.x.shape[1], *config.hidden, 10),
        seeds=seeds,
        norm=norm,
        activation=config.activation,
        gain=GAINS[config.activation],
    )
    order = batch_order(len(data.train.y), config.batch_size, config.readings[-1], seeds)
    x, y = torch.tensor(data.train.x, dtype=DTYPE), torch.tensor(data.train.y)
    fixed = torch.tensor(data.validation.x[: config.examples], dtype=DTYPE)
    before, start = _networks(stack), [_inputs(net, fixed) for net in _networks(stack)]
    rows, first_unit = [], []
    accuracy = scores(stack, data.validation, models=len(seeds)).accuracy
    for step in train(stack, data.train, order, [config.learning_rate] * len(seeds), progress=label):
        if step in config.readings:
            batches = torch.from_numpy(order[step - 1])
            measured = [
                _measure(old, new, origin, fixed, _loss(x[own], y[own]), config.learning_rate)
                for old, new, origin, own in zip(before, _networks(stack), start, batches, strict=True)
            ]
            rows.append({name: np.stack([row[name] for row in measured]) for name in measured[0]})
            rows[-1]["accuracy"] = accuracy
            first_unit.append(np.stack([values[:, 0] for values in _inputs(before[0], fixed)]))
        if step + 1 in config.readings:
            before = _networks(stack)
            accuracy = scores(stack, data.validation, models=len(seeds)).accuracy
    return Arm(
        **{name: np.stack([row[name] for row in rows], axis=1) for name in rows[0]},
        inputs=np.stack(first_unit),
    )


def _networks(stack: StackedMLP) -> list[nn.Sequential]:
    """Every model as it is now, in training mode."""
    stack.train()
    return [stack.single(model) for model in range(stack.models)]


def _inputs(net: nn.Sequential, x: Tensor) -> list[NDArray[np.float64]]:
    """What each layer but the first receives, shape ``(examples, units)``."""
    with torch.no_grad(), probes.watch(net, nn.Linear, what="input") as seen:
        net(x)
    return [values for [values] in seen.values()][1:]


def _loss(x: Tensor, y: Tensor) -> Callable[[Callable[[Tensor], Tensor]], Tensor]:
    return lambda net: cross_entropy(net(x), y)


def _measure(
    before: nn.Sequential,
    after: nn.Sequential,
    start: list[NDArray[np.float64]],
    x: Tensor,
    loss: Callable[[Callable[[Tensor], Tensor]], Tensor],
    rate: float,
) -> dict[str, NDArray[np.float64]]:
    """Everything about one step of one model that `Arm` holds by seed and reading."""
    old, new = _inputs(before, x), _inputs(after, x)
    shift = probes.gradient_shift(before, after, loss)
    linear = [isinstance(before.get_submodule(name), nn.Linear) for name in shift.layers]
    walk = probes.along_gradient(before, loss, [stride * rate for stride in STRIDES])
    return {
        "moments": _medians(probes.moment_shift, old, new),
        "distribution": _medians(probes.distribution_shift, start, new),
        "paired": _medians(probes.paired_shift, old, new),
        "gradient": shift.relative[linear][1:],
        "cosine": shift.cosine[linear][1:],
        "loss_range": np.ptp(np.append(walk.loss, walk.start)),
        "gradient_change": walk.relative_change.max(),
        "smoothness": walk.smoothness.max(),
    }


def _medians(
    shift: Callable[..., NDArray[np.float64]],
    before: list[NDArray[np.float64]],
    after: list[NDArray[np.float64]],
) -> NDArray[np.float64]:
    return np.array([np.median(shift(*pair)) for pair in zip(before, after, strict=True)])


def _sweep(activation: str, rate: float, norm: str, seeds: Sequence[int]) -> dict[str, NDArray[np.float64]]:
    config = replace(Config(), activation=activation, learning_rate=rate)
    arm = _run_arm(config, norm, seeds, progress=False)
    values = {field.name: getattr(arm, field.name) for field in fields(arm) if field.name != "inputs"}
    return {name: array.mean(axis=2) if array.ndim == 3 else array for name, array in values.items()}


#: Means over layers of both networks at several learning rates, by reading of `Config`.
SWEEP = Sweep(
    name="internal_shift",
    axes={"activation": ("tanh", "relu"), "rate": (0.03, 0.1, 0.3, 1.0), "norm": ("none", "batch")},
    seeds=SEARCH + REPORT,
    measure=_sweep,
    corner={"activation": "tanh", "rate": 0.03, "norm": "none"},
    tolerances={
        "accuracy": examples(5, of=800),
    },
)
