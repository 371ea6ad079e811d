"""Biased or unbiased: which running variance should a batch norm use at inference?

Source:
    Ioffe and Szegedy 2015, arXiv 1502.03167, algorithm 2, which takes the unbiased variance, as PyTorch does.
"""

from collections.abc import Mapping, Sequence
from copy import deepcopy

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from normcourse.data import load_digits
from normcourse.experiments.batchnorm import batch_size
from normcourse.experiments.engine.stacked import StackedMLP
from normcourse.experiments.engine.sweeps import Sweep
from normcourse.experiments.engine.tolerances import examples, nats
from normcourse.experiments.engine.training import scores

__all__ = ["SWEEP", "measure", "with_variance"]


@torch.no_grad()
def with_variance(network: StackedMLP, factor: float) -> StackedMLP:
    """Return a copy in inference mode whose running variances are multiplied by a factor.

    Args:
        network: With `torch.nn.BatchNorm1d`, whose running variance is the unbiased one.
        factor: ``(N - 1) / N`` makes it the average of biased variances of batches of N.

    Raises:
        ValueError: The network has no such layer, or the factor is not above 0.
    """
    if not factor > 0:
        raise ValueError(f"a variance must stay above 0, so the factor must be too; got {factor}")
    network = deepcopy(network).eval()
    layers = [layer for layer in network.modules() if isinstance(layer, nn.BatchNorm1d)]
    if not layers:
        raise ValueError("with_variance needs a network with torch.nn.BatchNorm1d, but this one has none")
    for layer in layers:
        layer.get_buffer("running_var").mul_(factor)
    return network


def measure(*, size: int, seeds: Sequence[int]) -> Mapping[str, NDArray[np.float64]]:
    """Train at one batch size, then test one and the same networks with either variance, for `SWEEP`.

    Args:
        size: Examples in a batch; the layers are fully connected, so also values behind each variance.
        seeds: To report on. The learning rate is the one that `batch_size` chose with others.

    Returns:
        Cross-entropy in nats (``unbiased_loss``, ``biased_loss``) and share of wrong answers
        (``unbiased_error``, ``biased_error``) on the test split, each of shape ``(seeds,)``.
    """
    rate = float(batch_size.SWEEP.load().get("rate", norm="batch", size=size)[0])
    network = batch_size.trained(batch_size.Config("batch", size), [rate] * len(seeds), seeds)
    found: dict[str, NDArray[np.float64]] = {}
    for name, factor in (("unbiased", 1.0), ("biased", (size - 1) / size)):
        tested = scores(with_variance(network, factor), load_digits().test, models=len(seeds))
        found |= {f"{name}_loss": tested.loss, f"{name}_error": 1 - tested.accuracy}
    return found


#: The batch sizes of `batch_size.SWEEP`. It takes half a minute. The corner is the shortest run.
SWEEP = Sweep(
    "running_variance",
    {"size": (2, 4, 8, 16, 32, 128)},
    tuple(range(8)),
    measure,
    corner={"size": 128},
    tolerances={
        "unbiased_error": examples(2, of=300),
        "biased_error": examples(2, of=300),
        "unbiased_loss": nats(0.001),
        "biased_loss": nats(0.001),
    },
)
