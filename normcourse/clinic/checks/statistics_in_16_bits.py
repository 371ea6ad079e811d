"""Running statistics in float16 or bfloat16, where what a batch adds is rounded away."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from normcourse.clinic.case import Case
from normcourse.clinic.lines import each, first_names
from normcourse.clinic.mends import recalibrated
from normcourse.clinic.report import Finding
from normcourse.clinic.subject import Norm

NEEDS = ()
_SHARE = 0.01  # of a value: float16 with a momentum of 0.1 loses a quarter of that


def find(case: Case) -> Iterator[Finding]:
    """Name the norms whose statistics stop before they arrive, in a model that trains."""
    found = {
        norm: lost
        for norm in case.norms
        if case.model.training and norm.tracks and case.follows_training(norm.layer)
        and (lost := _lost(norm)) >= _SHARE
    }  # fmt: skip
    if not found:
        return
    dtypes = {str(norm.running[0].dtype).removeprefix("torch.") for norm in found if norm.running}
    yield Finding(
        name="statistics in 16 bits",
        layers=tuple(norm.name for norm in found),
        measured={
            "dtype of the statistics": ", ".join(sorted(dtypes)),
            "momentum": min(norm.momentum or 0.0 for norm in found),
            "distance at which they stop, at most, as a share of the value": max(found.values()),
        },
        follows=(
            "A batch moves a running mean or variance by momentum times the distance to its own. If that is "
            "less than half of the step from one number to the next of these 16 bits, the sum is rounded "
            "back to what it was. So the statistics stop short of those of the batches, and no error says "
            "so. Rounding them once, after training, costs far less."
        ),
        mend=each(
            "statistics in 16 bits",
            first_names(found),
            "{layer}.float()  # takes inputs in 16 bits as they are; then train on or recalibrate",
        ),
        certainty="likely",
        page="04-layernorm-for-transformers/07-low-precision",
        mending=_mending(list(found), case.batches),
    )


def _mending(norms: Sequence[Norm], batches: Sequence[Any]) -> partial[None] | None:
    # Of PyTorch's alone: others may not take inputs in 16 bits with their own values in 32.
    if not batches or not all(isinstance(norm.layer, _BatchNorm) for norm in norms):
        return None
    return partial(_in_32_bits, names=first_names(norms), batches=batches)


def _in_32_bits(model: nn.Module, names: Sequence[str], batches: Sequence[Any]) -> None:
    """Keep these norms' values in 32 bits, and compute their statistics anew."""
    for name in names:
        model.get_submodule(name).float()
    recalibrated(model, batches)


def _lost(norm: Norm) -> float:
    """The largest distance to the batches, as a share of a value, that no longer moves it; 0 in more bits."""
    running, momentum = norm.running, norm.momentum
    if running is None or not momentum or running[0].dtype not in (torch.float16, torch.bfloat16):
        return 0.0
    # From a power of two on, numbers lie eps of it apart; half of that is rounded back.
    return torch.finfo(running[0].dtype).eps / 2 / momentum
