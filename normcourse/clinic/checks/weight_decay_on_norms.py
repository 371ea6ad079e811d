"""Weight decay that pulls gamma and beta towards zero."""

from collections.abc import Iterator
from math import exp

from normcourse.clinic.case import Case
from normcourse.clinic.report import Finding
from normcourse.clinic.subject import Norm

NEEDS = ("optimizer",)
_STEPS = 10_000


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
    measured: dict[str, float | str] = {"gammas and betas that decay, tensors": len(groups)}
    if all("lr" in group for group in groups):
        decay = max(float(group["lr"]) * float(group["weight_decay"]) for group in groups)
        measured["learning rate times weight decay"] = decay
        measured[f"share that {_STEPS:,} steps take of a gamma without gradient"] = 1 - exp(-_STEPS * decay)
    yield Finding(
        name="weight decay on norms",
        layers=tuple(norm.name for norm in found),
        measured=measured,
        follows="Gamma starts at 1 and is pulled to 0. Many recipes leave the norms out of the decay.",
        mend=(
            "from normcourse.clinic import find_norms\n"
            "own = {p for norm in find_norms(model) for p in norm.layer.parameters()}\n"
            'groups = [{"params": [p for p in model.parameters() if p not in own]},\n'
            '          {"params": [p for p in model.parameters() if p in own], "weight_decay": 0.0}]'
        ),
        certainty="possible",
        page="02-batchnorm-mechanics/16-weight-decay",
        remark=True,
    )


def _pulled(norm: Norm) -> list[object]:
    """What of a norm decay pulls away from its start; a layer that multiplies by 1 + w is pulled to 1."""
    if norm.offset:
        return []
    return [parameter for parameter in norm.layer.parameters() if parameter.requires_grad]
