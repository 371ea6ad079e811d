"""Momentum None."""

import pytest
import torch
from planting import Planted, assert_found, norms_of, plants
from specimens import Specimen
from torch import nn

from normcourse import nn as ours
from normcourse.clinic import examine

CHECK = "cumulative average left on"


@plants(CHECK)
def plant(specimen: Specimen) -> Planted | None:
    tracking = [norm for norm in norms_of(specimen, "batch") if norm.tracks]
    for norm in tracking:
        norm.layer.momentum = None
    return Planted(tuple(norm.name for norm in tracking)) if tracking else None


def test_it_is_found() -> None:
    assert_found(CHECK)


@pytest.mark.parametrize("kind", [nn.BatchNorm1d, ours.BatchNorm1d])
def test_it_waits_for_a_batch(kind: type[nn.Module]) -> None:
    layer = kind(3, momentum=None)
    assert CHECK not in examine(layer, progress=False).names
    for _ in range(3):
        layer(torch.randn(5, 3))
    measured = examine(layer, progress=False)[CHECK].measured
    assert measured == {"batches counted": 3, "weight of the next batch": 0.25}


@pytest.mark.parametrize("kind", [nn.InstanceNorm1d, ours.InstanceNorm1d])
def test_of_an_instance_norm_it_says_nothing(kind: type[nn.Module]) -> None:
    layer = kind(3, momentum=None, track_running_stats=True)  # for which None is a momentum of 0
    layer.get_buffer("num_batches_tracked").fill_(3)
    assert CHECK not in examine(layer, progress=False).names
