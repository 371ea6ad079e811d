"""Weight decay that pulls gamma and beta towards zero."""

from collections.abc import Iterator

from normcourse.clinic.case import Case
from normcourse.clinic.report import Finding
from normcourse.clinic.subject import Norm

NEEDS = ("optimizer",)


def find(case: Case) -> Iterator[Finding]:
    """Name the norms of which the optimizer decays a parameter."""
    assert case.optimizer is not None
    decaying = {
        parameter: group
        for group in case.optimizer.param_groups
        if float(group.get("weight_decay") or 0) > 0
        for parameter in group["params"]
    }
    found = {norm: own for norm in case.norms if (own := [p for p in _pulled(norm) if p in decaying])}
    if not found:
        return
    groups = [decaying[parameter] for own in found.values() for parameter in own]
    measured: dict[str, float | str] = {
        "weight decay": max(float(group["weight_decay"]) for group in groups),
        "gammas and betas that decay, tensors": len(groups),
        "norms": len(case.norms),
    }
    if all("lr" in group for group in groups):
        shares = (float(group["lr"]) * float(group["weight_decay"]) for group in groups)
        measured["learning rate times weight decay"] = max(shares)
    yield Finding(
        name="weight decay on norms",
        layers=tuple(norm.name for norm in found),
        measured=measured,
        follows=(
            "Decay pulls gamma and beta towards 0, which is not where they start: gamma starts at 1. Before "
            "a norm, decay only sets how far a step turns the weights, but on gamma and beta it is an "
            "ordinary penalty, so it shrinks what the layer gives. Whether that helps depends on the "
            "model; many recipes leave them out."
        ),
        mend=(
            'groups = [{"params": [p for p in model.parameters() if p.ndim > 1]}, '
            '{"params": [p for p in model.parameters() if p.ndim <= 1], "weight_decay": 0.0}]'
        ),
        certainty="possible",
        page="02-batchnorm-mechanics/16-weight-decay",
    )


def _pulled(norm: Norm) -> list[object]:
    """What of a norm decay pulls away from its start; a layer that multiplies by 1 + w is pulled to 1."""
    if norm.offset:
        return []
    return [parameter for parameter in norm.layer.parameters(recurse=False) if parameter.requires_grad]
