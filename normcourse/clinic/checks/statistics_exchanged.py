"""Running statistics that fit another batch norm's inputs, and not their own layer's."""

from collections.abc import Iterator, Mapping, Sequence

from torch import Tensor

from normcourse.clinic.case import Case
from normcourse.clinic.distances import departing, distances
from normcourse.clinic.mends import recalibration
from normcourse.clinic.passes import pooled
from normcourse.clinic.report import Finding
from normcourse.clinic.subject import Norm

NEEDS = ("batches",)
_FITS = 0.3  # standard deviations, as a root mean square over the channels
_CLEARLY = 3  # times as far lies the next one
_CHANNELS = 8  # of fewer the means can be alike by chance


def find(case: Case) -> Iterator[Finding]:
    """Name the norms, if each that departs holds the statistics of exactly one other."""
    off = departing(distances(case))
    place = _places(case, list(off))
    if len(place) < 2 or len(place) < len(off) or len(set(place.values())) < len(place):
        return
    mend, mending = recalibration(case, place)
    yield Finding(
        name="statistics exchanged",
        layers=tuple(norm.name for norm in place),
        measured={
            "layers whose statistics fit exactly one other's inputs": len(place),
            "the first three": ", ".join(
                f"{norm.name} holds those of {other.name}" for norm, other in [*place.items()][:3]
            ),
        },
        follows=(
            "The stored means of these layers are those of one another's inputs, so the statistics were "
            "written into the wrong layers, as when names are sorted as text (norm10 before norm2) or "
            "tensors are matched by their order. Statistics computed anew are right; look at the "
            "loading too, because other values may have gone the same way."
        ),
        mend=mend,
        certainty="likely",
        page="03-inference-statistics/01-running-statistics",
        mending=mending,
    )


def _places(case: Case, norms: Sequence[Norm]) -> dict[Norm, Norm]:
    """Whose statistics each norm holds, of those that hold exactly one other's."""
    seen = case.seen()
    # In training mode each layer gets what it got in training, because no running statistics are used.
    due = {
        norm: pooled(calls)
        for norm in case.norms
        if case.uses_batches(norm) and (calls := seen.of(norm, training=True))
    }
    found = {norm: _fits(norm, due) for norm in norms if norm in due}
    return {norm: other for norm, other in found.items() if other is not None and other is not norm}


def _fits(norm: Norm, due: Mapping[Norm, tuple[Tensor, Tensor]]) -> Norm | None:
    """The one norm whose inputs have the mean that this one stores."""
    assert norm.running is not None
    stored = norm.running[0].double()
    alike = {other: values for other, values in due.items() if len(values[0]) == len(stored)}
    if len(stored) < _CHANNELS or len(alike) < 2:
        return None
    apart = {
        other: float(((stored.to(mean.device) - mean).square() / var.clamp(min=1e-9)).mean().sqrt())
        for other, (mean, var) in alike.items()
    }
    nearest, second = sorted(apart, key=lambda other: apart[other])[:2]
    return nearest if apart[nearest] < min(_FITS, apart[second] / _CLEARLY) else None
