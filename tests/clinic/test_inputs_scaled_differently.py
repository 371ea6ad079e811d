"""Bytes where units were, and other prepared inputs."""

import pytest
import torch
from planting import Planted, assert_found, norms_of, plants
from specimens import Specimen, healthy
from torch import Tensor

CHECK = "inputs scaled differently"


def _times(specimen: Specimen, factor: float) -> Specimen:
    specimen.batches = [
        batch * factor if isinstance(batch, Tensor) else {key: x * factor for key, x in batch.items()}
        for batch in specimen.batches
    ]
    return specimen


@plants(CHECK)
def plant(specimen: Specimen) -> Planted | None:
    tracking = [norm.name for norm in norms_of(specimen, "batch") if norm.tracks]
    if not tracking:
        return None
    _times(specimen, 255.0)
    return Planted((tracking[0],))


def test_it_is_found() -> None:
    assert_found(CHECK, at_least=6)


@pytest.mark.parametrize("name", ["RegNet", "EfficientNet", "the course's MLP"])
@pytest.mark.parametrize("factor", [1 / 255, 0.1, 10.0, 255.0])
def test_the_factor_is_measured(name: str, factor: float) -> None:
    found = _times(healthy(name), factor).report()[CHECK]
    measured = found.measured["standard deviation of the batches, in running ones (median channel)"]
    assert measured == pytest.approx(factor, rel=0.05)
    assert ("255" in found.follows) == (factor in (1 / 255, 255.0))


def test_neighbours_are_left_alone() -> None:
    assert CHECK not in _times(healthy("the course's CNN"), 2.0).report().names
    uneven = healthy("the course's CNN")
    with torch.no_grad():
        norms_of(uneven)[0].layer.running_var.mul_(torch.logspace(-4, 0, 8))
    assert CHECK not in uneven.report().names
    new = _times(healthy("the course's CNN"), 255.0)
    norms_of(new)[0].layer.reset_running_stats()
    assert CHECK not in new.report().names
