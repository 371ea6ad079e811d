"""Dropout before a batch norm: its variance in training is not that of inference."""

from collections.abc import Iterator

import torch
from torch import nn

from normcourse.clinic.case import Case
from normcourse.clinic.mends import recalibration
from normcourse.clinic.report import Finding
from normcourse.clinic.subject import Norm

NEEDS = ()
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
    measured: dict[str, float | str] = {
        "layers after dropout": len(found),
        "largest share dropped": max(found.values()),
    }
    ratios = [ratio for norm in found if (ratio := _ratio(case, norm)) is not None]
    if ratios:
        measured["running variance over that of your batches without dropout, largest median"] = max(ratios)
    mend, mending = recalibration(case, found)
    yield Finding(
        name="dropout before batch norm",
        layers=tuple(norm.name for norm in found),
        measured=measured,
        follows=(
            "Dropout raises the variance of what these layers see in training, and is off in inference. They "
            "tracked the larger variance, so in inference they scale their inputs down too far. Dropout "
            "after the last batch norm avoids it, and statistics computed anew without dropout mend it."
        ),
        mend=mend,
        certainty="likely",
        page="03-inference-statistics/02-lag-and-recalibration",
        mending=mending,
    )


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
    calls = case.calls(norm)
    if not calls or norm.running is None:
        return None
    var = torch.stack([call.var for call in calls]).mean(0).clamp(min=1e-12)
    return float((norm.running[1].float().to(var.device) / var).median())
