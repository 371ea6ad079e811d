"""Epsilon is 0 in 16 bits."""

import pytest
import torch
from planting import Planted, assert_found, norms_of, plants
from specimens import NAMES, Specimen, healthy
from torch import Tensor, nn

from normcourse import nn as ours
from normcourse.clinic import examine
from normcourse.clinic.subject import Norm

CHECK = "eps vanishes"


class _In16Bits(nn.Module):
    """An RMS norm as its formula stands."""

    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        return self.weight * (x * torch.rsqrt(x.square().mean(-1, keepdim=True) + self.eps))


@plants(CHECK)
def plant(specimen: Specimen) -> Planted | None:
    norms = norms_of(specimen, "layer", "rms")
    if not norms:
        return None
    specimen.model.set_submodule(norms[0].name, _In16Bits(norms[0].features, 1e-8))
    specimen.model.half()
    return Planted((norms[0].name,))


def test_it_is_found() -> None:
    assert_found(CHECK, at_least=8)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("name", NAMES)
def test_released_models_compute_in_32_bits(name: str, dtype: torch.dtype) -> None:
    specimen = healthy(name)
    specimen.model.to(dtype)
    assert CHECK not in specimen.report(with_batches=False).names


@pytest.mark.parametrize(
    ("dtype", "eps", "found"),
    [
        (torch.float16, 1e-8, True),
        (torch.float16, 1e-6, False),
        (torch.bfloat16, 1e-8, False),  # reaches as far down as float32
        (torch.float32, 1e-8, False),
        (torch.float16, 0.0, False),  # somebody wants none
    ],
)
def test_which_types_lose_which_epsilon(dtype: torch.dtype, eps: float, found: bool) -> None:
    model = nn.Sequential(_In16Bits(8, eps)).to(dtype)
    assert (CHECK in examine(model, progress=False).names) is found


@pytest.mark.parametrize("make", [nn.LayerNorm, nn.RMSNorm, ours.LayerNorm, ours.RMSNorm])
def test_layers_that_compute_in_32_bits(make: type[nn.Module]) -> None:
    assert CHECK not in examine(nn.Sequential(make(8, eps=1e-12)).half(), progress=False).names


def test_its_hooks_do_not_run() -> None:
    layer = _In16Bits(8, 1e-8).half()
    layer.register_forward_hook(lambda *_: pytest.fail("a hook ran"))
    assert Norm(("",), layer, "rms").answer(0.0) is not None
