"""One example of a batch reaches another's output in inference mode."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import torch
from torch import nn

from normcourse.clinic.case import Case
from normcourse.clinic.leaks import Leak
from normcourse.clinic.lines import plain_batch_norm
from normcourse.clinic.mends import recalibrated
from normcourse.clinic.report import Finding
from normcourse.clinic.subject import Norm

NEEDS = ("batches",)
_PAGE = "03-inference-statistics/03-modes"


def find(case: Case) -> Iterator[Finding]:
    """Name the norms that use the batch's own statistics, or the first norm that the leak reaches."""
    leak = case.seen().examples
    if leak is None:
        return
    called = {call.norm for call in case.seen().calls}
    own = [norm for norm in case.norms if norm in called and norm.kind == "batch" and norm.running is None]
    if leak.layer not in {norm.name for norm in own}:
        own = []
    finding = _through_a_norm(case, leak, own) if leak.norm else _elsewhere(case, leak)
    yield finding


def _measured(leak: Leak) -> dict[str, float | str]:
    return {"change of the other examples' outputs, in standard deviations": leak.change}


def _elsewhere(case: Case, leak: Leak) -> Finding:
    place = leak.layer or type(case.model).__name__
    functions = _functions(case, place)
    return Finding(
        name="examples leak",
        layers=(place,),
        measured=_measured(leak),
        follows=(
            "With another first example in the batch the others get other outputs, in inference mode too, "
            f"and no norm that was recognised lets it through: {place} is the first module whose output "
            "changes while what it is given does not. "
            + (f"It calls {' and '.join(functions)} as a function. " if functions else "")
            + "That is as it should be only if an output compares examples, as in a matrix of similarities."
        ),
        mend=f"# in the forward of {place}, look for a norm or an operation over axis 0",
        certainty="possible",
        page=_PAGE,
    )


def _through_a_norm(case: Case, leak: Leak, own: Sequence[Norm]) -> Finding:
    why = "because it has no running statistics and takes the batch's" if own else "so it pools over examples"
    return Finding(
        name="examples leak",
        layers=tuple(norm.name for norm in own) or (leak.layer,),
        measured=_measured(leak),
        follows=(
            "With another first example in the batch the others get other outputs, in inference mode too, so "
            f"an answer depends on who else is asked about. {leak.layer} is the first norm to show it, {why}."
        ),
        mend=(
            plain_batch_norm(own, "examples leak", case)
            if own
            else "# pool within one example: axes from 1 on"
        ),
        certainty="likely",
        page=_PAGE,
        mending=_mending(own, case.batches) if own else None,
    )


def _functions(case: Case, place: str) -> list[str]:
    """The norms that are called as functions there."""
    return sorted({call.function for call in case.functions if call.place == place})


def _mending(norms: Sequence[Norm], batches: Sequence[Any]) -> partial[None] | None:
    mendable = all(hasattr(norm.layer, "track_running_stats") for norm in norms)
    return partial(_track, names=[norm.names[0] for norm in norms], batches=batches) if mendable else None


def _track(model: nn.Module, names: Sequence[str], batches: Sequence[Any]) -> None:
    """Give these batch norms running statistics, and those of the batches."""
    for name in names:
        layer: Any = model.get_submodule(name)
        like = next(model.parameters())
        layer.track_running_stats = True
        layer.running_mean = torch.zeros(layer.num_features).to(like)
        layer.running_var = torch.ones(layer.num_features).to(like)
        layer.num_batches_tracked = torch.zeros((), dtype=torch.long, device=like.device)
    recalibrated(model, batches)
