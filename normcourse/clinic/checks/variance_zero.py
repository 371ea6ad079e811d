"""A running variance of zero, or far below epsilon: in use the channel is multiplied by 1/sqrt(eps)."""

from collections.abc import Iterator

import torch
from torch import Tensor

from normcourse.clinic.case import Case
from normcourse.clinic.mends import recalibration
from normcourse.clinic.report import Finding
from normcourse.clinic.subject import Norm

NEEDS = ()
_FAR_BELOW = 0.01  # of epsilon
_OF_THE_OTHERS = 1e-6  # times their median: an untrained depthwise filter gives some of 1e-4
_USUAL_EPS = 1e-5  # of frozen layers that do not say theirs


def find(case: Case) -> Iterator[Finding]:
    """Name the norms with some such channels among sound ones, and those without a sound one."""
    some: dict[Norm, Tensor] = {}
    whole: dict[Norm, Tensor] = {}
    for norm in case.norms:
        if norm.running is None or not norm.running[0].numel():
            continue
        mean, var = (t.float() for t in norm.running)
        channels = (var >= 0) & (var < _FAR_BELOW * _eps(norm))
        if float(var.median()) > _eps(norm):
            channels &= var < _OF_THE_OTHERS * var.median()
            # Weight decay takes the gamma of a channel that never varies to zero: nothing follows then.
            channels &= (size := _gamma(norm, var)) > 0.1 * size.median()
            if bool(channels.any()):
                some[norm] = channels
        elif bool(channels.all()) and (not bool(var.any() or mean.any()) or _varies(case, norm)):
            whole[norm] = channels
    if whole:
        yield _finding(
            case,
            whole,
            "In inference mode these layers multiply all that they are given, because every running variance "
            "is about zero and only epsilon is left under the root. The statistics were set or loaded "
            "wrongly, or tracked over an input that never varied.",
            "certain",
        )
    if some:
        yield _finding(
            case,
            some,
            "These channels did not vary while they were tracked, so in inference mode only epsilon is left "
            "under the root. That is harmless as long as they stay constant, but an input that moves one of "
            "them is multiplied by the factor above.",
            "possible",
        )


def _finding(case: Case, found: dict[Norm, Tensor], follows: str, certainty: str) -> Finding:
    mend, mending = recalibration(case, found)
    return Finding(
        name="variance zero",
        layers=tuple(norm.name for norm in found),
        measured={
            "channels with a variance far below epsilon": sum(int(mask.sum()) for mask in found.values()),
            "channels of these layers": sum(len(mask) for mask in found.values()),
            "largest factor in inference mode": max(
                float(_factor(norm)[mask].max()) for norm, mask in found.items()
            ),
        },
        follows=follows,
        mend=mend,
        certainty=certainty,
        page="02-batchnorm-mechanics/01-forward",
        mending=mending,
    )


def _eps(norm: Norm) -> float:
    return norm.eps or _USUAL_EPS


def _factor(norm: Norm) -> Tensor:
    """What each channel is multiplied by in inference mode, without its sign."""
    assert norm.running is not None
    var = norm.running[1].float()
    return (var + _eps(norm)).rsqrt() * _gamma(norm, var)


def _gamma(norm: Norm, var: Tensor) -> Tensor:
    """The size of gamma by channel; ones without."""
    gamma = norm.gamma
    return torch.ones_like(var) if gamma is None or gamma.shape != var.shape else gamma.float().abs()


def _varies(case: Case, norm: Norm) -> bool:
    """Whether the given batches vary where the statistics say that nothing does."""
    calls = case.calls(norm)
    return any(float(call.var.max()) > _eps(norm) for call in calls)
