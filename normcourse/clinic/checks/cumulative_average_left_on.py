"""A momentum of None: the plain mean of all batches, in which a new one counts less and less."""

from collections.abc import Iterator

from normcourse.clinic.case import Case
from normcourse.clinic.report import Finding
from normcourse.clinic.subject import Norm

NEEDS = ()


def find(case: Case) -> Iterator[Finding]:
    """Name the batch norms that average so, and have begun."""
    found = {norm: norm.batches for norm in case.norms if averages_all(norm) and norm.batches}
    if not found:
        return
    most = max(count for count in found.values() if count)
    yield Finding(
        name="cumulative average left on",
        layers=tuple(norm.name for norm in found),
        measured={"batches counted": most, "weight of the next batch": 1 / (most + 1)},
        follows=(
            f"The next batch gets the weight 1/{most + 1}, as has each before it. That is right while the "
            "weights stand still, as in recalibration. If the model is trained, its running statistics lag, "
            "because they are on average half of the training old."
        ),
        mend="layer.momentum = 0.1",
        certainty="possible",
        page="03-inference-statistics/02-lag-and-recalibration",
    )


def averages_all(norm: Norm) -> bool:
    """Whether a batch norm's running statistics are the plain mean of all batches (momentum None)."""
    # Not of an instance norm, for which None means that they never move.
    return norm.kind == "batch" and norm.tracks and getattr(norm.layer, "momentum", 0.1) is None
