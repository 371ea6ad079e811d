"""Batch norms whose gamma and beta stand still, while their running statistics move."""

from collections.abc import Iterator

from normcourse.clinic.case import Case
from normcourse.clinic.distances import departing, distances, is_far
from normcourse.clinic.lines import each, first_names
from normcourse.clinic.report import Finding
from normcourse.clinic.subject import Norm

NEEDS = ()


def find(case: Case) -> Iterator[Finding]:
    """Name the norms of which requires_grad froze one half, and the next model.train() frees the other."""
    moving = [norm for norm in case.norms if norm.kind == "batch" and _moves(case, norm)]
    frozen = [norm for norm in moving if norm.gamma is not None and not norm.learns]
    now = case.model.training
    off = departing(distances(case))
    moved = [norm for norm in frozen if norm in off and is_far(off[norm])]
    if not frozen or not (now or any(parameter.requires_grad for parameter in case.model.parameters())):
        return
    yield Finding(
        name="gamma frozen statistics moving",
        layers=tuple(norm.name for norm in frozen),
        measured={
            "layers with a frozen gamma whose statistics move": len(frozen),
            "layers whose statistics move": len(moving),
            **({"of the frozen, with statistics far from the batches": len(moved)} if moved else {}),
        },
        follows=(
            "requires_grad_(False) holds gamma and beta but not the running statistics, because these are no "
            "parameters: the forward pass moves them. So the part that was to be frozen changes with every "
            "batch, and in training mode its answers depend on the batch as before."
            + (
                ""
                if now
                else " The model is in inference mode now and other parts of it learn, so this begins with "
                "the next model.train(), unless these layers are put back into inference mode after it."
            )
        ),
        mend=each(
            "gamma frozen statistics moving",
            first_names(frozen),
            "freeze_batch_norm({layer}, affine=True)",
        ),
        certainty="likely" if now or moved else "possible",
        page="03-inference-statistics/04-freezing",
    )


def _moves(case: Case, norm: Norm) -> bool:
    """Whether its running statistics move in training mode."""
    tracking = bool(getattr(norm.layer, "track_running_stats", True)) and norm.momentum != 0
    return norm.tracks and case.follows_training(norm.layer) and tracking
