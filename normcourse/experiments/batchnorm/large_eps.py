"""Why do batches of 2 harm BatchNorm: by the noise of their statistics, or because only an order is left?

In a batch of 2 a feature comes out as d / sqrt(d^2 + eps), with d half the difference of its two values. As
long as eps is small that is the sign of d, and its slope is zero almost everywhere. A large eps leaves the
size of d in the output, and a gradient for what comes before. The mean of the two is subtracted as ever, with
all its noise.

Source:
    Ioffe and Szegedy 2015, arXiv 1502.03167, algorithm 1, where eps is there for numerical stability.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from torch import nn

from normcourse.experiments.batchnorm import batch_size
from normcourse.experiments.engine.stacked import NormFactory
from normcourse.experiments.engine.sweeps import Sweep
from normcourse.experiments.engine.tolerances import examples

__all__ = ["SWEEP", "measure", "with_eps"]


def with_eps(eps: float) -> NormFactory:
    """Return a factory of BatchNorm for `batch_size.Config`.

    Args:
        eps: What is added to the variance, in training and in inference mode.
    """
    return lambda models, features: nn.BatchNorm1d(models * features, eps=eps)


def measure(*, eps: float, size: int, seeds: Sequence[int]) -> Mapping[str, NDArray[np.float64]]:
    """Run BatchNorm with one eps at one batch size, as `batch_size.run` does, for `SWEEP`.

    Args:
        eps: What is added to the variance.
        size: Examples per step.
        seeds: To report on.

    Returns:
        ``error`` as in `batch_size.Result`, and the chosen ``rate``, each of shape ``(seeds,)``.
    """
    result = batch_size.run(batch_size.Config(with_eps(eps), size), seeds=seeds, progress=False)
    return {"error": result.error, "rate": np.full(len(seeds), result.search.rate)}


#: Two eps at three sizes, which take three minutes; the usual one is in the record of `batch_size`. In the
#: corner the run is short, and few numbers can turn.
SWEEP = Sweep(
    "large_eps",
    {"eps": (0.1, 1.0), "size": (2, 4, 128)},
    tuple(range(8)),
    measure,
    corner={"eps": 1.0, "size": 128},
    tolerances={"error": examples(2, of=300)},
)
