"""Running statistics that are not those of the given batches."""

from collections.abc import Iterator, Sequence
from math import exp, log, sqrt

import torch
from torch import Tensor

from normcourse.clinic.case import Case
from normcourse.clinic.mends import recalibration
from normcourse.clinic.passes import Call, pooled
from normcourse.clinic.report import Finding
from normcourse.clinic.subject import Norm

NEEDS = ("batches",)
# Of the means, in standard deviations, and of the logarithms of these. On drawn digits a network whose
# statistics lag by the first loses answers already; changes of the light that it cannot read reach the
# second.
_NEAR, _FAR = (0.1, log(1.1)), (0.25, log(1.3))
_LEFT = 0.1  # of the start; after 22 batches with a momentum of 0.1
_ERRORS = 4  # as many standard errors are taken for sampling
_EXAMPLES = 8  # fewer say nothing about a variance


def find(case: Case) -> Iterator[Finding]:
    """Name the norms whose statistics depart from those of the batches."""
    seen = case.seen()
    compared = [
        norm
        for norm in case.norms
        if case.uses_batches(norm)
        and norm.updated
        # Several calls in a pass have no one mean: another check says if they are unlike.
        and len(calls := seen.of(norm)) == len({call.batch for call in calls})
        and sum(call.shape[0] for call in seen.of(norm)) >= _EXAMPLES
    ]
    distances = {norm: _own_distance(norm, seen.of(norm), seen.of(norm, training=True)) for norm in compared}
    departing = {norm: far for norm, far in distances.items() if _reaches(far, _NEAR)}
    if not departing:
        return
    called = [call.norm for call in seen.calls]
    first = min(departing, key=called.index)
    at_the_start = first is min(compared, key=called.index)
    means, widths = departing[first]
    measured: dict[str, float | str] = {
        "layers that depart": len(departing),
        "layers compared": len(compared),
        "first of them that is called": first.name,
    }
    if means:
        measured["its means lie off by, in running standard deviations"] = means
    if widths:
        measured["its standard deviations are off by the factor"] = exp(widths)
    left = _left_of_the_start(first)
    if left > _LEFT:
        measured["share of its statistics that is still their start, 0 and 1"] = left
    if seen.disagreement is not None:
        measured["outputs of the two modes differ by, in standard deviations"] = seen.disagreement
    mend, mending = recalibration(case, departing)
    yield Finding(
        name="statistics far from the batches",
        layers=tuple(norm.name for norm in departing),
        measured=measured,
        follows=(
            "In inference mode these layers do not centre and scale the batches, so the layers after them "
            "get inputs unlike those they learnt from. "
            + (
                f"{first.name} has counted {first.batches} batches, and each moved its statistics by only "
                f"{first.momentum:g} of the way, so they have not arrived yet. "
                if left > _LEFT
                else "It begins at the first batch norm, so the inputs may be others than in training, or "
                "the statistics lag behind the weights. "
                if at_the_start
                else "The batch norms before them fit, so their own statistics lag or belong to other data. "
            )
            + (
                "No batch was counted, so they were loaded or set and have stood still since. A model that "
                "was trained in inference mode with such statistics needs them as they are. "
                if all(norm.batches == 0 for norm in departing)
                else ""
            )
            + "If the batches are a fair sample of what the model is for, the statistics should be theirs."
        ),
        mend=mend,
        certainty="likely" if any(_reaches(far, _FAR) for far in departing.values()) else "possible",
        page="03-inference-statistics/"
        + ("06-test-time-adaptation" if at_the_start and left <= _LEFT else "02-lag-and-recalibration"),
        mending=mending,
    )


def _left_of_the_start(norm: Norm) -> float:
    """The weight that mean 0 and variance 1 still have in the running statistics; 0 where nothing says it."""
    momentum, batches = norm.momentum, norm.batches
    return (1 - momentum) ** batches if momentum and batches and 0 < momentum < 1 else 0.0


def _reaches(far: tuple[float, float], bounds: tuple[float, float]) -> bool:
    return far[0] >= bounds[0] or far[1] >= bounds[1]


def _own_distance(norm: Norm, *modes: Sequence[Call]) -> tuple[float, float]:
    """How far the statistics are off in both modes: of the means, and of the log standard deviations.

    In inference mode a layer's inputs move with the errors of the norms before it, in training mode with the
    noise of theirs in small batches. What is in both modes is the layer's own.
    """
    found = [_distance(norm, calls) for calls in modes if calls]
    return min(means for means, _ in found), min(widths for _, widths in found)


def _distance(norm: Norm, calls: Sequence[Call]) -> tuple[float, float]:
    """Root mean squares over the channels; 0 for what sampling can have made."""
    assert norm.running is not None
    eps, device = norm.eps or 0.0, calls[0].mean.device
    running_mean, running_var = (value.detach().double().to(device) for value in norm.running)
    if running_mean.shape != calls[0].mean.shape:
        return 0.0, 0.0
    mean, var = pooled(calls)
    scale = (running_var + eps).sqrt()
    means = [call.mean.double() / scale for call in calls]
    widths = [(call.var.double() + eps).log() / 2 for call in calls]
    return (
        _beyond_sampling(norm, calls, (mean - running_mean) / scale, torch.stack(means)),
        _beyond_sampling(norm, calls, ((var + eps).sqrt() / scale).log(), torch.stack(widths)),
    )


def _beyond_sampling(norm: Norm, calls: Sequence[Call], off: Tensor, batches: Tensor) -> float:
    distance = float(off.square().mean().sqrt())
    return distance if distance > _ERRORS * _standard_error(norm, calls, batches) else 0.0


def _standard_error(norm: Norm, calls: Sequence[Call], values: Tensor) -> float:
    """How far the mean of the batches and the moving average of training lie apart by chance."""
    of_one = float(values.var(0).mean()) if len(calls) > 2 else 0.0
    if of_one == 0.0:  # too few batches, or one that comes again and again
        return 1 / sqrt(min(call.shape[0] for call in calls))
    momentum = norm.momentum or 0.0
    return sqrt(of_one * (1 / len(calls) + momentum / (2 - momentum)))
