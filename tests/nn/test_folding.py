"""Folding a batch norm into the layer before it."""

from copy import deepcopy
from typing import Any

import pytest
import torch
from torch import nn

from normcourse import nn as ours

LAYERS: dict[str, tuple[nn.Module, tuple[int, ...]]] = {
    "Linear": (nn.Linear(4, 6), (5, 4)),
    "Conv1d": (nn.Conv1d(4, 6, 3), (5, 4, 7)),
    "Conv2d": (nn.Conv2d(4, 6, 3, padding=1, stride=2), (5, 4, 7, 7)),
    "Conv2d, groups": (nn.Conv2d(4, 6, 3, groups=2), (5, 4, 7, 7)),
    "Conv2d, no bias": (nn.Conv2d(4, 6, 3, bias=False), (5, 4, 7, 7)),
    "Conv3d": (nn.Conv3d(4, 6, 2), (5, 4, 3, 3, 3)),
    "ConvTranspose1d": (nn.ConvTranspose1d(4, 6, 3), (5, 4, 7)),
    "ConvTranspose2d": (nn.ConvTranspose2d(4, 6, 3, stride=2), (5, 4, 4, 4)),
    "ConvTranspose2d, groups": (nn.ConvTranspose2d(4, 6, 3, groups=2, bias=False), (5, 4, 4, 4)),
    "ConvTranspose3d": (nn.ConvTranspose3d(4, 6, 2, groups=2), (5, 4, 3, 3, 3)),
}


def trained(library: Any, rank: int, channels: int = 6, **kwargs: Any) -> nn.Module:
    bn: nn.Module = getattr(library, f"BatchNorm{max(rank - 2, 1)}d")(channels, **kwargs).double().eval()
    for parameter in bn.parameters():
        nn.init.normal_(parameter)
    nn.init.normal_(bn.running_mean)
    nn.init.uniform_(bn.running_var, 0.1, 3)
    return bn


@pytest.mark.parametrize("kwargs", [{}, {"affine": False}, {"bias": False}, {"eps": 0.1}], ids=str)
@pytest.mark.parametrize("library", [ours, nn], ids=["ours", "torch's"])
@pytest.mark.parametrize("name", LAYERS)
def test_folded_layer_does_both(name: str, library: Any, kwargs: dict[str, Any]) -> None:
    layer, shape = LAYERS[name]
    layer = deepcopy(layer).double()
    bn = trained(library, len(shape), **kwargs)
    before = deepcopy((layer.state_dict(), bn.state_dict()))
    folded = ours.fold_batch_norm(layer, bn)
    x = torch.randn(shape, dtype=torch.float64)
    torch.testing.assert_close(folded(x), bn(layer(x)))
    assert type(folded) is type(layer)
    assert folded.weight.data_ptr() != layer.weight.data_ptr()
    for old, new in zip(before, (layer.state_dict(), bn.state_dict()), strict=True):
        assert all(torch.equal(old[key], new[key]) for key in new)


def test_float32_keeps_its_dtype_and_most_digits() -> None:
    layer, bn = nn.Conv2d(4, 6, 3), trained(nn, 4).float()
    folded = ours.fold_batch_norm(layer, bn)
    x = torch.randn(5, 4, 7, 7)
    assert folded.weight.dtype == folded.bias.dtype == torch.float32
    torch.testing.assert_close(folded(x), bn(layer(x)), rtol=1e-4, atol=1e-5)


def test_frozen_layers_stay_frozen_and_others_can_train() -> None:
    layer = nn.Linear(4, 6).requires_grad_(False)
    folded = ours.fold_batch_norm(layer, nn.BatchNorm1d(6).eval())
    assert not any(parameter.requires_grad for parameter in folded.parameters())
    folded = ours.fold_batch_norm(nn.Linear(4, 6), nn.BatchNorm1d(6).eval())
    assert all(parameter.requires_grad and parameter.is_leaf for parameter in folded.parameters())


def spoilt(**buffers: Any) -> nn.Module:
    bn = nn.BatchNorm1d(6).eval()
    for name, value in buffers.items():
        bn.get_buffer(name)[1] = value
    return bn


ERRORS: dict[str, tuple[nn.Module, nn.Module, type[Exception], str]] = {
    "training": (nn.Linear(4, 6), nn.BatchNorm1d(6), ValueError, "training mode"),
    "untracked": (
        nn.Linear(4, 6),
        nn.BatchNorm1d(6, track_running_stats=False).eval(),
        ValueError,
        "no running statistics",
    ),
    "channels": (nn.Linear(4, 6), nn.BatchNorm1d(5).eval(), ValueError, "6 channels.*takes 5"),
    "transposed channels": (nn.ConvTranspose1d(6, 4, 1), nn.BatchNorm1d(6).eval(), ValueError, "4 channels"),
    "eps": (nn.Linear(4, 6), nn.BatchNorm1d(6, eps=-1).eval(), ValueError, "eps=-1"),
    "negative variance": (nn.Linear(4, 6), spoilt(running_var=-1.0), ValueError, "negative variance"),
    "NaN variance": (nn.Linear(4, 6), spoilt(running_var=float("nan")), ValueError, "not finite"),
    "NaN mean": (nn.Linear(4, 6), spoilt(running_mean=float("nan")), ValueError, "not finite"),
    "layer": (nn.ReLU(), nn.BatchNorm1d(6).eval(), TypeError, "Linear, Conv1d.*got ReLU"),
    "norm": (nn.Linear(4, 6), nn.LayerNorm(6).eval(), TypeError, "got LayerNorm"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_refusals(name: str) -> None:
    layer, bn, error, message = ERRORS[name]
    with pytest.raises(error, match=message):
        ours.fold_batch_norm(layer, bn)
