"""Inputs, or their squares, beyond float16."""

import pytest
import torch
from planting import Planted, assert_found, norms_of, plants
from specimens import Specimen, healthy
from torch import Tensor, nn

from normcourse import nn as ours
from normcourse.clinic import Finding, examine

CHECK = "overflows float16"


class _Grown(nn.Module):
    """A norm of a stream that has grown."""

    def __init__(self, norm: nn.Module) -> None:
        super().__init__()
        self.norm = norm

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.norm(x * (1e5 / x.abs().max()))
        return y


@plants(CHECK)
def plant(specimen: Specimen) -> Planted | None:
    norm = norms_of(specimen)[-1]
    specimen.model.set_submodule(norm.name, _Grown(norm.layer))
    return Planted((f"{norm.name}.norm",))


def test_it_is_found() -> None:
    assert_found(CHECK, at_least=15)


class _InItsOwnBits(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        return self.weight * (x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-6))


def _found(layer: nn.Module, size: float, dtype: torch.dtype) -> Finding | None:
    model = nn.Sequential(layer).to(dtype)
    findings = examine(model, [torch.full((4, 8), size, dtype=dtype)], progress=False).findings
    return next((finding for finding in findings if finding.name == CHECK), None)


def test_squares_in_float16() -> None:
    finding = _found(_InItsOwnBits(8), 300.0, torch.float16)
    assert finding is not None
    assert finding.certainty == "likely"
    assert "square" in finding.follows
    assert _found(_InItsOwnBits(8), 200.0, torch.float16) is None
    assert _found(_InItsOwnBits(8), 300.0, torch.bfloat16) is None
    assert _found(_InItsOwnBits(8), 300.0, torch.float32) is None


@pytest.mark.parametrize("make", [nn.LayerNorm, nn.RMSNorm, ours.LayerNorm, ours.RMSNorm])
def test_layers_that_square_in_float32(make: type[nn.Module]) -> None:
    assert _found(make(8), 300.0, torch.float16) is None
    near = _found(make(8), 40_000.0, torch.float16)
    assert near is not None
    assert near.certainty == "likely"
    assert _found(make(8), 40_000.0, torch.float32) is None
    far = _found(make(8), 70_000.0, torch.float32)
    assert far is not None
    assert far.certainty == "possible"


@pytest.mark.parametrize("name", ["GPT-2", "Llama", "ResNet"])
def test_a_healthy_model_in_float16(name: str) -> None:
    specimen = healthy(name)
    specimen.model.half()
    if name == "ResNet":
        specimen.batches = [{"pixel_values": batch["pixel_values"].half()} for batch in specimen.batches]
    report = specimen.report()
    assert CHECK in report.checked
    assert CHECK not in report.names
