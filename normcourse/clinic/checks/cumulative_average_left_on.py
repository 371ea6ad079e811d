"""A momentum of None: the plain mean of all batches, in which a new one counts less and less."""

from collections.abc import Iterator

from normcourse.clinic.case import Case
from normcourse.clinic.lines import each, first_names
from normcourse.clinic.report import Finding

NEEDS = ()


def find(case: Case) -> Iterator[Finding]:
    """Name the batch norms that average so, and have begun."""
    found = {norm: norm.batches for norm in case.norms if norm.averages_all and norm.batches}
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
        mend=each("cumulative average left on", first_names(found), "{layer}.momentum = 0.1"),
        certainty="possible",
        page="03-inference-statistics/02-lag-and-recalibration",
    )
