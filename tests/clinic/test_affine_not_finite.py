"""Gammas and betas with NaN or infinities."""

import math

import torch
from planting import Planted, assert_found, norms_of, plants
from specimens import NAMES, Specimen
from torch import nn

from normcourse.clinic import examine

CHECK = "affine not finite"


@plants(CHECK)
def plant(specimen: Specimen) -> Planted | None:
    norm = norms_of(specimen)[0]
    with torch.no_grad():
        norm.layer.get_parameter("weight")[1] = math.nan
    return Planted((norm.name,))


def test_it_is_found() -> None:
    assert_found(CHECK, at_least=len(NAMES))


def test_beta_counts_too() -> None:
    layer = nn.LayerNorm(4)
    nn.init.constant_(layer.bias, math.inf)
    finding = examine(layer, progress=False)[CHECK]
    assert finding.layers == ("LayerNorm",)
    assert finding.measured == {"gammas that are NaN or infinite": 0, "betas that are NaN or infinite": 4}


def test_a_norm_without_an_affine_is_sound() -> None:
    assert CHECK not in examine(nn.BatchNorm1d(3, affine=False), progress=False).names
