"""Running statistics that stop short."""

import pytest
import torch
from planting import Planted, assert_found, norms_of, plants
from specimens import Specimen, healthy
from torch import nn

from normcourse import nn as ours
from normcourse.clinic import examine

CHECK = "statistics in 16 bits"


@plants(CHECK)
def plant(specimen: Specimen) -> Planted | None:
    tracking = [norm for norm in norms_of(specimen, "batch") if norm.tracks]
    for norm in tracking[:2]:
        norm.layer.bfloat16()
    return Planted(tuple(norm.name for norm in tracking[:2])) if tracking else None


def test_it_is_found() -> None:
    assert_found(CHECK)


@pytest.mark.parametrize("library", [nn, ours])
@pytest.mark.parametrize("share", [0.5, 1.5])
def test_the_distance_that_it_says_is_where_they_stop(share: float, library: object) -> None:
    layer = library.BatchNorm1d(4).bfloat16()  # type: ignore[attr-defined]
    stops = examine(layer.train(), progress=False)[CHECK].measured[
        "distance at which they stop, at most, as a share of the value"
    ]
    layer.running_mean.fill_(1.0)
    mean = 1 + share * float(stops)
    for _ in range(20):
        layer(torch.full((64, 4), mean).bfloat16())
    moved = bool((layer.running_mean != 1).any())
    assert moved == (share > 1)


@pytest.mark.parametrize(
    ("dtype", "momentum", "found"),
    [
        (torch.bfloat16, 0.1, True),
        (torch.float16, 0.1, False),
        (torch.float16, 0.01, True),
        (torch.float32, 0.001, False),
    ],
)
def test_how_many_bits(dtype: torch.dtype, momentum: float, found: bool) -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4, momentum=momentum)).to(dtype)
    assert (CHECK in examine(model, progress=False).names) == found


def test_a_model_that_answers_may_be_rounded_and_a_frozen_one() -> None:
    specimen = healthy("ResNet")
    specimen.model.bfloat16().eval()
    assert CHECK not in specimen.report(with_batches=False).names
    ours.freeze_batch_norm(specimen.model.train())
    assert CHECK not in specimen.report(with_batches=False).names


def test_its_mend_runs_and_takes_the_same_inputs() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).bfloat16()
    exec(examine(model, progress=False)[CHECK].mend, {"model": model})
    x = torch.randn(4, 3, 6, 6).bfloat16()
    assert model(x).dtype == torch.bfloat16
    assert model[1].running_mean.dtype == torch.float32
    assert CHECK not in examine(model, progress=False).names


def test_the_cause_comes_before_what_it_brings_about() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.BatchNorm1d(8), nn.Linear(8, 2)).bfloat16().train()
    batches = [(100 + torch.randn(64, 8)).bfloat16() for _ in range(4)]
    for x in 20 * batches:
        model(x)
    given = [(x, torch.zeros(64, 2)) for x in batches]
    report = examine(model, given, loss=lambda y, t: y.float().square().mean() + 0 * t.mean(), progress=False)
    assert report.names[:2] == (CHECK, "statistics far from the batches")
    assert report[CHECK].effect is not None
    assert CHECK in report["statistics far from the batches"].follows
