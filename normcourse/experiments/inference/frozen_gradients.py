"""What do fixed statistics do to the gradients of a network, where they change nothing of what it computes?

Source:
    Ioffe and Szegedy 2015, arXiv 1502.03167, section 2, on a gradient that ignores that the statistics
    depend on the batch.
"""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from tqdm.auto import tqdm

from normcourse.data import load_drawn_digits
from normcourse.experiments.inference import drawn_cnn
from normcourse.experiments.inference.adaptation import source_network
from normcourse.nn import freeze_batch_norm

__all__ = ["Config", "Result", "frozen_at", "run"]


@dataclass(frozen=True)
class Config:
    """Settings.

    Attributes:
        trained: Whether the networks have learnt to read the drawn digits, or are as they start.
        batch_size: Images of the validation split that the gradients are taken of.
    """

    trained: bool = True
    batch_size: int = 32


@dataclass(frozen=True)
class Result:
    """The gradients of the filters of each of three convolutions, shape ``(seeds, 3)``.

    Attributes:
        config: The settings.
        cosine: Of the angle between the gradient with fixed statistics and the one with the batch's.
        length: Length of the gradient with fixed statistics over that of the one with the batch's.
        along_batch: With the batch's statistics, the part of the gradient along the filters' weights, as a
            share of its length.
        along_fixed: The same with fixed statistics.
        output: Largest difference of a logit between the two, as a share of the largest logit, shape
            ``(seeds,)``.
    """

    config: Config
    cosine: NDArray[np.float64]
    length: NDArray[np.float64]
    along_batch: NDArray[np.float64]
    along_fixed: NDArray[np.float64]
    output: NDArray[np.float64]


def run(config: Config = Config(), *, seeds: Sequence[int] = range(8), progress: bool = True) -> Result:
    """Take the gradients of the same loss twice: through the batch's statistics, and with those held fixed.

    Args:
        config: The settings.
        seeds: Of the networks; each gets a batch of its own.
        progress: Whether to show a progress bar.
    """
    x, y = drawn_cnn.tensors(load_drawn_digits().validation)
    rows = []
    for seed in tqdm(seeds, disable=not progress, leave=False):
        model = source_network(seed) if config.trained else drawn_cnn.network(seed)
        drawn = np.random.default_rng([seed, 1]).permutation(len(y))[: config.batch_size]
        rows.append(_compared(model, x[torch.from_numpy(drawn)], y[torch.from_numpy(drawn)]))
    return Result(config, *(np.array(column) for column in zip(*rows, strict=True)))


@torch.no_grad()
def frozen_at(model: nn.Module, x: Tensor) -> nn.Module:
    """Return a copy whose batch norms are frozen at the statistics of one batch.

    For this batch it computes what the model computes in training mode.

    Args:
        model: Holds batch norms of images.
        x: The batch.

    Example:
        >>> x = torch.randn(6, 1, 4, 4, dtype=torch.float64)
        >>> layer = nn.BatchNorm2d(1).double()
        >>> torch.allclose(frozen_at(layer, x)(x), layer(x))
        True
    """
    copy = deepcopy(model)
    freeze_batch_norm(copy)
    hooks = [
        layer.register_forward_pre_hook(_take_statistics)
        for layer in copy.modules()
        if isinstance(layer, nn.BatchNorm2d)
    ]
    copy.train()(x)
    for hook in hooks:
        hook.remove()
    return copy


def _take_statistics(layer: nn.BatchNorm2d, inputs: tuple[Tensor]) -> None:
    pool = (0, 2, 3)
    layer.get_buffer("running_mean").copy_(inputs[0].mean(pool))
    layer.get_buffer("running_var").copy_(inputs[0].var(pool, correction=0))  # what training divides by


def _compared(model: nn.Module, x: Tensor, y: Tensor) -> tuple[Any, ...]:
    """The arrays of `Result` for one network, in order."""
    filters, from_batch, out = _gradients(deepcopy(model).train(), x, y)
    _, fixed, same = _gradients(frozen_at(model, x), x, y)
    pairs = [(a, b, a.norm(), b.norm()) for a, b in zip(from_batch, fixed, strict=True)]
    cosine = [float(a @ b / (length * other)) for a, b, length, other in pairs]
    ratio = [float(other / length) for *_, length, other in pairs]
    along = [
        [float((w @ g).abs() / (w.norm() * g.norm())) for w, g in zip(filters, gradients, strict=True)]
        for gradients in (from_batch, fixed)
    ]
    return cosine, ratio, *along, float((out - same).abs().max() / out.abs().max())


def _gradients(model: nn.Module, x: Tensor, y: Tensor) -> tuple[list[Tensor], list[Tensor], Tensor]:
    """Each convolution's filters and their gradient, flat, and the logits."""
    filters = [layer.weight for layer in model.modules() if isinstance(layer, nn.Conv2d)]
    out = model(x)
    gradients = torch.autograd.grad(cross_entropy(out, y), filters)
    return [w.detach().flatten() for w in filters], [g.flatten() for g in gradients], out.detach()
