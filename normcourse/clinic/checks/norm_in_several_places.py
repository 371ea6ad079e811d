"""One batch norm, with one set of running statistics, that the model holds in several places."""

from collections.abc import Iterator, Sequence
from copy import deepcopy
from functools import partial
from typing import Any

from torch import nn

from normcourse.clinic.case import Case
from normcourse.clinic.lines import each, recalibrating
from normcourse.clinic.mends import recalibrated
from normcourse.clinic.report import Finding
from normcourse.clinic.subject import Norm

NEEDS = ()


def find(case: Case) -> Iterator[Finding]:
    """Name the norms with running statistics that have several names and, if that is known, several calls."""
    found = [norm for norm in case.norms if norm.tracks and len(norm.names) > 1 and _calls(case, norm) != 1]
    if not found:
        return
    calls = max(_calls(case, norm) for norm in found)
    measured: dict[str, float | str] = {
        "places of one norm": max(len(norm.names) for norm in found),
        "norms in several places": len(found),
    }
    if calls:
        measured["calls in one pass"] = calls
    apart = all(_held_apart(case, norm) for norm in found)
    yield Finding(
        name="norm in several places",
        layers=tuple(norm.name for norm in found),
        measured=measured,
        follows=(
            "In training mode each place normalizes by its own batch, but all move the same running "
            "statistics, which end as a mixture that fits none of them. In inference mode every place is "
            "normalized by that mixture, so the two modes differ. Gamma and beta are shared as well."
        ),
        mend=_line(case, found),
        certainty="likely" if calls or apart else "possible",
        page="03-inference-statistics/01-running-statistics",
        mending=partial(_separated, places=[norm.names for norm in found], batches=case.batches)
        if case.batches and apart
        else None,
    )


def _calls(case: Case, norm: Norm) -> int:
    """How often the first pass calls it; 0 without passes. One call means two names for one place."""
    if case.passes is None:
        return 0
    return sum(call.batch == 0 for call in case.passes.of(norm)) or 1


def _held_apart(case: Case, norm: Norm) -> bool:
    """Whether each name is an entry of its own, and not one entry of a part that itself has several names."""
    holders = {(case.model.get_submodule(_parent(name)), name.rpartition(".")[2]) for name in norm.names}
    return len(holders) == len(norm.names)


def _line(case: Case, found: Sequence[Norm]) -> str:
    """Lines that give each place but the first a copy of its own."""
    names = [name for norm in found for name in norm.names[1:]]
    copied = each("", names, "model.set_submodule({name}, copy.deepcopy({layer}))", every=True)
    return f"import copy\n{copied}\n{recalibrating(case)}"


def _parent(name: str) -> str:
    return name.rpartition(".")[0]


def _separated(model: nn.Module, places: Sequence[Sequence[str]], batches: Sequence[Any]) -> None:
    """Give each place a copy of its own, and compute the running statistics anew."""
    for names in places:
        for name in names[1:]:
            parent, _, last = name.rpartition(".")
            setattr(model.get_submodule(parent), last, deepcopy(model.get_submodule(name)))
    recalibrated(model, batches)
