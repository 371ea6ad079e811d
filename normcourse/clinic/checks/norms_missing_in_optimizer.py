"""Gammas and betas that take a gradient, and that the optimizer does not know."""

from collections.abc import Iterator

from torch import nn

from normcourse.clinic.case import Case
from normcourse.clinic.lines import each, first_names
from normcourse.clinic.report import Finding
from normcourse.clinic.subject import Norm

NEEDS = ("optimizer",)
_ADD = 'optimizer.add_param_group({{"params": [p for p in {layer}.parameters() if p not in known]}})'


def find(case: Case) -> Iterator[Finding]:
    """Name the norms that the optimizer leaves out of parts of the model that it trains."""
    assert case.optimizer is not None
    if "Muon" in type(case.optimizer).__name__:  # takes matrices alone; another one has the norms
        return
    known = {parameter for group in case.optimizer.param_groups for parameter in group["params"]}
    ours = {p for norm in case.norms for p in norm.layer.parameters()}  # parametrized ones are deeper
    missing = _missing(case, known, ours)
    if not missing:
        return
    others = _trained(case.model) - ours
    alone = others <= known
    split = all(parameter.dim() > 1 for parameter in known)  # as where another optimizer has the rest
    yield Finding(
        name="norms missing in optimizer",
        layers=tuple(norm.name for norm in missing),
        measured={
            "gammas and betas in no parameter group, tensors": len(set().union(*missing.values())),
            "other parameters that train, tensors": len(others),
            "of those, in a parameter group": len(others & known),
        },
        follows=(
            "The weights around these layers are trained, but gamma and beta keep the values that they have, "
            "because no step reaches them. Their gradients are computed all the same, and no error says so"
            + _unless(split, alone)
        ),
        mend=(
            'known = {p for group in optimizer.param_groups for p in group["params"]}\n'
            + each("norms missing in optimizer", first_names(missing), _ADD)
        ),
        certainty="possible" if split else "certain" if alone else "likely",
        page="02-batchnorm-mechanics/03-write-the-layer",
    )


def _missing(case: Case, known: set[nn.Parameter], ours: set[nn.Parameter]) -> dict[Norm, set[nn.Parameter]]:
    """What the optimizer lacks of the norms, where it has the matrices around them."""
    return {
        norm: lost
        for norm in case.norms
        if (lost := _trained(norm.layer) - known)
        and (around := _around(case, norm, ours))
        and around <= known
    }


def _unless(split: bool, alone: bool) -> str:
    if split:
        return (
            ". This optimizer has matrices alone, so perhaps another one has the gammas and betas: then "
            "nothing is wrong."
        )
    return "." if alone else "; only a second optimizer that has them would make up for it."


def _trained(module: nn.Module) -> set[nn.Parameter]:
    return {parameter for parameter in module.parameters() if parameter.requires_grad}


def _around(case: Case, norm: Norm, ours: set[nn.Parameter]) -> set[nn.Parameter]:
    """The weight matrices of the smallest part around a norm that has any."""
    name, around = norm.names[0], set[nn.Parameter]()
    while name and not around:
        name = name.rpartition(".")[0]
        around = {p for p in _trained(case.layers[name]) - ours if p.dim() > 1}
    return around
