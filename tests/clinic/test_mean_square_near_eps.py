"""Epsilon is larger than what it is added to."""

import pytest
import torch
from planting import Planted, assert_found, norms_of, plants
from specimens import Specimen, healthy
from torch import Tensor, nn

from normcourse.clinic import examine
from normcourse.clinic.passes import run_passes
from normcourse.nn import LayerNorm, RMSNorm

CHECK = "mean square near eps"


@plants(CHECK)
def plant(specimen: Specimen) -> Planted | None:
    norms = norms_of(specimen, "layer", "rms")
    if not norms:
        return None
    calls = run_passes(specimen.model, norms, specimen.batches).of(norms[0])
    layer = norms[0].layer
    attribute = next(name for name in ("eps", "variance_epsilon") if hasattr(layer, name))
    setattr(layer, attribute, 4 * min(call.square for call in calls))
    return Planted((norms[0].name,))


def test_it_is_found() -> None:
    assert_found(CHECK, at_least=8)


def test_a_stream_that_became_small() -> None:
    specimen = healthy("GPT-2")
    with torch.no_grad():
        for parameter in specimen.model.parameters():
            if parameter.shape in ((50, 16), (1024, 16)):
                parameter.mul_(0.01)
    assert "h.0.ln_1" in specimen.report()[CHECK].layers


@pytest.mark.parametrize("make", [nn.LayerNorm, LayerNorm, nn.RMSNorm, RMSNorm])
def test_how_much_is_left(make: type[nn.Module]) -> None:
    x = torch.tensor([1e-3, -1e-3]).repeat(6, 5, 32)
    finding = examine(nn.Sequential(make(64, eps=1e-5)), [x], progress=False)[CHECK]
    assert finding.measured["size of that row after the norm, where 1 is due"] == pytest.approx(
        0.30, abs=0.01
    )


def _silent(layer: nn.Module, x: Tensor) -> bool:
    return CHECK not in examine(nn.Sequential(layer), [x], progress=False).names


@pytest.mark.parametrize("fill", [0.0, 0.1, 3.3])
def test_rows_without_a_spread_are_padding(fill: float) -> None:
    x = torch.randn(6, 5, 48)
    x[:, 3:] = fill
    assert _silent(nn.LayerNorm(48), x)


def test_axes_that_are_pooled_together() -> None:
    x = torch.randn(6, 3, 8, 8)
    x[:, :, 0] = torch.randn(6, 3, 1) + 1e-4 * torch.randn(6, 3, 8)  # a border of one colour
    assert _silent(nn.LayerNorm((3, 8, 8)), x)


class Other(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight, self.variance_epsilon = nn.Parameter(torch.ones(8)), 0.1

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.weight * x * torch.rsqrt(x.square().mean(-1, keepdim=True) + self.variance_epsilon)


def test_each_epsilon_is_set_by_its_name() -> None:
    model, x = nn.Sequential(nn.LayerNorm(8, eps=1.0), Other()), 0.01 * torch.randn(16, 8)
    exec(examine(model, [x], progress=False)[CHECK].mend, {"model": model})
    assert model[0].eps == model[1].variance_epsilon < 1e-6
    assert not hasattr(model[1], "eps")
