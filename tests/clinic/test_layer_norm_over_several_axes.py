"""`LayerNorm((T, F))`."""

from planting import Planted, assert_found, norms_of, plants
from specimens import TEXTS, Specimen
from torch import nn

from normcourse import nn as ours
from normcourse.clinic import examine

CHECK = "layer norm over several axes"


@plants(CHECK)
def plant(specimen: Specimen) -> Planted | None:
    if specimen.name not in {*TEXTS, "the course's transformer"}:
        return None  # of the images the size that reaches a norm is not known here
    norm = norms_of(specimen)[0]
    kind = nn.RMSNorm if norm.kind == "rms" else nn.LayerNorm
    specimen.model.set_submodule(norm.name, kind((12, norm.features)))
    return Planted((norm.name,))


def test_it_is_found() -> None:
    assert_found(CHECK)


def test_axes_of_one_place_do_not_count() -> None:
    layers = ours.LayerNorm((5, 1, 1)), ours.LayerNorm(5), nn.LayerNorm((5, 2)), ours.RMSNorm((3, 5, 2))
    finding = examine(nn.Sequential(*layers), progress=False)[CHECK]
    assert finding.layers == ("2", "3")
    assert finding.measured["their sizes"] == "3 x 5 x 2"
