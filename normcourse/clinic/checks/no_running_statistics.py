"""Batch norms that keep no running statistics, and so normalize by the batch in both modes."""

from collections.abc import Iterator
from copy import deepcopy

import torch
from torch import nn

from normcourse.clinic.case import Case
from normcourse.clinic.lines import plain_batch_norm
from normcourse.clinic.report import Finding

NEEDS = ()


def find(case: Case) -> Iterator[Finding]:
    """Name the batch norms without running statistics, unless the batches showed what that does."""
    batch = [norm for norm in case.norms if norm.kind == "batch"]
    found = [
        norm
        for norm in batch
        if (norm.own.always if norm.own else getattr(norm.layer, "running_mean", None) is None)
        and not (norm.own and _at_first_alone(norm.layer))
    ]
    leak = case.passes.examples if case.passes is not None else None
    if not found or (leak is not None and leak.layer in {norm.name for norm in found}):
        return  # the latter is a finding of its own: examples leak
    yield Finding(
        name="no running statistics",
        layers=tuple(norm.name for norm in found),
        measured={
            "batch norms without running statistics": len(found),
            "batch norms": len(batch),
        },
        follows=(
            "In inference mode too these layers normalize by the batch, because they have nothing else. So "
            "an answer depends on the others in its batch, and eval() does not change that. It is a fault "
            "unless answers are only asked for in large mixed batches, or the batch is to be adapted to."
        ),
        mend=plain_batch_norm(found, "no running statistics", case),
        certainty="possible",
        page="03-inference-statistics/03-modes",
    )


def _at_first_alone(layer: nn.Module) -> bool:
    """Whether a layer takes its statistics from the first batch alone, as an ActNorm does."""
    channels = max((parameter.numel() for parameter in layer.parameters()), default=6)
    random = torch.Generator().manual_seed(0)
    for shape in ((16, channels), (8, channels, 4, 4), (8, channels, 5), (8, 5, channels)):
        x = torch.randn(shape, generator=random)
        try:
            with torch.no_grad():
                copy = deepcopy(layer).train()
                first, second = copy.forward(x), copy.forward(2 * x + 3)
        except Exception:  # a layer of any kind, asked with what it may not take
            continue
        return not torch.allclose(first, second, rtol=0.05, atol=0.05)
    return False
