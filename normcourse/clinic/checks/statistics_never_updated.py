"""Running statistics that still are what they start as: mean 0 and variance 1."""

from collections.abc import Iterator
from functools import partial

from normcourse.clinic.case import Case
from normcourse.clinic.mends import recalibrated
from normcourse.clinic.report import Finding

NEEDS = ()


def find(case: Case) -> Iterator[Finding]:
    """Name the norms that track and have tracked nothing."""
    idle = [norm for norm in case.norms if norm.running is not None and not norm.updated]
    if not idle:
        return
    counts = [norm.batches for norm in idle if norm.batches is not None]
    yield Finding(
        name="statistics never updated",
        layers=tuple(norm.name for norm in idle),
        measured={
            "layers with mean 0 and variance 1": len(idle),
            "layers with running statistics": sum(norm.running is not None for norm in case.norms),
            "batches that they counted": max(counts, default="not counted"),
        },
        follows=(
            "In inference mode these layers normalize by mean 0 and variance 1, so not at all. A model that "
            "was never trained has them; in a trained one they were lost in loading or in averaging the "
            "weights, or training never ran in training mode."
        ),
        mend="from normcourse.nn import recalibrate; recalibrate(model, batches)",
        certainty="certain",
        page="03-inference-statistics/01-running-statistics",
        mending=partial(recalibrated, batches=case.batches) if case.batches else None,
    )
