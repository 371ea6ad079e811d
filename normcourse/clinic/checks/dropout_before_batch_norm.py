"""Dropout before a batch norm: its variance in training is not that of inference."""

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import nn

from normcourse.clinic.case import Case
from normcourse.clinic.distances import departing, distances
from normcourse.clinic.mends import recalibration
from normcourse.clinic.report import Finding
from normcourse.clinic.subject import Norm

NEEDS = ()
_RATIO = "running variance over that of your batches without dropout, largest median"
_FITS = 1.05
_DROPOUT = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d)  # AlphaDropout keeps the variance
_PASSED = {f"torch.nn.modules.{name}" for name in ("activation", "conv", "flatten", "linear", "pooling")}


def find(case: Case) -> Iterator[Finding]:
    """Name the batch norms that dropout reaches with no other norm between."""
    found = {
        norm: dropped
        for norm in case.norms
        if norm.kind == "batch"
        and norm.tracks
        and case.follows_training(norm.layer)
        and (dropped := _dropped(case, norm))
    }
    if not found:
        return
    ratios = {norm: ratio for norm in found if (ratio := _ratio(case, norm)) is not None}
    fits = len(ratios) == len(found) and max(ratios.values()) < _FITS
    others = _off_before(case, found) if ratios and not fits else []
    mend, mending = recalibration(case, found)
    yield Finding(
        name="dropout before batch norm",
        layers=tuple(norm.name for norm in found),
        measured={
            "layers after dropout": len(found),
            "largest share dropped": max(found.values()),
            **({_RATIO: max(ratios.values())} if ratios else {}),
        },
        follows="Dropout raises the variance of what these layers see in training, and is off in inference. "
        + _follows(fits, others),
        mend=mend,
        certainty="possible" if fits or others else "likely",
        page="03-inference-statistics/02-lag-and-recalibration",
        mending=None if fits else mending,
        remark=fits,
    )


def _follows(fits: bool, others: Sequence[Norm]) -> str:
    if fits:
        return (
            "Their running variances are those of your batches without it, so nothing is wrong now; training "
            "on will let them track the larger variance again."
        )
    return (
        "They tracked the larger variance, so in inference they scale their inputs down too far. Dropout "
        "after the last batch norm avoids it, and statistics computed anew without dropout mend it."
    ) + (
        f" But {others[0].name} departs from the batches too, and no dropout stands before it: so something "
        'else moved the statistics. See "statistics far from the batches".'
        if others
        else ""
    )


def _off_before(case: Case, found: Mapping[Norm, float]) -> list[Norm]:
    """Norms that are called before these, have no dropout before them, and depart from the batches."""
    called = [call.norm for call in case.seen().calls]
    first = min(called.index(norm) for norm in found if norm in called)
    return [norm for norm in departing(distances(case)) if norm not in found and called.index(norm) < first]


def _dropped(case: Case, norm: Norm) -> float:
    """The share that dropout before it drops; 0 without any in sight."""
    name = case.ahead(norm.names[0]) or case.before.get(norm)
    while name is not None:
        layer = case.model.get_submodule(name)
        if isinstance(layer, nn.Sequential) and len(layer):
            name = f"{name}.{list(layer._modules)[-1]}"
            continue
        if isinstance(layer, _DROPOUT) and layer.p > 0:
            return float(layer.p)
        if not isinstance(layer, (nn.Identity, *_DROPOUT)) and type(layer).__module__ not in _PASSED:
            return 0.0
        name = case.ahead(name)
    return 0.0


def _ratio(case: Case, norm: Norm) -> float | None:
    """The median of the running variances over those of the batches; None where they say nothing."""
    calls = case.calls(norm)
    if not calls or norm.running is None or not norm.updated:
        return None
    var = torch.stack([call.var for call in calls]).mean(0)
    alive = var > (norm.eps or 1e-5)
    if not bool(alive.any()):
        return None
    return float((norm.running[1].float().to(var.device) / var)[alive].median())
