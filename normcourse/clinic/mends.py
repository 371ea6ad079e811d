"""What mends a model in place."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from torch import nn

from normcourse.clinic.batches import OnBatches
from normcourse.clinic.case import Case
from normcourse.clinic.lines import recalibrating
from normcourse.clinic.subject import Norm
from normcourse.nn import recalibrate
from normcourse.nn._population import AnyBatchNorm

__all__ = ["recalibrate_on", "recalibrated", "recalibration", "spread"]

_BATCHES = 4  # enough to see what it gains
_OWN = (
    "# recalibrate() knows nn.BatchNorm1d to 3d: put one in the layer's place, with its gamma and beta, "
    "then recalibrate(model, batches)"
)


def spread(batches: Sequence[Any], count: int) -> Sequence[Any]:
    """As many of the batches, at even distances."""
    return [batches[len(batches) * i // count] for i in range(count)] if len(batches) > count else batches


def recalibrate_on(model: nn.Module, batches: Iterable[Any]) -> None:
    """Recompute the running statistics as `normcourse.nn.recalibrate` does, from batches of any kind.

    Args:
        model: Holds batch norms of torch or of this package.
        batches: As `examine` takes them, mappings and several inputs among them.

    Raises:
        ValueError: As `normcourse.nn.recalibrate`, where names begin with ``model.``.

    Example:
        >>> import torch
        >>> model = nn.Sequential(nn.BatchNorm1d(1))
        >>> recalibrate_on(model, [{"input": torch.tensor([[0.0], [2.0]]), "labels": torch.ones(2)}])
        >>> model[0].running_mean
        tensor([1.])
    """
    recalibrate(OnBatches(model), ((batch,) for batch in batches))


def recalibrated(model: nn.Module, batches: Sequence[Any]) -> None:
    """Compute the running statistics anew from some of the batches, of any kind that `examine` takes."""
    recalibrate_on(model, spread(batches, _BATCHES))


def recalibration(case: Case, norms: Iterable[Norm]) -> tuple[str, Callable[[nn.Module], object] | None]:
    """The line that computes these norms' statistics anew from the batches, and what does it on a copy."""
    if not all(isinstance(norm.layer, AnyBatchNorm) for norm in norms):
        return _OWN, None
    return recalibrating(case), partial(recalibrated, batches=case.batches) if case.batches else None
