"""Running statistics that no batch can have: NaN, infinite, or a negative variance."""

from collections.abc import Iterator

from normcourse.clinic.case import Case
from normcourse.clinic.mends import recalibration
from normcourse.clinic.report import Finding

NEEDS = ()


def find(case: Case) -> Iterator[Finding]:
    """Name the norms that keep such statistics."""
    found = []
    infinite = negative = 0
    for norm in case.norms:
        if norm.running is None:
            continue
        mean, var = norm.running
        broken = ~(mean.isfinite() & var.isfinite())
        if bool((broken | (var < 0)).any()):
            found.append(norm)
            infinite += int(broken.sum())
            negative += int((var < 0).sum())
    if not found:
        return
    mend, mending = recalibration(case, found)
    yield Finding(
        name="statistics not finite",
        layers=tuple(norm.name for norm in found),
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
        mend=mend,
        certainty="certain",
        page="03-inference-statistics/01-running-statistics",
        mending=mending,
    )
