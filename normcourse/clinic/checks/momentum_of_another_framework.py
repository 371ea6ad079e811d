"""A momentum that is the weight of the old value elsewhere, and of the new one in PyTorch."""

from collections.abc import Iterator

from normcourse.clinic.case import Case
from normcourse.clinic.mends import each, first_names
from normcourse.clinic.report import Finding

NEEDS = ()
_SUSPICIOUS = 0.5


def find(case: Case) -> Iterator[Finding]:
    """Name the norms whose running statistics are nearly the last batch's."""
    found = [norm for norm in case.norms if norm.tracks and (norm.momentum or 0) > _SUSPICIOUS]
    if found:
        momentum = max(norm.momentum or 0 for norm in found)
        yield Finding(
            name="momentum of another framework",
            layers=tuple(norm.name for norm in found),
            measured={
                "momentum, the weight of the newest batch": momentum,
                "batches that the average remembers": 1 / momentum,
            },
            follows=(
                f"In PyTorch the newest batch has the weight {momentum:g}, so the running statistics are "
                "about the last batch's alone. In Keras, Flax and TensorFlow the same number is the weight "
                "of the old value."
            ),
            mend=each(
                "momentum of another framework",
                first_names(found),
                f"{{layer}}.momentum = {1 - momentum:.3g}  # and train on or recalibrate",
            ),
            certainty="likely",
            page="03-inference-statistics/01-running-statistics",
        )
