"""Epsilons that differ between blocks."""

import re

from planting import Planted, assert_found, norms_of, plants
from specimens import Specimen
from torch import nn

from normcourse import nn as ours
from normcourse.clinic import examine

CHECK = "eps differs"


@plants(CHECK)
def plant(specimen: Specimen) -> Planted | None:
    places: dict[str, nn.Module] = {}
    for norm in norms_of(specimen):
        place = re.sub(r"\d+", "#", norm.name)
        if place in places and norm.eps is not None:
            known = "eps" if hasattr(norm.layer, "eps") else "variance_epsilon"
            setattr(norm.layer, known, 10 * norm.eps)
            return Planted((norm.name,))
        places[place] = norm.layer
    return None


def test_it_is_found() -> None:
    assert_found(CHECK)


def test_the_rarer_are_named() -> None:
    model = nn.Sequential(*(ours.LayerNorm(4, eps=eps) for eps in (1e-6, 1e-5, 1e-5, 1e-12)))
    finding = examine(model, progress=False)[CHECK]
    assert finding.layers == ("0", "3")
    assert finding.measured == {
        "layers with epsilon 1e-12": 1,
        "layers with epsilon 1e-06": 1,
        "layers with epsilon 1e-05": 2,
    }


def test_other_places_and_other_classes_may_differ() -> None:
    blocks = nn.Sequential(nn.LayerNorm(4, eps=1e-6), nn.LayerNorm(4, eps=2e-6), nn.BatchNorm1d(4, eps=1e-3))
    model = nn.ModuleDict({"blocks": blocks, "last": nn.LayerNorm(4)})
    assert CHECK not in examine(model, progress=False).names


class Block(nn.Module):
    def __init__(self, eps: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(4, eps=eps)


class Head(Block):
    pass


def test_a_tie_is_only_possibly_a_fault() -> None:
    model = nn.ModuleList(Block(eps) for eps in (1e-5, 1e-12, 1e-5, 1e-12))
    finding = examine(model, progress=False)[CHECK]
    assert finding.certainty == "possible"
    assert finding.layers == ("0.norm", "1.norm", "2.norm", "3.norm")
    exec(finding.mend, {"model": model})
    assert CHECK not in examine(model, progress=False).names


def test_parts_of_other_classes_may_differ() -> None:
    assert CHECK not in examine(nn.ModuleList([Block(1e-3), Head(1e-5)]), progress=False).names
