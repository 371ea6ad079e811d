"""How far may the initial weights be off, with BatchNorm and without?

Source:
    Ioffe and Szegedy 2015, arXiv 1502.03167, section 3.3, claims resilience to the scale of the parameters;
    He et al. 2015, arXiv 1502.01852, gives the scale that suits ReLU, LeCun et al. 1998, Efficient BackProp,
    that of one over the root of a layer's inputs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from normcourse.data import load_digits
from normcourse.experiments.engine.search import recorded_rate
from normcourse.experiments.engine.stacked import StackedMLP
from normcourse.experiments.engine.sweeps import Sweep
from normcourse.experiments.engine.tolerances import examples
from normcourse.experiments.engine.training import batch_order, every_pair, scores, train_through

__all__ = ["NETWORKS", "REPORT", "SEARCH", "SWEEP", "Config", "chosen", "run"]

#: Activation, number of hidden layers and gain of the initial weights at scale 1, by name.
NETWORKS: dict[str, tuple[str, int, float]] = {
    "sigmoid, 3 layers": ("sigmoid", 3, 1.0),
    "relu, 6 layers": ("relu", 6, 2**0.5),
}

#: Seeds that choose the learning rate, and seeds to report on.
SEARCH, REPORT = (100, 101, 102), tuple(range(5))


@dataclass(frozen=True)
class Config:
    """Settings.

    Attributes:
        network: A name of `NETWORKS`.
        norm: A name of `stacked.NORMS`, before the activation.
        width: Units of each hidden layer.
        batch_size: Examples per step.
        steps: Training steps of plain SGD.
    """

    network: str = "sigmoid, 3 layers"
    norm: str = "batch"
    width: int = 64
    batch_size: int = 60
    steps: int = 500


def run(
    config: Config,
    scales: Sequence[float],
    rate: float,
    *,
    seeds: Sequence[int] = range(8),
    progress: bool = True,
) -> dict[str, NDArray[np.float64]]:
    """Train from initial weights times every scale, with every seed, on the digits.

    Returns:
        Accuracy in inference mode after the last step on the ``"validation"`` and on the ``"test"`` split,
        each of shape ``(seeds, scales)``.
    """
    data = load_digits()
    activation, layers, gain = NETWORKS[config.network]
    by_model, by_seed = every_pair(scales, seeds)
    network = StackedMLP(
        (data.train.x.shape[1], *[config.width] * layers, 10),
        seeds=by_seed,
        norm=config.norm,
        activation=activation,
        gain=[gain * scale for scale in by_model],
    )
    order = batch_order(len(data.train.y), config.batch_size, config.steps, by_seed)
    label = f"{config.network}, norm {config.norm}" if progress else None
    train_through(network, data.train, order, rate, progress=label)
    return {
        name: scores(network, split, models=len(by_seed)).accuracy.reshape(len(scales), len(seeds)).T
        for name, split in (("validation", data.validation), ("test", data.test))
    }


def _measure(
    network: str, norm: str, rate: float, scale: float, seeds: Sequence[int]
) -> dict[str, NDArray[np.float64]]:
    accuracies = run(Config(network, norm), [scale], rate, seeds=seeds, progress=False)
    return {name: accuracy[:, 0] for name, accuracy in accuracies.items()}


#: Both networks, without and with BatchNorm, at 7 scales and 12 rates. It takes about twenty minutes. The
#: tiny rates are there for ReLU without a norm, which learns at no others from weights that are too large.
SWEEP = Sweep(
    "init_scales",
    {
        "network": tuple(NETWORKS),
        "norm": ("none", "batch"),
        "rate": (1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0),
        "scale": (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0),
    },
    seeds=REPORT + SEARCH,
    measure=_measure,
    corner={"network": "sigmoid, 3 layers", "norm": "batch", "rate": 0.1, "scale": 1.0},
    tolerances={
        "validation": examples(2, of=300),
        "test": examples(2, of=300),
    },
)


def chosen(
    norm: str, network: str, *, at: float | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Test accuracy in the record, at the rates that the search seeds prefer on the validation split.

    Args:
        norm: ``"none"`` or ``"batch"``.
        network: A name of `NETWORKS`.
        at: Choose one rate, the best at this scale, for all scales; by default each scale gets its own best.

    Returns:
        The accuracy of the seeds that did not search, shape ``(seeds, scales)``; the rates, ``(scales,)``.
    """
    record = SWEEP.load()
    where: dict[str, Any] = {"norm": norm, "network": network}
    scales = record.axes["scale"]
    rates = [recorded_rate(record, SEARCH, **where, scale=scale if at is None else at) for scale in scales]
    test = [
        record.get("test", **where, rate=rate, scale=scale, seed=REPORT)
        for rate, scale in zip(rates, scales, strict=True)
    ]
    return np.stack(test, axis=1), np.array(rates)
