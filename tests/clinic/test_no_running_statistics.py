"""A batch norm without a memory."""

import pytest
import torch
from planting import Planted, assert_found, norms_of, plants
from specimens import Specimen, healthy
from torch import nn

from normcourse import nn as ours
from normcourse.clinic import examine

CHECK = "no running statistics"


@plants(CHECK)
def plant(specimen: Specimen) -> Planted | None:
    found = norms_of(specimen, "batch")[:2]
    for norm in found:
        for buffer in ("running_mean", "running_var", "num_batches_tracked"):
            setattr(norm.layer, buffer, None)
        norm.layer.track_running_stats = False  # type: ignore[assignment]
    return Planted(tuple(norm.name for norm in found)) if found else None


def test_it_is_found() -> None:
    assert_found(CHECK)


@pytest.mark.parametrize("library", [nn, ours])
def test_as_it_is_built(library: object) -> None:
    layer = library.BatchNorm2d(3, track_running_stats=False)  # type: ignore[attr-defined]
    assert examine(nn.Sequential(nn.Conv2d(1, 3, 3), layer), progress=False)[CHECK].layers == ("1",)


def test_switched_off_with_the_statistics_kept_inference_still_uses_them() -> None:
    layer = nn.BatchNorm1d(3)
    layer.track_running_stats = False
    assert CHECK not in examine(nn.Sequential(layer), progress=False).names


def test_statistics_without_values_yet_are_kept_all_the_same() -> None:
    assert CHECK not in examine(nn.Sequential(nn.BatchNorm1d(3, device="meta")), progress=False).names


def test_instance_norm_needs_none() -> None:
    assert CHECK not in examine(nn.Sequential(nn.InstanceNorm2d(3)), progress=False).names


def test_where_the_batches_show_what_it_does_that_is_said_instead() -> None:
    specimen = healthy("the course's CNN")
    planted = plant(specimen)
    report = specimen.report()
    assert planted is not None
    assert CHECK not in report.names
    assert report["examples leak"].layers == planted.layers


class ActNorm(nn.Module):
    """Sets its gamma and beta by the first batch."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.loc = nn.Parameter(torch.zeros(1, channels))
        self.scale = nn.Parameter(torch.ones(1, channels))
        self.register_buffer("initialized", torch.tensor(0))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.initialized:
            with torch.no_grad():
                self.loc.copy_(-x.mean(0, keepdim=True))
                self.scale.copy_(1 / (x.std(0, keepdim=True) + 1e-6))
                self.initialized.fill_(1)
        return self.scale * (x + self.loc)


def test_what_takes_the_first_batch_alone_is_none() -> None:
    assert CHECK not in examine(nn.Sequential(nn.Linear(8, 8), ActNorm(8)), progress=False).names
