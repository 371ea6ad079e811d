"""Batch norms in a part whose switch for recomputation is on: their statistics move twice for each batch."""

from collections.abc import Iterator

from torch import nn
from torch.nn.modules.batchnorm import _NormBase

from normcourse.clinic.case import Case
from normcourse.clinic.lines import for_each_kind
from normcourse.clinic.report import Finding
from normcourse.clinic.subject import Norm

NEEDS = ()
_SWITCHES = ("gradient_checkpointing", "grad_checkpointing")  # of transformers, of timm


def find(case: Case) -> Iterator[Finding]:
    """Name PyTorch's norms with running statistics in parts that are recomputed."""
    within = {layer for part in _recomputed(case.model) for layer in part.modules()}
    found = {
        norm: momentum
        for norm in case.norms
        if norm.layer in within and case.follows_training(norm.layer) and (momentum := _momentum(norm))
    }
    if not found:
        return
    momentum = max(found.values())
    yield Finding(
        name="gradient checkpointing",
        layers=tuple(norm.name for norm in found),
        measured={
            "layers that are run again": len(found),
            "momentum, at most": momentum,
            "momentum that acts": 1 - (1 - momentum) ** 2,
        },
        follows=(
            "The backward pass runs these layers again, and PyTorch's track the batch both times. So their "
            "running statistics remember about half as many batches; outputs and gradients in training mode "
            "are right, and no training curve shows it. This course's layers track each batch once."
        ),
        mend=for_each_kind(
            "gradient checkpointing",
            {norm: f"{{layer}}.momentum = {1 - (1 - own) ** 0.5:.3g}" for norm, own in found.items()},
        ),
        certainty="likely",
        page="03-inference-statistics/03-modes",
    )


def _recomputed(model: nn.Module) -> list[nn.Module]:
    """The parts whose switch is on; of nested ones the innermost, which are what is run again."""
    own = [part for part in model.modules() if any(hasattr(part, switch) for switch in _SWITCHES)]
    return [
        part
        for part in own
        if any(getattr(part, switch, False) is True for switch in _SWITCHES)
        and not any(inner is not part and inner in own for inner in part.modules())
    ]


def _momentum(norm: Norm) -> float:
    """The weight of the newest batch; 0 where twice is once, or makes no other average."""
    # Without a momentum it is the average of all batches, each counted twice.
    tracks = isinstance(norm.layer, _NormBase) and norm.tracks and norm.layer.track_running_stats
    return norm.momentum or 0.0 if tracks else 0.0
