"""Gammas that are zero, as a fault and as a recipe."""

import torch
from planting import Planted, assert_found, norms_of, plants
from specimens import NAMES, Specimen, healthy
from torch import nn

from normcourse import nn as ours
from normcourse.clinic import examine
from normcourse.clinic.subject import Norm

CHECK = "gamma zero"


def _zero(norm: Norm) -> None:
    nn.init.constant_(norm.layer.get_parameter("weight"), -norm.offset)


@plants(CHECK)
def plant(specimen: Specimen) -> Planted | None:
    norm = norms_of(specimen)[-1]
    _zero(norm)
    return Planted((norm.name,))


def test_it_is_found() -> None:
    assert_found(CHECK, at_least=len(NAMES))


def test_every_one_is_likely_and_some_are_possible() -> None:
    specimen = healthy("Gemma")
    plant(specimen)
    assert specimen.report(with_batches=False)[CHECK].certainty == "possible"
    for norm in norms_of(specimen):
        _zero(norm)
    finding = specimen.report(with_batches=False)[CHECK]
    assert finding.certainty == "likely"
    assert len(finding.layers) == len(norms_of(specimen))


def test_the_last_norms_of_branches_may_start_at_zero() -> None:
    model = nn.Sequential(nn.Linear(3, 3), ours.BatchNorm1d(3), nn.ReLU(), nn.Linear(3, 3), nn.BatchNorm1d(3))
    nn.init.zeros_(model[4].weight)
    model(torch.randn(5, 3))  # batches are counted, but nothing was trained
    assert CHECK not in examine(model, progress=False).names
    nn.init.constant_(model[1].weight, 0.9)
    assert examine(model, progress=False)[CHECK].layers == ("4",)
