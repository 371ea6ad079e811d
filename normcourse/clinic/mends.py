"""What mends a model in place, for any kind of batch."""

from collections.abc import Sequence
from typing import Any

from torch import nn

from normcourse.clinic.passes import OnBatches
from normcourse.nn import recalibrate

__all__ = ["recalibrated", "spread"]


_BATCHES = 4  # enough to see what it gains


def spread(batches: Sequence[Any], count: int) -> Sequence[Any]:
    """As many of the batches, at even distances."""
    return [batches[len(batches) * i // count] for i in range(count)] if len(batches) > count else batches


def recalibrated(model: nn.Module, batches: Sequence[Any]) -> None:
    """Compute the running statistics anew from some of the batches, of any kind that `examine` takes."""
    recalibrate(OnBatches(model), [(batch,) for batch in spread(batches, _BATCHES)])
