"""Channels that are the same for all examples at a batch norm where others are not."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from normcourse.clinic.case import Case
from normcourse.clinic.passes import Call
from normcourse.clinic.report import Finding
from normcourse.clinic.subject import Norm

NEEDS = ("batches",)
_ROUNDING = 1e-12  # of a square in float32
_VALUES = 16  # fewer can be alike by chance


def find(case: Case) -> Iterator[Finding]:
    """Name the batch norms in which some channels are constant over all batches, and others vary."""
    found = {norm: constant for norm in case.norms if (constant := _of(case, norm)) is not None}
    if not found:
        return
    were_alive = sum(_alive_before(norm, constant) for norm, constant in found.items())
    yield Finding(
        name="constant channels",
        layers=tuple(norm.name for norm in found),
        measured={
            "constant channels": sum(int(channels.sum()) for channels in found.values()),
            "of them with a running variance above epsilon": were_alive,
            "largest share of a layer's channels": max(
                float(channels.float().mean()) for channels in found.values()
            ),
        },
        follows=(
            "A channel that is the same for every example tells none from another, so its output does not "
            "either; and because its variance is near 0, a deviation that does come is divided by the root "
            "of epsilon. "
            + (
                "Where the running variance is larger the channel varied in training, so something before it "
                "has died or is missing in these batches. "
                if were_alive
                else ""
            )
            + "A feature that is seldom active may only be missing by chance."
        ),
        mend="x[:, channel].unique()  # of the layer's input: what stands there, and since which layer",
        certainty="possible",
        page="02-batchnorm-mechanics/01-forward",
    )


def _of(case: Case, norm: Norm) -> Tensor | None:
    """Which channels of a batch norm are constant; None if none is, or nothing can be said."""
    calls = case.calls(norm) if norm.kind == "batch" else []
    if sum(call.values for call in calls) < _VALUES:
        return None
    constant = _constant(calls, _eps(norm))
    return constant if bool(constant.any()) else None


def _alive_before(norm: Norm, constant: Tensor) -> int:
    """How many of them have a running variance above epsilon."""
    if norm.running is None or len(norm.running[1]) != len(constant):
        return 0
    return int((constant & (norm.running[1].detach().to(constant.device) > _eps(norm))).sum())


def _eps(norm: Norm) -> float:
    return norm.eps or 1e-5


def _constant(calls: Sequence[Call], eps: float) -> Tensor:
    """Which channels hold one value in all batches; none where the whole layer hardly varies."""
    means, variances = (torch.stack([getattr(call, of) for call in calls]).double() for of in ("mean", "var"))
    spread = variances.mean(0) + means.var(0, correction=0)
    alive = spread.mean()
    if not float(alive) > eps / 100:
        return torch.zeros_like(spread, dtype=torch.bool)
    return spread <= _ROUNDING * (means.square().mean(0) + alive)
