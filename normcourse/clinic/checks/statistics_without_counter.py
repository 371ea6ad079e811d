"""Running statistics beside a count of no batches, where the next batch will replace them."""

from collections.abc import Iterator

from normcourse.clinic.case import Case
from normcourse.clinic.lines import each, first_names
from normcourse.clinic.report import Finding

NEEDS = ()


def find(case: Case) -> Iterator[Finding]:
    """Name the batch norms with momentum None whose statistics were set, but not their count."""
    found = [norm for norm in case.norms if norm.averages_all and norm.batches == 0 and norm.updated]
    if found:
        yield Finding(
            name="statistics without counter",
            layers=tuple(norm.name for norm in found),
            measured={"batches counted": 0, "weight of the next batch": 1.0},
            follows=(
                "With momentum None batch t gets the weight 1/t, and the count says that the next is the "
                "first. So one batch in training mode replaces all that the running statistics hold. They "
                "were copied or loaded without num_batches_tracked."
            ),
            mend=each(
                "statistics without counter",
                first_names(found),
                "{layer}.momentum = 0.1  # or set num_batches_tracked to how many there were",
            ),
            certainty="certain",
            page="03-inference-statistics/01-running-statistics",
        )
