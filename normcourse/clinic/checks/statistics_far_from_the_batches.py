"""Running statistics that are not those of the given batches."""

from collections.abc import Iterator, Mapping, Sequence
from math import exp, isfinite

from normcourse.clinic.case import Case
from normcourse.clinic.checks import (
    gamma_frozen_statistics_moving,
    more_batches_than_steps,
    name_of,
    statistics_exchanged,
    statistics_in_16_bits,
)
from normcourse.clinic.distances import Distance, departing, distances, is_far
from normcourse.clinic.mends import recalibration
from normcourse.clinic.report import Finding
from normcourse.clinic.subject import Norm

NEEDS = ("batches",)
_LEFT = 0.1  # of the start; after 22 batches with a momentum of 0.1
_CAUSES = (statistics_exchanged, statistics_in_16_bits, gamma_frozen_statistics_moving)
_BY_STEPS = (more_batches_than_steps,)  # counters say less, so the mend is tried all the same
_UNEQUAL = 0.98  # of the most batches counted; fewer are not one batch more or less


def find(case: Case) -> Iterator[Finding]:
    """Name the norms whose statistics depart from those of the batches."""
    compared = distances(case)
    off = departing(compared)
    if not off:
        return
    called = [call.norm for call in case.seen().calls]
    first = min(off, key=called.index)
    at_the_start = first is min(compared, key=called.index)
    arrived = _left_of_the_start(first) <= _LEFT
    causes = [
        found.name
        for cause in (*_CAUSES, *(_BY_STEPS if case.optimizer else ()))
        for found in cause.find(case)
        if {*found.layers} & _names(off)
    ]
    mend, mending = recalibration(case, off)
    yield Finding(
        name="statistics far from the batches",
        layers=tuple(norm.name for norm in off),
        measured=_measured(case, first, off, len(compared)),
        follows=(
            "In inference mode these layers do not centre and scale the batches, so the layers after them "
            "get inputs unlike those they learnt from. "
            + (_named(causes) if causes else _cause(first, at_the_start) + _skipped(case))
            + (
                "No batch was counted, so they were loaded or set and have stood still since. A model that "
                "was trained in inference mode with such statistics needs them as they are. "
                if all(norm.batches == 0 for norm in off)
                else ""
            )
            + "If the batches are a fair sample of what the model is for, the statistics should be theirs."
        ),
        mend=f"{mend}  # if it has another task too, this can harm that one",
        certainty="likely" if any(map(is_far, off.values())) else "possible",
        page="03-inference-statistics/"
        + ("06-test-time-adaptation" if at_the_start and arrived else "02-lag-and-recalibration"),
        mending=None
        if {*causes} - {*map(name_of, _BY_STEPS)}
        else mending,  # the cause is to be mended first
        causes=tuple(dict.fromkeys(causes)),
    )


def _measured(case: Case, first: Norm, off: Mapping[Norm, Distance], compared: int) -> dict[str, float | str]:
    means, widths = off[first]
    measured: dict[str, float | str] = {
        "layers that depart": len(off),
        "layers compared": compared,
        "first of them that is called": first.name,
    }
    if means:
        measured["its means lie off by, in running standard deviations"] = means
    if widths:
        measured["its standard deviations are off by the factor"] = exp(widths)
    left = _left_of_the_start(first)
    if left > _LEFT:
        measured["share of its statistics that is still their start, 0 and 1"] = left
    apart = case.seen().disagreement
    if apart is not None and isfinite(apart):
        measured["outputs of the two modes differ by, in standard deviations of the outputs"] = apart
    return measured


def _cause(first: Norm, at_the_start: bool) -> str:
    if _left_of_the_start(first) > _LEFT:
        return (
            f"Layer {first.name} has counted {first.batches} batches, and each moved its statistics by only "
            f"{first.momentum:g} of the way, so they have not arrived yet. "
        )
    moved = (
        "other inputs moved them, or dropout or branches ahead that are off in inference mode "
        "(stochastic depth) gave other inputs in training, or they are another layer's. "
    )
    if at_the_start:
        return (
            "It begins at the first batch norm, so the inputs may be others than in training, or the "
            f"statistics lag behind the weights, or {moved}"
        )
    return f"The batch norms before them fit, so their own statistics lag, or {moved}"


def _named(causes: Sequence[str]) -> str:
    if len(causes) == 1:
        return f'The finding "{causes[0]}" says what may have done it: mend that first. '
    named = " and ".join(f'"{cause}"' for cause in dict.fromkeys(causes))
    return f"The findings {named} say what may have done it: mend those first. "


def _skipped(case: Case) -> str:
    """What counters that differ say: layers that were left out of some passes."""
    counts = [norm.batches for norm in case.norms if norm.tracks and norm.batches]
    if not counts or min(counts) >= _UNEQUAL * max(counts):
        return ""
    return (
        f"The batch norms have counted from {min(counts)} to {max(counts)} batches, so some were skipped in "
        "passes of training, as stochastic depth does it, or others were called more often, or some were "
        "loaded or frozen for a while. Behind layers that only training skips, inference gives other inputs. "
    )


def _left_of_the_start(norm: Norm) -> float:
    """The weight that mean 0 and variance 1 still have in the running statistics; 0 where nothing says it."""
    momentum, batches = norm.momentum, norm.batches
    return (1 - momentum) ** batches if momentum and batches and 0 < momentum < 1 else 0.0


def _names(norms: Mapping[Norm, object]) -> set[str]:
    return {norm.name for norm in norms}
