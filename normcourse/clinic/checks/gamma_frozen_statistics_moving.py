"""Batch norms whose gamma and beta stand still, while their running statistics move."""

from collections.abc import Iterator

from normcourse.clinic.case import Case
from normcourse.clinic.report import Finding
from normcourse.clinic.subject import Norm

NEEDS = ()


def find(case: Case) -> Iterator[Finding]:
    """Name the norms of which requires_grad froze one half."""
    if not case.model.training:
        return
    moving = [norm for norm in case.norms if norm.kind == "batch" and _moves(norm)]
    frozen = [norm for norm in moving if norm.gamma is not None and not norm.learns]
    if frozen:
        yield Finding(
            name="gamma frozen statistics moving",
            layers=tuple(norm.name for norm in frozen),
            measured={
                "layers with a frozen gamma whose statistics move": len(frozen),
                "layers whose statistics move": len(moving),
            },
            follows=(
                "requires_grad_(False) holds gamma and beta but not the running statistics, because these "
                "are no parameters: the forward pass moves them. So the part that was to be frozen changes "
                "with every batch, and in training mode its answers depend on the batch as before."
            ),
            mend="normcourse.nn.freeze_batch_norm(layer, affine=True)",
            certainty="likely",
            page="03-inference-statistics/04-freezing",
        )


def _moves(norm: Norm) -> bool:
    layer = norm.layer
    tracking = bool(getattr(layer, "track_running_stats", True)) and norm.momentum != 0
    return norm.tracks and layer.training and tracking
