"""Channels that have died."""

import pytest
import torch
from planting import Planted, assert_found, norms_of, plants
from specimens import Specimen, healthy
from torch import nn

from normcourse.clinic import examine

CHECK = "constant channels"


@plants(CHECK)
def plant(specimen: Specimen) -> Planted | None:
    tracking = [norm for norm in norms_of(specimen, "batch") if norm.tracks]
    if not tracking:
        return None
    layers = list(specimen.model.modules())
    feeds = layers[layers.index(tracking[0].layer) - 1]
    assert isinstance(feeds, nn.Conv2d | nn.Linear)
    with torch.no_grad():
        feeds.weight[:2] = 0
    return Planted((tracking[0].name,))


def test_it_is_found() -> None:
    assert_found(CHECK, at_least=6)


def test_they_are_counted() -> None:
    specimen = healthy("the course's CNN")
    plant(specimen)
    found = specimen.report()[CHECK]
    assert found.layers == ("2",)
    assert found.measured["constant channels"] == 2
    assert found.measured["of them with a running variance above epsilon"] == 2
    assert found.measured["largest share of a layer's channels"] == 0.25


@pytest.mark.parametrize("value", [0.0, 0.1, 1e4])
def test_a_constant_other_than_zero_is_one(value: float) -> None:
    x = torch.randn(3, 32, 4, generator=torch.Generator().manual_seed(0))
    x[..., 1] = value
    report = examine(nn.BatchNorm1d(4), list(x), progress=False)
    assert report[CHECK].measured["constant channels"] == 1


def test_neighbours_are_left_alone() -> None:
    random = torch.Generator().manual_seed(0)
    small = torch.randn(3, 32, 4, generator=random) * torch.tensor([1, 1, 1, 1e-4])  # small, but it varies
    assert CHECK not in examine(nn.BatchNorm1d(4), list(small), progress=False).names
    moves = torch.randn(3, 32, 4, generator=random)
    moves[..., 1] = torch.arange(3.0)[:, None]  # constant in a batch, but not over all
    assert CHECK not in examine(nn.BatchNorm1d(4), list(moves), progress=False).names
    few = torch.zeros(1, 8, 4)
    few[..., 1:] = torch.randn(1, 8, 3, generator=random)
    assert CHECK not in examine(nn.BatchNorm1d(4), list(few), progress=False).names
