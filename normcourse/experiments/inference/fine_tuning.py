"""Fine-tuning a network with BatchNorm on few images of shifted data: which statistics should it use?

Source:
    The question of Wu and Johnson 2021, arXiv 2105.07576, section 5, on batches from different domains,
    asked here of a small network on drawn digits. That a norm without statistics of the batch may be the
    better one to fine-tune: Wu and He 2018, arXiv 1803.08494, section 4.2.
"""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn
from tqdm.auto import tqdm

from normcourse.data import Dataset, Split, load_digits, load_drawn_digits
from normcourse.data.corruptions import contrast
from normcourse.experiments.engine.search import recorded_rate
from normcourse.experiments.engine.sweeps import Record, Sweep
from normcourse.experiments.engine.tolerances import examples
from normcourse.experiments.inference import drawn_cnn
from normcourse.experiments.inference.adaptation import source_network
from normcourse.nn import freeze_batch_norm, recalibrate, unfreeze_batch_norm

__all__ = [
    "ARMS",
    "FURTHER",
    "GROUPS",
    "REPORT",
    "SEARCH",
    "SWEEP",
    "TARGETS",
    "Config",
    "Result",
    "at_chosen_rate",
    "group_network",
    "measure",
    "run",
    "target",
]

#: The kinds of new data, drawn digits at half the contrast, and scanned digits that people wrote.
TARGETS = ("half contrast", "handwritten")
#: What the batch norms do while the network is fine-tuned.
ARMS = ("training mode", "frozen", "recalibrated, frozen")
#: Further answers, which are a network that had GroupNorm from the start, and so nothing to freeze; gamma
#: and beta stand still as well.
FURTHER = ("GroupNorm", "frozen, affine too")
#: Groups of each GroupNorm.
GROUPS = 4
#: Seeds with which the learning rate is chosen.
SEARCH = (100, 101, 102)
#: Seeds that are reported on.
REPORT = tuple(range(8))


@dataclass(frozen=True)
class Config:
    """Settings.

    Attributes:
        target: One of `TARGETS`.
        arm: One of `ARMS` or `FURTHER`. The recalibrated one computes the running statistics of the new
            images before it freezes.
        batch_size: Examples per step.
        learning_rate: Of the first step at batches of 16; a batch of B gets the share B / 16. It falls evenly
            to 0. At 0 the weights stay, and the batch norms do what the arm says.
        images: How many labelled images of the target there are; each seed draws its own.
        examples: How many the network sees in all, so that small batches make more steps.

    Raises:
        ValueError: An unknown target or arm.
    """

    target: str = "half contrast"
    arm: str = "training mode"
    batch_size: int = 16
    learning_rate: float = 0.01
    images: int = 100
    examples: int = 1600

    def __post_init__(self) -> None:
        for name, value, known in (("target", self.target, TARGETS), ("arm", self.arm, ARMS + FURTHER)):
            if value not in known:
                raise ValueError(f"Config.{name} must be one of {', '.join(known)}, but got {value!r}")


@dataclass(frozen=True)
class Result:
    """Accuracies in inference mode on the target, fractions of shape ``(seeds,)``.

    Attributes:
        config: The settings.
        start: On the test split before the first step: of the network as it was, or recalibrated.
        validation: On the validation split after the last step.
        test: On the test split after the last step.
        recalibrated: On the test split, after the running statistics were computed anew from the images that
            the network was fine-tuned on; NaN where the training diverged. GroupNorm has none: as ``test``.
    """

    config: Config
    start: NDArray[np.float64]
    validation: NDArray[np.float64]
    test: NDArray[np.float64]
    recalibrated: NDArray[np.float64]


@cache
def target(name: str) -> Dataset:
    """Return the new data, images of 16 x 16 pixels that no network was trained on.

    At half contrast, ``train`` and ``validation`` are the two halves of the drawn digits' validation split.
    The scanned digits have 8 x 8 pixels; each becomes four.

    Args:
        name: One of `TARGETS`.

    Example:
        >>> [split.x.shape for split in target("half contrast")]
        [(500, 256), (500, 256), (2000, 256)]
    """
    if name == "handwritten":
        return Dataset(*(_enlarged(split) for split in load_digits()))
    drawn = load_drawn_digits()
    halves = (Split(drawn.validation.x[part], drawn.validation.y[part]) for part in np.s_[:500, 500:])
    return Dataset(*(Split(contrast(split.x, 0.5), split.y) for split in (*halves, drawn.test)))


@cache
def group_network(seed: int) -> nn.Sequential:
    """Return `source_network` with GroupNorm in place of BatchNorm, in inference mode: do not change it.

    It trains for 1800 steps, not for 600: after that it reads the drawn digits about as well as the other.
    It takes some ten seconds, once for each seed and process.
    """
    model = drawn_cnn.network(seed, norm=lambda channels: nn.GroupNorm(GROUPS, channels))
    for _ in drawn_cnn.train(model, load_drawn_digits().train, drawn_cnn.Config(steps=1800), seed=seed):
        pass
    return model.eval()


def run(config: Config = Config(), *, seeds: Sequence[int] = REPORT, progress: bool = True) -> Result:
    """Fine-tune a trained network per seed and test it.

    Args:
        config: The settings.
        seeds: Each stands for a trained network, the images it gets and their order, whatever the arm.
        progress: Whether to show a progress bar.
    """
    rows = [_accuracies(config, seed) for seed in tqdm(seeds, disable=not progress, leave=False)]
    return Result(config, *np.array(rows).T)


def measure(
    *, target: str, arm: str, batch_size: int, rate: float, seeds: Sequence[int]
) -> Mapping[str, NDArray[np.float64]]:
    """Run one combination, for `SWEEP`; the measurements are the arrays of `Result`."""
    result = run(Config(target, arm, batch_size, rate), seeds=seeds, progress=False)
    names = ("start", "validation", "test", "recalibrated")
    return {name: getattr(result, name) for name in names}


def at_chosen_rate(record: Record, name: str, **settings: Any) -> NDArray[np.float64]:
    """Return a measurement at the rate that `SEARCH` chose on the validation split.

    Args:
        record: Of `SWEEP`.
        name: Of the measurement.
        settings: A value for each axis but the rate and the seed.

    Returns:
        One number for each seed of `REPORT`.
    """
    rate = recorded_rate(record, SEARCH, **settings)
    return record.get(name, rate=rate, seed=REPORT, **settings)


def _accuracies(config: Config, seed: int) -> tuple[float, float, float, float]:
    data, grouped = target(config.target), config.arm == "GroupNorm"
    model = deepcopy((group_network if grouped else source_network)(seed))
    drawn = np.random.default_rng([seed, 1]).permutation(len(data.train.y))[: config.images]
    few = Split(data.train.x[drawn], data.train.y[drawn])
    everything = [drawn_cnn.tensors(few)[0]]
    if config.arm == "recalibrated, frozen":
        recalibrate(model, everything)
    start = drawn_cnn.accuracy(model, data.test)
    _freeze(model, config.arm)
    training = drawn_cnn.Config(
        config.learning_rate * config.batch_size / 16, config.batch_size, config.examples // config.batch_size
    )
    for _ in drawn_cnn.train(model, few, training, seed=seed):
        pass
    model.eval()
    validation, test = (drawn_cnn.accuracy(model, split) for split in (data.validation, data.test))
    if grouped:
        return start, validation, test, test
    unfreeze_batch_norm(model)
    try:
        recalibrate(model, everything)
    except ValueError:  # the training diverged: there is nothing to average
        return start, validation, test, np.nan
    return start, validation, test, drawn_cnn.accuracy(model, data.test)


def _freeze(model: nn.Sequential, arm: str) -> None:
    """Bring a network into the mode in which an arm trains it."""
    model.train()
    if arm not in ("training mode", "GroupNorm"):
        freeze_batch_norm(model, affine=arm == "frozen, affine too")


def _enlarged(split: Split) -> Split:
    """Make four pixels of each of 8 x 8."""
    images = split.x.reshape(-1, 8, 8).repeat(2, axis=1).repeat(2, axis=2)
    return Split(images.reshape(len(images), -1), split.y)


#: Two targets, three arms, two batch sizes and seven rates, which take ten minutes. In the corner the network
#: hardly moves, so that few answers can turn.
SWEEP = Sweep(
    "fine_tuning",
    {
        "target": TARGETS,
        "arm": ARMS,
        "batch_size": (2, 16),
        "rate": (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3),
    },
    REPORT + SEARCH,
    measure,
    corner={"target": "half contrast", "arm": "frozen", "batch_size": 16, "rate": 0.001},
    tolerances={
        "start": examples(5, of=1000),
        "validation": examples(5, of=1000),
        "test": examples(5, of=1000),
        "recalibrated": examples(5, of=1000),
    },
)
