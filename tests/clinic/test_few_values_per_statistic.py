"""Batches too small for a mean and a variance."""

import pytest
import torch
from planting import Planted, assert_found, norms_of, plants
from specimens import Specimen, healthy
from torch import nn

from normcourse.clinic import examine
from normcourse.nn import GhostBatchNorm, freeze_batch_norm

CHECK = "few values per statistic"


@plants(CHECK)
def plant(specimen: Specimen) -> Planted | None:
    tracking = [norm for norm in norms_of(specimen, "batch") if norm.tracks]
    if not tracking or specimen.name == "the course's CNN":  # its maps keep 4 x 4 positions
        return None
    side = 8 if specimen.name in ("ResNet", "RegNet") else 32
    specimen.batches = [
        batch[:4]
        if isinstance(batch, torch.Tensor)
        else {key: x[:4, :, :side, :side] for key, x in batch.items()}
        for batch in specimen.batches
    ]
    return Planted((tracking[-1].name,))


def test_it_is_found() -> None:
    assert_found(CHECK, at_least=5)


def test_only_layers_with_few_values_are_named() -> None:
    specimen = healthy("MobileNetV2")
    plant(specimen)
    found = specimen.report()[CHECK]
    assert "conv_1x1.normalization" in found.layers
    assert "layer.0.expand_1x1.normalization" not in found.layers
    assert found.measured["values per mean and variance, at least"] == 4
    assert found.measured["noise of such a mean, in standard deviations"] == 0.5


@pytest.mark.parametrize(("size", "found"), [(1, True), (4, True), (5, False), (32, False)])
def test_the_last_batch_of_an_epoch_counts(size: int, found: bool) -> None:
    specimen = healthy("the course's MLP")
    specimen.batches[-1] = specimen.batches[-1][:size]
    report = specimen.report()
    assert (CHECK in report.names) == found
    if found:
        assert report[CHECK].measured["batches with so few"] == 1


def test_a_ghost_batch_is_the_batch() -> None:
    model = nn.Sequential(nn.Linear(3, 4), GhostBatchNorm(4, ghost_batch_size=2))
    report = examine(model, [torch.randn(32, 3)], progress=False)
    assert report[CHECK].measured["values per mean and variance, at least"] == 2


def test_a_norm_that_needs_no_batch_may_have_a_small_one() -> None:
    frozen = healthy("the course's MLP")
    plant(frozen)
    freeze_batch_norm(frozen.model)
    assert CHECK not in frozen.report().names
    layers = nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4))
    assert CHECK not in examine(layers, [torch.randn(1, 3)], progress=False).names
