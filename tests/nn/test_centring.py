"""Moving a layer norm's centring and affine into the linear maps around it."""

from copy import deepcopy
from typing import Any

import pytest
import torch
from torch import nn

from normcourse import nn as ours

NORMS = {
    "LayerNorm": lambda library: library.LayerNorm(5),
    "LayerNorm, no bias": lambda library: library.LayerNorm(5, bias=False),
    "LayerNorm, no affine": lambda library: library.LayerNorm(5, elementwise_affine=False),
    "RMSNorm": lambda library: library.RMSNorm(5, eps=1e-5),
}


def drawn(module: nn.Module) -> nn.Module:
    module = module.double()
    for parameter in module.parameters():
        nn.init.normal_(parameter)
    return module


@pytest.mark.parametrize("bias", [True, False])
def test_rms_norm_after_the_centred_map_is_layer_norm_after_the_map(bias: bool) -> None:
    layer, x = drawn(nn.Linear(3, 5, bias=bias)), torch.randn(7, 3, dtype=torch.float64)
    before = deepcopy(layer.state_dict())
    folded = ours.fold_centring(layer)
    out = ours.RMSNorm(5, eps=1e-5, elementwise_affine=False)(folded(x))
    torch.testing.assert_close(out, ours.LayerNorm(5, elementwise_affine=False)(layer(x)))
    assert folded(x).mean(dim=-1).abs().max() < 1e-12
    assert layer(x).mean(dim=-1).abs().max() > 0.1
    assert all(torch.equal(before[key], value) for key, value in layer.state_dict().items())


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("library", [ours, nn], ids=["ours", "torch's"])
@pytest.mark.parametrize("name", NORMS)
def test_the_affine_is_done_by_the_map_after_it(name: str, library: Any, bias: bool) -> None:
    norm, layer = drawn(NORMS[name](library)), drawn(nn.Linear(5, 4, bias=bias))
    before = deepcopy((norm.state_dict(), layer.state_dict()))
    folded = ours.fold_affine(norm, layer)
    plain = deepcopy(norm)
    for parameter_name, parameter in plain.named_parameters():
        nn.init.constant_(parameter, float(parameter_name == "weight"))
    x = torch.randn(7, 5, dtype=torch.float64)
    torch.testing.assert_close(folded(plain(x)), layer(norm(x)))
    assert (folded.bias is None) == (layer.bias is None and getattr(norm, "bias", None) is None)
    assert folded.weight.data_ptr() != layer.weight.data_ptr()
    for old, new in zip(before, (norm.state_dict(), layer.state_dict()), strict=True):
        assert all(torch.equal(old[key], new[key]) for key in new)


def test_float32_stays_float32_and_frozen_stays_frozen() -> None:
    layer = nn.Linear(5, 4, bias=False).requires_grad_(False)
    for folded in (ours.fold_centring(layer), ours.fold_affine(nn.LayerNorm(5), layer)):
        assert all(p.dtype == torch.float32 and not p.requires_grad for p in folded.parameters())


@pytest.mark.parametrize(
    ("fold", "error", "message"),
    [
        (lambda: ours.fold_centring(nn.Conv1d(5, 4, 1)), TypeError, "into a Linear, but got Conv1d"),
        (lambda: ours.fold_affine(nn.LayerNorm(5), nn.ReLU()), TypeError, "into a Linear, but got ReLU"),
        (lambda: ours.fold_affine(nn.BatchNorm1d(5), nn.Linear(5, 4)), TypeError, "but got BatchNorm1d"),
        (lambda: ours.fold_affine(nn.LayerNorm(4), nn.Linear(5, 4)), ValueError, r"5 features.*over \(4,\)"),
    ],
)
def test_what_cannot_be_folded_is_said(fold: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        fold()


def test_a_layer_that_computes_something_else_is_refused() -> None:
    norm, linear = nn.LayerNorm(3), nn.Linear(3, 4)
    hooked = nn.Linear(3, 4)
    hooked.register_forward_pre_hook(lambda layer, args: None)
    with pytest.raises(ValueError, match="fold_centring cannot use layer, a Linear: it has a forward hook"):
        ours.fold_centring(hooked)
    with pytest.raises(ValueError, match="fold_affine cannot use layer, a Linear: it has a forward hook"):
        ours.fold_affine(norm, hooked)
    norm.register_forward_hook(lambda layer, args, y: None)
    with pytest.raises(ValueError, match="fold_affine cannot use norm, a LayerNorm: it has a forward hook"):
        ours.fold_affine(norm, linear)
