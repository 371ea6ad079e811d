"""`LayerNorm((T, F))`."""

import pytest
import torch
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


class _ByFunction(nn.Module):
    def __init__(self, axes: int, function: str) -> None:
        super().__init__()
        self.axes, self.function = axes, function
        self.linear = nn.Linear(4, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = getattr(nn.functional, self.function)(self.linear(x), x.shape[-self.axes :])
        return y


@pytest.mark.parametrize("function", ["layer_norm", "rms_norm"])
@pytest.mark.parametrize("axes", [1, 2])
def test_functions_are_seen_where_they_are_called(axes: int, function: str) -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.Sequential(_ByFunction(axes, function)))
    report = examine(model, [torch.randn(6, 5, 4)], progress=False)
    assert (CHECK in report.names) == (axes == 2)
    if axes == 2:
        assert report[CHECK].layers == ("1.0",)
        assert report[CHECK].measured["their sizes"] == "5 x 4"


def test_axes_of_one_place_do_not_count() -> None:
    layers = ours.LayerNorm((5, 1, 1)), ours.LayerNorm(5), nn.LayerNorm((5, 2)), ours.RMSNorm((3, 5, 2))
    finding = examine(nn.Sequential(*layers), progress=False)[CHECK]
    assert finding.layers == ("2", "3")
    assert finding.measured["their sizes"] == "3 x 5 x 2"


@pytest.mark.parametrize("batches", [None, [torch.randn(5, 3, 6, 6)]])
def test_the_mend_of_a_feature_map_keeps_the_pool(batches: list[torch.Tensor] | None) -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.LayerNorm((4, 6, 6)))
    x = torch.randn(5, 3, 6, 6)
    before = model(x)
    exec(examine(model, batches, progress=False)[CHECK].mend, {"model": model})
    assert torch.allclose(model(x), before, atol=1e-5)
    assert not {CHECK, "layer norm without channels"} & set(examine(model, [x], progress=False).names)
