"""Running statistics with NaN, infinities or negative variances."""

import math

import pytest
import torch
from planting import Planted, assert_found, norms_of, plants
from specimens import Specimen, healthy
from torch import nn

from normcourse import nn as ours
from normcourse.clinic import examine

CHECK = "statistics not finite"


@plants(CHECK)
def plant(specimen: Specimen) -> Planted | None:
    tracking = [norm for norm in norms_of(specimen, "batch") if norm.tracks]
    for norm, what, value in zip(tracking, ("mean", "var"), (math.nan, math.inf), strict=False):
        norm.layer.get_buffer(f"running_{what}")[0] = value
    return Planted(tuple(norm.name for norm in tracking[:2])) if tracking else None


def test_it_is_found() -> None:
    assert_found(CHECK)


@pytest.mark.parametrize("layer", [nn.BatchNorm1d(3), ours.BatchNorm1d(3)])
def test_a_negative_variance_is_found(layer: nn.Module) -> None:
    layer.get_buffer("running_var")[1] = -1e-3
    measured = examine(layer, progress=False)[CHECK].measured
    assert measured["channels with a negative variance"] == 1
    assert measured["channels with a mean or variance that is NaN or infinite"] == 0


def test_its_mend_is_measured() -> None:
    specimen = healthy("the course's MLP")
    specimen.batches = [(batch, torch.zeros(len(batch), 10)) for batch in specimen.batches]
    plant(specimen)
    effect = specimen.report(loss=nn.functional.mse_loss)[CHECK].effect
    assert effect is not None
    assert math.isnan(effect.before)
    assert math.isfinite(effect.after)
