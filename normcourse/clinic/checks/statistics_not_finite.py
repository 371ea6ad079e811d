"""Running statistics that no batch can have: NaN, infinite, or a negative variance."""

from collections.abc import Iterator
from functools import partial

from normcourse.clinic.case import Case
from normcourse.clinic.mends import recalibrated
from normcourse.clinic.report import Finding

NEEDS = ()


def find(case: Case) -> Iterator[Finding]:
    """Name the norms that keep such statistics."""
    layers = []
    infinite = negative = 0
    for norm in case.norms:
        if norm.running is None:
            continue
        mean, var = norm.running
        broken = ~(mean.isfinite() & var.isfinite())
        if bool((broken | (var < 0)).any()):
            layers.append(norm.name)
            infinite += int(broken.sum())
            negative += int((var < 0).sum())
    if not layers:
        return
    yield Finding(
        name="statistics not finite",
        layers=tuple(layers),
        measured={
            "channels with a mean or variance that is NaN or infinite": infinite,
            "channels with a negative variance": negative,
            "layers with running statistics": sum(norm.running is not None for norm in case.norms),
        },
        follows=(
            "In inference mode these channels give NaN or infinities, or beta alone where a variance is "
            "infinite. Training normalizes by the batch, so its loss does not show it, and further batches "
            "do not mend a NaN, because a share of NaN is NaN."
        ),
        mend="from normcourse.nn import recalibrate; recalibrate(model, batches)",
        certainty="certain",
        page="03-inference-statistics/01-running-statistics",
        mending=partial(recalibrated, batches=case.batches) if case.batches else None,
    )
