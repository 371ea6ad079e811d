"""A momentum that is the weight of the old value elsewhere, and of the new one in PyTorch."""

from collections.abc import Iterator
from math import isclose

from torch import nn

from normcourse.clinic.case import Case
from normcourse.clinic.lines import for_each_kind
from normcourse.clinic.report import Finding
from normcourse.clinic.subject import Norm

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
            mend=for_each_kind("momentum of another framework", {norm: _line(norm) for norm in found}),
            certainty="likely",
            page="03-inference-statistics/01-running-statistics",
        )


def _line(norm: Norm) -> str:
    """The line that exchanges the weights of the old value and the new one."""
    weight = norm.momentum or 0.0
    # A class of its own may call it otherwise, and mean the weight of the old value by it.
    attribute = "momentum" if norm.own is None else _attribute(norm.layer, weight)
    if attribute is None:
        return f"# in the forward of {{layer}}, give the new value the weight {1 - weight:.3g}"
    return f"{{layer}}.{attribute} = {1 - getattr(norm.layer, attribute):.3g}  # and train on or recalibrate"


def _attribute(layer: nn.Module, weight: float) -> str | None:
    """The attribute that holds this weight, or that of the old value."""
    held = {name: value for name, value in vars(layer).items() if isinstance(value, float)}
    weights = weight, 1 - weight
    fits = [name for name, value in held.items() if any(isclose(value, w, rel_tol=0.05) for w in weights)]
    return min(fits, key=lambda name: "momentum" not in name, default=None)  # where several would do
