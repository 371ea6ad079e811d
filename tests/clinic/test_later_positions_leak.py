"""A later position reaches an earlier one."""

import pytest
import torch
from planting import Planted, assert_found, norms_of, plants
from specimens import CAUSAL, Specimen, healthy
from torch import Tensor, nn

from normcourse.clinic import examine

CHECK = "later positions leak"


class _OverPositions(nn.Module):
    """A layer norm of each example as a whole."""

    def __init__(self, like: Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(like.clone())

    def forward(self, x: Tensor) -> Tensor:
        axes = tuple(range(1, x.dim()))
        var, mean = torch.var_mean(x, axes, correction=0, keepdim=True)
        return (x - mean) * torch.rsqrt(var + 1e-5) * self.weight


@plants(CHECK)
def plant(specimen: Specimen) -> Planted | None:
    if specimen.name not in CAUSAL:
        return None
    norm = norms_of(specimen, "layer", "rms")[1]
    assert norm.gamma is not None
    specimen.model.set_submodule(norm.name, _OverPositions(norm.gamma))
    return Planted((norm.name,), {"causal": True})


def test_it_is_found() -> None:
    assert_found(CHECK)


def test_a_model_without_a_mask() -> None:
    class Mixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm = nn.LayerNorm(4)

        def forward(self, x: Tensor) -> Tensor:
            y: Tensor = self.norm(x)
            return y + y.mean(1, keepdim=True)

    finding = examine(Mixed(), [torch.randn(4, 6, 4)], causal=True, progress=False)[CHECK]
    assert finding.layers == ("Mixed",)
    assert "mask" in finding.follows


@pytest.mark.parametrize("name", ["BERT", "GPT-2"])
def test_where_nobody_says_causal_nothing_is_said(name: str) -> None:
    specimen = healthy(name)
    report = specimen.report(causal=False)
    assert CHECK not in report.names
    assert report.skipped[CHECK] == "causal=True was not given"


def test_what_is_not_causal_leaks_if_it_is_said_to_be() -> None:
    assert CHECK in healthy("BERT").report(causal=True).names
