"""An input so small that epsilon decides what a layer norm or RMS norm makes of it."""

from collections.abc import Iterator

import torch

from normcourse.clinic.case import Case
from normcourse.clinic.lines import for_each_kind
from normcourse.clinic.report import Finding
from normcourse.clinic.subject import Norm

NEEDS = ("batches",)
_ROUNDING = torch.finfo(torch.float32).eps


def find(case: Case) -> Iterator[Finding]:
    """Name the norms that see a row whose variance or mean square is smaller than epsilon."""
    found = {norm: smallest for norm in case.norms if (smallest := _below_eps(case, norm)) is not None}
    if not found:
        return
    norm = min(found, key=lambda norm: found[norm] / (norm.eps or 1.0))
    square = found[norm]
    eps = norm.eps or 0.0
    yield Finding(
        name="mean square near eps",
        layers=tuple(norm.name for norm in found),
        measured={
            f"smallest {'mean square' if norm.kind == 'rms' else 'variance'} of a row": square,
            "epsilon": eps,
            "size of that row after the norm, where 1 is due": (square / (square + eps)) ** 0.5,
        },
        follows=(
            "Most of what such a row is divided by is epsilon, so the norm does not bring it to size 1. That "
            "is a fault if the row carries something, and none if it is padding."
        ),
        mend=for_each_kind(
            "mean square near eps",
            {own: f"{{layer}}.{own.eps_name} = {square / 100:.0e}  # and train on" for own in found},
        ),
        certainty="possible",
        page="04-layernorm-for-transformers/07-low-precision",
    )


def _below_eps(case: Case, norm: Norm) -> float | None:
    """The smallest variance or mean square of a row, if it is below epsilon and more than rounding."""
    if norm.kind not in ("layer", "rms"):
        return None
    calls = case.seen().of(norm)
    squares = [call.square for call in calls if call.square > (_ROUNDING * call.largest) ** 2]
    smallest = min(squares, default=None)
    return smallest if smallest is not None and smallest < (norm.eps or 0.0) else None
