"""How far the running statistics of batch norms lie from those of the given batches."""

from collections.abc import Mapping, Sequence
from math import log, sqrt

import torch
from torch import Tensor

from normcourse.clinic.case import Case
from normcourse.clinic.passes import Call, pooled
from normcourse.clinic.subject import Norm

__all__ = ["Distance", "departing", "distances", "is_far"]

#: Of the means, in running standard deviations, and of the logarithms of the standard deviations.
Distance = tuple[float, float]

# On drawn digits a network whose statistics lag by the first loses answers already; changes of the light
# that it cannot read reach the second.
_NEAR, _FAR = (0.1, log(1.1)), (0.25, log(1.3))
_ERRORS = 4  # as many standard errors are taken for sampling
_EXAMPLES = 8  # fewer say nothing about a variance


def distances(case: Case) -> dict[Norm, Distance]:
    """How far each norm's statistics are off, for those of which the batches say it."""
    if case.passes is None:
        return {}
    seen = case.passes
    compared = [
        norm
        for norm in case.norms
        if case.uses_batches(norm)
        and norm.updated
        # Several calls in a pass have no one mean: another check says if they are unlike.
        and len(calls := seen.of(norm)) == len({call.batch for call in calls})
        and sum(call.shape[0] for call in calls) >= _EXAMPLES
    ]
    return {norm: _own_distance(norm, seen.of(norm), seen.of(norm, training=True)) for norm in compared}


def departing(of: Mapping[Norm, Distance]) -> dict[Norm, Distance]:
    """Those whose statistics are off by more than sampling and what does no harm."""
    return {norm: distance for norm, distance in of.items() if _reaches(distance, _NEAR)}


def is_far(distance: Distance) -> bool:
    """Whether it is as far as inputs of another kind."""
    return _reaches(distance, _FAR)


def _reaches(distance: Distance, bounds: Distance) -> bool:
    return distance[0] >= bounds[0] or distance[1] >= bounds[1]


def _own_distance(norm: Norm, *modes: Sequence[Call]) -> Distance:
    """How far the statistics are off in both modes: of the means, and of the log standard deviations.

    In inference mode a layer's inputs move with the errors of the norms before it, in training mode with the
    noise of theirs in small batches. What is in both modes is the layer's own.
    """
    found = [_distance(norm, calls) for calls in modes if calls]
    return min(means for means, _ in found), min(widths for _, widths in found)


def _distance(norm: Norm, calls: Sequence[Call]) -> Distance:
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
