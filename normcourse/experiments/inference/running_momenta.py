"""How far do running statistics lag behind a network that learns, at several momenta of one and the same run?

In training, a batch norm does not use its running statistics. So one run can keep any number of averages of
the same batches, and only the statistics differ between their answers.

Source:
    Wu and Johnson 2021, arXiv 2105.07576, section 3, who compare the moving average with PreciseBN on
    ImageNet. Here the images are drawn digits.
"""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from tqdm.auto import tqdm

from normcourse.data import Split, load_drawn_digits
from normcourse.experiments.engine.sweeps import Sweep
from normcourse.experiments.engine.tolerances import examples, relative
from normcourse.experiments.inference import drawn_cnn
from normcourse.experiments.inference.kept_statistics import recalibrated, statistics_of, with_statistics

__all__ = ["ESTIMATES", "MOMENTA", "SETTINGS", "SIZES", "SWEEP", "Averages", "Result", "measure", "run"]

#: The weights of the newest batch.
MOMENTA = (0.9, 0.1, 0.01, 0.001)

#: Where the statistics at inference come from, which is a running average of that momentum, corrected for its
#: start or not; the plain mean of all batches so far; a recalibration; or the test images as one batch.
ESTIMATES = (
    *(f"{momentum:g}" for momentum in MOMENTA),
    "0.001 corrected",
    "all batches",
    "recalibrated",
    "batch",
)

#: How many training examples a recalibration is given, in batches of 32.
SIZES = (32, 128, 512, 2048)

#: Trainings by name. Only the learning rate differs, and whether it falls to zero.
SETTINGS: Mapping[str, drawn_cnn.Config] = {
    "high rate": drawn_cnn.Config(0.1, decay=False),
    "low rate": drawn_cnn.Config(0.01, decay=False),
    "high, to zero": drawn_cnn.Config(0.1, decay=True),
}

# When the estimates are read, in sixths of the run; and how many examples "recalibrated" takes.
_SIXTHS = (1, 3, 6)
_PRECISE = 512


class Averages:
    """Several running averages of the batch statistics of one network in training.

    Args:
        model: Its batch norms need a momentum of 1, so that their running statistics are the last batch's.

    Raises:
        ValueError: A batch norm has another momentum, or there is none.

    Example:
        >>> model = nn.BatchNorm1d(1, momentum=1.0)
        >>> averages = Averages(model)
        >>> _ = model(torch.tensor([[2.0], [4.0]]))
        >>> averages.update()
        >>> [round(value.item(), 2) for value in averages.of("0.1")]
        [0.3, 1.1]
        >>> [round(value.item(), 2) for value in averages.of("0.001 corrected")]
        [3.0, 2.0]
    """

    def __init__(self, model: nn.Module) -> None:
        layers = [layer for layer in model.modules() if isinstance(layer, nn.modules.batchnorm._BatchNorm)]
        if not layers or any(layer.momentum != 1 for layer in layers):
            raise ValueError(
                "Averages reads each batch's statistics from batch norms with momentum=1.0, but the model's "
                f"have {[layer.momentum for layer in layers]}"
            )
        self._batch = statistics_of(model)
        self._start = [value.clone() for value in self._batch]
        self._kept = {name: [value.clone() for value in self._start] for name in (*MOMENTA, None)}
        self.batches = 0

    def update(self) -> None:
        """Take in the batch that the network has just seen."""
        self.batches += 1
        for momentum, kept in self._kept.items():
            weight = 1 / self.batches if momentum is None else momentum
            for value, new in zip(kept, self._batch, strict=True):
                value.lerp_(new, weight)

    def of(self, estimate: str) -> list[Tensor]:
        """Return the means and variances by a name of `ESTIMATES`, in the order of the network's buffers."""
        if estimate == "all batches":
            return self._kept[None]
        momentum = float(estimate.split()[0])
        kept = self._kept[momentum]
        if "corrected" not in estimate:
            return kept
        left = (1 - momentum) ** self.batches  # the weight that the start still has
        return [(value - left * old) / (1 - left) for value, old in zip(kept, self._start, strict=True)]


@dataclass(frozen=True)
class Result:
    """What each estimate of the statistics gives in inference mode.

    Attributes:
        readings: The steps at which it was read, shape ``(readings,)``.
        accuracy: On the images of the test split, shape ``(seeds, estimates, readings)``.
        offset: Distance of the means from the recalibrated ones, in standard deviations, root mean square
            over the channels of all layers, without the estimate ``"batch"``; shape
            ``(seeds, estimates - 1, readings)``.
        by_size: Accuracy at the last step after a recalibration by `SIZES` examples, shape
            ``(seeds, sizes)``.
    """

    readings: NDArray[np.int64]
    accuracy: NDArray[np.float64]
    offset: NDArray[np.float64]
    by_size: NDArray[np.float64]


def run(
    setting: str = "high rate",
    steps: int = 600,
    *,
    images: int = 1000,
    seeds: Sequence[int] = range(8),
    progress: bool = True,
) -> Result:
    """Train a small convolutional network for each seed, and read every estimate three times on the way.

    Args:
        setting: A name of `SETTINGS`.
        steps: Training steps, a multiple of 6.
        images: How many images of the test split are asked about.
        seeds: Of the weights, of the order of the examples and of those that recalibrate.
        progress: Whether to show a progress bar.

    Raises:
        ValueError: The steps are no multiple of 6.
    """
    if steps < 6 or steps % 6:
        raise ValueError(f"the run is read after sixths of it, so steps must be a multiple of 6; got {steps}")
    runs = [
        _one(setting, steps, images, seed)
        for seed in tqdm(seeds, desc="seeds", disable=not progress, leave=False)
    ]
    accuracy, offset, by_size = (np.array(values) for values in zip(*runs, strict=True))
    return Result(np.array(_readings(steps)), accuracy.transpose(0, 2, 1), offset.transpose(0, 2, 1), by_size)


def measure(*, setting: str, steps: int, seeds: Sequence[int]) -> Mapping[str, NDArray[np.float64]]:
    """Run one setting, for `SWEEP`: the measurements of `Result`, without the readings."""
    images = 1000 if steps > 12 else 100  # a test repeats the short run and cannot wait
    result = run(setting, steps, images=images, seeds=seeds, progress=False)
    return {"accuracy": result.accuracy, "offset": result.offset, "by_size": result.by_size}


def _readings(steps: int) -> list[int]:
    return [steps * part // 6 for part in _SIXTHS]


def _one(
    setting: str, steps: int, images: int, seed: int
) -> tuple[list[list[float]], list[list[float]], list[float]]:
    base, data = SETTINGS[setting], load_drawn_digits()
    config = drawn_cnn.Config(base.learning_rate, base.batch_size, steps, base.decay)
    model = drawn_cnn.network(seed, norm=partial(nn.BatchNorm2d, momentum=1.0))
    averages = Averages(model)
    chosen = np.random.default_rng([seed, 1]).permutation(len(data.train.y))[: max(SIZES)]
    test = Split(data.test.x[:images], data.test.y[:images])
    own = drawn_cnn.tensors(data.train)[0][torch.from_numpy(chosen)]
    accuracy, offset = [], []
    for step in drawn_cnn.train(model, data.train, config, seed=seed):
        averages.update()
        if step in _readings(steps):
            precise = recalibrated(model, own[:_PRECISE])
            models = [*(with_statistics(model, averages.of(name)) for name in ESTIMATES[:-2]), precise]
            accuracy.append([_accuracy(asked, test) for asked in (*models, deepcopy(model))])
            offset.append([_offset(asked, precise) for asked in models])
    by_size = [_accuracy(recalibrated(model, own[:size]), test) for size in SIZES]
    return accuracy, offset, by_size


def _accuracy(model: nn.Module, test: Split) -> float:
    """In training mode all images are one batch; else they are asked about in parts, which is faster."""
    size = len(test.y) if model.training else 250
    starts = range(0, len(test.y), size)
    parts = [Split(test.x[at : at + size], test.y[at : at + size]) for at in starts]
    right = [drawn_cnn.accuracy(model, part) * len(part.y) for part in parts]
    return sum(right) / len(test.y)


def _offset(model: nn.Module, precise: nn.Module) -> float:
    """How far the means lie from the precise ones, in precise standard deviations."""
    means, right = statistics_of(model)[::2], statistics_of(precise)
    pairs = zip(means, right[::2], right[1::2], strict=True)
    squares = torch.cat([(mean - at).square() / variance for mean, at, variance in pairs])
    return float(squares.mean().sqrt())


#: Three settings, long and very short. It takes three minutes. The corner is a short run, before rounding
#: grows.
SWEEP = Sweep(
    "running_momenta",
    {"setting": tuple(SETTINGS), "steps": (12, 600)},
    tuple(range(8)),
    measure,
    corner={"setting": "low rate", "steps": 12},
    tolerances={
        "accuracy": examples(10, of=1000),
        "offset": relative(0.01),
        "by_size": examples(10, of=1000),
    },
)
