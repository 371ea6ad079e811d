"""Statistics that the next batch replaces."""

import pytest
import torch
from planting import Planted, assert_found, norms_of, plants
from specimens import Specimen
from torch import nn

from normcourse import nn as ours
from normcourse.clinic import examine

CHECK = "statistics without counter"


@plants(CHECK)
def plant(specimen: Specimen) -> Planted | None:
    tracking = [norm for norm in norms_of(specimen, "batch") if norm.tracks]
    for norm in tracking:
        norm.layer.momentum = None
        norm.layer.get_buffer("num_batches_tracked").zero_()
    return Planted(tuple(norm.name for norm in tracking)) if tracking else None


def test_it_is_found() -> None:
    assert_found(CHECK)


@pytest.mark.parametrize("kind", [nn.BatchNorm1d, ours.BatchNorm1d])
def test_what_it_says_is_so(kind: type[nn.Module]) -> None:
    layer = kind(3, momentum=None)
    layer.get_buffer("running_mean").fill_(7.0)
    assert CHECK in examine(layer, progress=False).names
    x = torch.randn(5, 3)
    layer(x)
    torch.testing.assert_close(layer.get_buffer("running_mean"), x.mean(0))


def test_with_a_momentum_or_at_the_start_it_is_sound() -> None:
    layer = nn.BatchNorm1d(3, momentum=None)
    assert CHECK not in examine(layer, progress=False).names
    layer.momentum = 0.1
    nn.init.constant_(layer.get_buffer("running_mean"), 7.0)
    assert CHECK not in examine(layer, progress=False).names
