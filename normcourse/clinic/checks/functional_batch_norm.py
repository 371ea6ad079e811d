"""Batch norm called as a function, outside of any norm layer."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from normcourse.clinic.case import Case
from normcourse.clinic.report import Finding

NEEDS = ("batches",)


@dataclass
class _Use:
    places: dict[str, None] = field(default_factory=dict)
    calls: int = 0
    by_batch: int = 0
    unsaved: int = 0


def find(case: Case) -> Iterator[Finding]:
    """Name the modules that call it, and say with which statistics they do in inference mode."""
    use = _use(case)
    if not use.calls:
        return
    follows = "No layer holds this norm, so its mode and its statistics are what the code passes: "
    if use.by_batch:
        follows += "here the batch's statistics in inference mode, too, so an answer depends on its batch."
    elif use.unsaved:
        follows += "here running statistics that are no buffers, so they are neither saved nor moved."
    else:
        follows += (
            "as long as that is right all is well, but what looks for layers, to freeze, synchronise or "
            "recalibrate them, passes it by."
        )
    yield Finding(
        name="functional batch norm",
        layers=tuple(use.places),
        measured={
            "calls in one pass": use.calls,
            "of them by the batch's statistics in inference mode": use.by_batch,
            "of them with running statistics that are no buffers": use.unsaved,
        },
        follows=follows,
        mend=f"self.norm = nn.BatchNorm2d(channels)  # in {', '.join(use.places)}; self.norm(x) in forward",
        certainty="likely" if use.by_batch or use.unsaved else "possible",
        page="03-inference-statistics/03-modes",
    )


def _use(case: Case) -> _Use:
    """Who calls the function in inference mode, and with what."""
    use = _Use()
    saved = {tensor.data_ptr() for tensor in case.model.state_dict().values()}
    for call in case.functions:
        if call.function == "batch_norm":
            mean = call.arguments.get("running_mean")
            use.places[call.place] = None
            use.calls += 1
            use.by_batch += bool(call.arguments.get("training")) or mean is None
            use.unsaved += mean is not None and mean.data_ptr() not in saved
    return use
