"""What does it cost to forget ``model.eval()``, and what does an answer then depend on?

Source:
    Ioffe and Szegedy 2015, arXiv 1502.03167, section 3.1, on why inference uses fixed statistics: "the output
    to depend only on the input, deterministically".
"""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from tqdm.auto import tqdm

from normcourse.data import load_drawn_digits
from normcourse.experiments.engine.sweeps import Sweep
from normcourse.experiments.engine.tolerances import examples, magnitude
from normcourse.experiments.inference import drawn_cnn
from normcourse.experiments.inference.adaptation import source_network

__all__ = ["ORDERS", "SWEEP", "Config", "Result", "logits", "measure", "run", "with_others"]

#: How the examples can stand in line before they are cut into batches.
ORDERS = ("shuffled", "by class")


@dataclass(frozen=True)
class Config:
    """Settings.

    Attributes:
        order: One of `ORDERS`.
        batch_size: Examples that are asked about together.

    Raises:
        ValueError: An unknown order.
    """

    order: str = "shuffled"
    batch_size: int = 32

    def __post_init__(self) -> None:
        if self.order not in ORDERS:
            raise ValueError(f"Config.order must be one of {', '.join(ORDERS)}, but got {self.order!r}")


@dataclass(frozen=True)
class Result:
    """One number per network, shape ``(seeds,)``. Shares and accuracies are fractions of the test split.

    Attributes:
        config: The settings.
        inference: Accuracy in inference mode.
        training: Accuracy in training mode, in batches, without a gradient step.
        after: Accuracy in inference mode after the test split has been asked once in training mode.
        bits: Share of examples whose logits differ in any bit, in inference mode, when every second example
            of their batch is another one.
        answers: Share of examples whose answer differs, in training mode, when the same is done.
        rounding: Largest difference of a logit between asking in batches and one by one, in inference mode,
            as a share of the largest logit; in double precision.
        rounding32: The same in single precision.
    """

    config: Config
    inference: NDArray[np.float64]
    training: NDArray[np.float64]
    after: NDArray[np.float64]
    bits: NDArray[np.float64]
    answers: NDArray[np.float64]
    rounding: NDArray[np.float64]
    rounding32: NDArray[np.float64]


def run(config: Config = Config(), *, seeds: Sequence[int] = range(8), progress: bool = True) -> Result:
    """Ask networks that were trained on the drawn digits about the test split of the drawn digits.

    Args:
        config: The settings.
        seeds: Of the networks; the order of the examples is the same for all.
        progress: Whether to show a progress bar.
    """
    x, y = drawn_cnn.tensors(load_drawn_digits().test)
    shuffled = torch.from_numpy(np.random.default_rng(0).permutation(len(y)))
    order = shuffled if config.order == "shuffled" else y.argsort(stable=True)
    rows = [
        _asked(source_network(seed), x, y, order, config.batch_size)
        for seed in tqdm(seeds, disable=not progress, leave=False)
    ]
    return Result(config, *np.array(rows).T)


@torch.no_grad()
def logits(model: nn.Module, x: Tensor, batch_size: int) -> Tensor:
    """Ask a network about examples in batches, in the mode that it is in.

    In training mode the running statistics move.

    Args:
        model: From images ``(N, 256)`` to logits ``(N, 10)``.
        x: Examples in order.
        batch_size: How many are asked together; the last batch may be smaller.

    Example:
        >>> logits(nn.Identity(), torch.ones(5, 3), 2).shape
        torch.Size([5, 3])
    """
    return torch.cat([model(batch) for batch in torch.split(x, batch_size)])


def with_others(x: Tensor) -> Tensor:
    """Replace every second example by one from half the line away; the first, the third ... stay in place.

    Example:
        >>> with_others(torch.arange(8))
        tensor([0, 5, 2, 7, 4, 1, 6, 3])
    """
    replaced = x.clone()
    replaced[1::2] = x.roll(len(x) // 2, dims=0)[1::2]
    return replaced


def measure(*, order: str, batch_size: int, seeds: Sequence[int]) -> Mapping[str, NDArray[np.float64]]:
    """Run one combination, for `SWEEP`; the measurements are the arrays of `Result`."""
    result = vars(run(Config(order, batch_size), seeds=seeds, progress=False))
    return {name: values for name, values in result.items() if name != "config"}


def _asked(model: nn.Module, x: Tensor, y: Tensor, order: Tensor, size: int) -> tuple[float, ...]:
    """The numbers of `Result` for one network."""
    roundings = [_rounding(model, x, order, size, dtype) for dtype in (torch.float64, torch.float32)]
    x, y = x[order], y[order]
    told = deepcopy(model).train()  # its running statistics will move
    in_training = logits(told, x, size)
    moved = logits(told.eval(), x, len(x))
    answers = logits(deepcopy(model).train(), with_others(x), size).argmax(1) != in_training.argmax(1)
    in_batches = logits(model, x, size)
    bits = (logits(model, with_others(x), size) != in_batches).any(1)
    right = [float((out.argmax(1) == y).double().mean()) for out in (in_batches, in_training, moved)]
    kept = slice(None, None, 2)
    shares = [float(changed[kept].double().mean()) for changed in (bits, answers)]
    return *right, *shares, *roundings


def _rounding(model: nn.Module, x: Tensor, order: Tensor, size: int, dtype: torch.dtype) -> float:
    alone = _alone(model, dtype)[order]
    together = logits(deepcopy(model).to(dtype), x[order].to(dtype), size)
    return float((together - alone).abs().max() / alone.abs().max())


@cache
def _alone(model: nn.Module, dtype: torch.dtype) -> Tensor:
    """The logits of the test split, asked one by one."""
    x, _ = drawn_cnn.tensors(load_drawn_digits().test)
    return logits(deepcopy(model).to(dtype), x.to(dtype), 1)


#: Two orders and five batch sizes, which take three minutes.
SWEEP = Sweep(
    "inference_modes",
    {"order": ORDERS, "batch_size": (1, 2, 8, 32, 128)},
    tuple(range(8)),
    measure,
    corner={"order": "shuffled", "batch_size": 128},
    tolerances={
        "inference": examples(5, of=2000),
        "training": examples(5, of=2000),
        "after": examples(5, of=2000),
        "answers": examples(5, of=2000),
        "rounding": magnitude(),
        "rounding32": magnitude(),
    },
)
