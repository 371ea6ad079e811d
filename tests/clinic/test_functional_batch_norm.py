"""Batch norm without a layer."""

import pytest
import torch
from planting import Planted, assert_found, norms_of, plants
from specimens import Specimen
from torch import Tensor, nn
from torch.nn import functional as F

from normcourse.clinic import Finding, examine

CHECK = "functional batch norm"


class _Function(nn.Module):
    """Calls the function with what it holds."""

    def __init__(self, features: int, stay: bool = False, saved: bool = True) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(features))
        self.stay = stay
        self.mu, self.sigma = torch.zeros(features), torch.ones(features)
        if saved:
            mu, sigma = self.mu, self.sigma
            del self.mu, self.sigma
            self.register_buffer("mu", mu)
            self.register_buffer("sigma", sigma)

    def forward(self, x: Tensor) -> Tensor:
        return F.batch_norm(x, self.mu, self.sigma, self.scale, training=self.training or self.stay)


@plants(CHECK)
def plant(specimen: Specimen) -> Planted | None:
    norms = norms_of(specimen, "batch")
    if not norms:
        return None
    specimen.model.set_submodule(norms[0].name, _Function(norms[0].features))
    return Planted((norms[0].name,))


def test_it_is_found() -> None:
    assert_found(CHECK)


def _found(model: nn.Module, x: Tensor) -> Finding | None:
    findings = examine(model, [x], progress=False).findings
    return next((finding for finding in findings if finding.name == CHECK), None)


@pytest.mark.parametrize(
    ("stay", "saved", "certainty", "words"),
    [
        (False, True, "possible", "passes it by"),
        (True, True, "likely", "the batch's statistics in inference mode"),
        (False, False, "likely", "neither saved nor moved"),
    ],
)
def test_what_the_code_passes(stay: bool, saved: bool, certainty: str, words: str) -> None:
    layer = _Function(4, stay, saved)
    model = nn.Sequential(nn.Linear(4, 4), nn.Sequential(layer)).train()
    finding = _found(model, torch.randn(6, 4))
    assert finding is not None
    assert (finding.layers, finding.certainty) == (("1.0",), certainty)
    assert words in finding.follows
    assert all(module.training for module in model.modules())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
    if saved:
        assert bool((layer.get_buffer("mu") == 0).all())


def test_a_model_of_one_function() -> None:
    finding = _found(_Function(4), torch.randn(6, 4))
    assert finding is not None
    assert finding.layers == ("_Function",)


class _Standardized(nn.Conv2d):
    """Standardizes its weights by the function, as BiT's convolutions do."""

    def forward(self, x: Tensor) -> Tensor:
        rows = self.weight.reshape(1, self.out_channels, -1)
        weight = F.batch_norm(rows, None, None, training=True, momentum=0.0).reshape_as(self.weight)
        return F.conv2d(x, weight, self.bias)


def test_weights_may_be_standardized_by_it() -> None:
    assert _found(nn.Sequential(_Standardized(3, 4, 3), nn.GroupNorm(2, 4)), torch.randn(6, 3, 8, 8)) is None


def test_the_layers_of_both_libraries_are_no_functions() -> None:
    from normcourse.nn import BatchNorm1d

    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), BatchNorm1d(4))
    assert _found(model, torch.randn(6, 4)) is None
