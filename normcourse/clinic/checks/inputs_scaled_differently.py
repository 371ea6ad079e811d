"""Inputs that are a multiple of what the first batch norm saw in training."""

from collections.abc import Iterator
from math import exp, log

from normcourse.clinic.case import Case
from normcourse.clinic.passes import pooled
from normcourse.clinic.report import Finding

NEEDS = ("batches",)
_FACTOR = 5.0
_ALIKE = 0.25  # spread of the channels' logarithms, as a share of that of the factor


def find(case: Case) -> Iterator[Finding]:
    """Compare the standard deviations at the first batch norm with its running ones."""
    seen = case.seen()
    first = next((call.norm for call in seen.calls if call.norm.kind == "batch"), None)
    if first is None or first.running is None or not first.updated:
        return
    var, running = pooled(seen.of(first))[1], first.running[1].detach().double()
    running = running.to(var.device)
    if var.shape != running.shape:
        return
    alive = (var > 0) & (running > 0)
    ratios = (var[alive] / running[alive]).log() / 2
    if not len(ratios) or not len(ratios) * 2 > len(var):
        return
    middle = float(ratios.median())
    spread = float((ratios - middle).square().mean().sqrt())
    if abs(middle) < log(_FACTOR) or spread > _ALIKE * abs(middle):
        return
    factor = exp(middle)
    bytes_or_units = 200 < max(factor, 1 / factor) < 320
    yield Finding(
        name="inputs scaled differently",
        layers=(first.name,),
        measured={
            "standard deviation of the batches, in running ones (median channel)": factor,
            "least of a channel": exp(float(ratios.min())),
            "largest of a channel": exp(float(ratios.max())),
        },
        follows=(
            f"All channels of the first batch norm are {factor:.3g} times as wide as in training"
            + (", as pixels of 0 to 255 are against those of 0 to 1" if bytes_or_units else "")
            + ". So the inputs are prepared in another way than then, and in inference mode all that follows "
            "gets values of a size that it has not learnt from. If the inputs are right, the layer's "
            "statistics are not."
        ),
        mend=f"inputs = inputs / {factor:.3g}  # or prepare them as in training",
        certainty="likely",
        page="01-covariate-shift/02-when-inputs-move",
    )
