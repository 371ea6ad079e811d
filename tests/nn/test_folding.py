"""Folding a batch norm into the layer before it."""

from copy import deepcopy
from functools import wraps
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


class Standardised(nn.Conv2d):
    """Weight standardisation, as users write it."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        weight = self.weight - self.weight.mean((1, 2, 3), keepdim=True)
        return self._conv_forward(x, weight / weight.std((1, 2, 3), keepdim=True), self.bias)


class Doubled(nn.Conv2d):
    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        return 2 * super().__call__(x)


class Wrapped(nn.Conv2d):
    @wraps(nn.Conv2d.forward)  # which then says that it is PyTorch's
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 2 * super().forward(x)


class Initialised(nn.Conv2d):
    """Another start, the same layer."""

    def reset_parameters(self) -> None:
        nn.init.normal_(self.weight)


class Activated(nn.BatchNorm2d):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x).relu()


def hooked(layer: nn.Module) -> nn.Module:
    layer.register_forward_hook(lambda layer, args, y: 2 * y)
    return layer


def pruned(layer: nn.Module) -> nn.Module:
    return nn.utils.prune.l1_unstructured(layer, "weight", 0.5)


ALTERED: dict[str, tuple[Any, Any, str]] = {
    "own forward": (Standardised, nn.BatchNorm2d, "has a forward of its own"),
    "own forward that says otherwise": (Wrapped, nn.BatchNorm2d, "has a forward of its own"),
    "own call": (Doubled, nn.BatchNorm2d, "has a __call__ of its own"),
    "lazy": (lambda *a: nn.LazyConv2d(4, 1), nn.BatchNorm2d, "has no size yet: call the model once"),
    "own forward after": (nn.Conv2d, Activated, "has a forward of its own"),
    "hook": (lambda *a: hooked(nn.Conv2d(*a)), nn.BatchNorm2d, "forward hook: remove it"),
    "hook after": (nn.Conv2d, lambda c: hooked(nn.BatchNorm2d(c)), "forward hook: remove it"),
    "weight norm": (lambda *a: nn.utils.weight_norm(nn.Conv2d(*a)), nn.BatchNorm2d, "remove_weight_norm"),
    "spectral norm": (
        lambda *a: nn.utils.spectral_norm(nn.Conv2d(*a)), nn.BatchNorm2d, "remove_spectral_norm"
    ),
    "weight norm, parametrized": (
        lambda *a: nn.utils.parametrizations.weight_norm(nn.Conv2d(*a)), nn.BatchNorm2d,
        "its weight anew.*remove_parametrizations",
    ),
    "spectral norm, parametrized": (
        lambda *a: nn.utils.parametrizations.spectral_norm(nn.Conv2d(*a)), nn.BatchNorm2d,
        "its weight anew.*remove_parametrizations",
    ),
    "pruning": (lambda *a: pruned(nn.Conv2d(*a)), nn.BatchNorm2d, r"prune\.remove"),
}  # fmt: skip


@pytest.mark.parametrize("name", ALTERED)
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_a_layer_that_computes_something_else_is_refused_with_the_reason(name: str) -> None:
    conv, norm, message = ALTERED[name]
    layer, bn = conv(3, 4, 1).eval(), norm(4).eval()
    with pytest.raises(ValueError, match=message):
        ours.fold_batch_norm(layer, bn)
    if name != "lazy":
        layer(torch.randn(2, 3, 5, 5))
    if name == "own call":
        message = "takes the output of mul"  # a trace sees what it does
    with pytest.raises(ValueError, match=message):
        ours.fold_batch_norms(nn.Sequential(layer, bn))


@pytest.mark.parametrize(
    "name", ["own forward", "own forward after", "hook", "hook after", "spectral norm, parametrized"]
)
def test_it_is_kept_where_that_is_allowed(name: str) -> None:
    conv, norm, _ = ALTERED[name]
    model, x = nn.Sequential(conv(3, 4, 1), norm(4)).eval(), torch.randn(2, 3, 5, 5)
    torch.testing.assert_close(ours.fold_batch_norms(model, strict=False)(x), model(x))


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_what_the_refusals_say_helps() -> None:
    utils = nn.utils
    layers = [
        (utils.weight_norm(nn.Linear(3, 4)), utils.remove_weight_norm),
        (utils.spectral_norm(nn.Linear(3, 4)), utils.remove_spectral_norm),
        (pruned(nn.Linear(3, 4)), lambda layer: utils.prune.remove(layer, "weight")),
        (utils.parametrizations.weight_norm(nn.Linear(3, 4)),
            lambda layer: utils.parametrize.remove_parametrizations(layer, "weight")),
    ]  # fmt: skip
    x, bn = torch.randn(2, 3), nn.BatchNorm1d(4).eval()
    for layer, mend in layers:
        mend(layer.eval())
        torch.testing.assert_close(ours.fold_batch_norm(layer, bn)(x), bn(layer(x)))


def test_a_subclass_that_computes_the_same_is_folded() -> None:
    model, x = (
        nn.Sequential(Initialised(3, 4, 1, bias=False), nn.BatchNorm2d(4)).eval(),
        torch.randn(2, 3, 5, 5),
    )
    folded = ours.fold_batch_norms(model)
    torch.testing.assert_close(folded(x), model(x))
    assert len(list(folded.children())) == 1


@pytest.mark.parametrize("put", ["hook", "pre-hook", "forward"])
def test_a_model_with_a_hook_of_its_own_is_refused(put: str) -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4)).eval()
    if put == "hook":
        model.register_forward_hook(lambda model, args, y: 2 * y)
    elif put == "pre-hook":
        model.register_forward_pre_hook(lambda model, args: (args[0] / 255,))
    else:
        model.forward = lambda x: 2 * model[1](model[0](x))  # type: ignore[method-assign]
    with pytest.raises(ValueError, match="the model itself has a forward hook"):
        ours.fold_batch_norms(model)


@pytest.mark.parametrize("kind", [ours.GhostBatchNorm, ours.BatchRenorm, ours.SyncBatchNorm])
def test_relatives_that_evaluate_as_batch_norm_are_folded(kind: Any) -> None:
    bn = kind(6, 4) if kind is ours.GhostBatchNorm else kind(6)
    layer, x = nn.Linear(4, 6), torch.randn(5, 4)
    nn.init.normal_(bn.eval().running_mean)
    torch.testing.assert_close(ours.fold_batch_norm(layer, bn)(x), bn(layer(x)))


class Residual(nn.Module):
    """Nested modules, a branch, layers of ours and torch's, and an order that differs from the calls'."""

    def __init__(self, library: Any) -> None:
        super().__init__()
        self.norm2 = library.BatchNorm2d(3)
        self.block = nn.Sequential(
            nn.Conv2d(3, 3, 3, padding=1, bias=False), library.BatchNorm2d(3), nn.ReLU()
        )
        self.conv2 = nn.Conv2d(3, 3, 1, groups=3)
        self.head = nn.Linear(3, 5)
        self.norm3 = library.BatchNorm1d(5)
        self.last = library.LayerNorm(5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.norm2(self.conv2(self.block(x)))
        return self.last(self.norm3(self.head((x + y).mean((2, 3)))))


def evaluated(model: nn.Module) -> nn.Module:
    model = model.double().eval()
    for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
        if tensor.is_floating_point():
            nn.init.uniform_(tensor, 0.5, 2) if "var" in name else nn.init.normal_(tensor)
    return model


@pytest.mark.parametrize("library", [ours, nn], ids=["ours", "torch's"])
def test_whole_network_is_folded(library: Any) -> None:
    model, x = evaluated(Residual(library)), torch.randn(4, 3, 5, 5, dtype=torch.float64)
    before = deepcopy(model.state_dict())
    folded = ours.fold_batch_norms(model)
    torch.testing.assert_close(folded(x), model(x))
    kinds = [type(layer).__name__ for layer in folded.modules()]
    assert not [kind for kind in kinds if kind.startswith("BatchNorm")]
    assert kinds.count("Conv2d") == 2
    assert not folded.training
    torch.testing.assert_close(model.state_dict(), before, rtol=0, atol=0)


class Calls(nn.Module):
    """One linear layer and two batch norms, called as a function says."""

    def __init__(self, call: Any, **kwargs: Any) -> None:
        super().__init__()
        self.layer, self.bn, self.other = nn.Linear(3, 3), nn.BatchNorm1d(3, **kwargs), nn.BatchNorm1d(3)
        self.relu, self.call = nn.ReLU(), call

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.call(self, x)
        return y


KEPT: dict[str, tuple[Any, dict[str, Any], str]] = {
    "before the layer": (lambda m, x: m.layer(m.bn(x)), {}, "bn takes the output of x, which is no layer"),
    "after an activation": (lambda m, x: m.bn(m.relu(m.layer(x))), {}, "relu, a ReLU, which is not linear"),
    "after a function": (lambda m, x: m.bn(m.layer(x).relu()), {}, "output of relu, which is no layer"),
    "output goes elsewhere": (lambda m, x: m.bn(y := m.layer(x)) + y, {}, "layer, which goes elsewhere too"),
    "two batch norms": (lambda m, x: m.bn(y := m.layer(x)) + m.other(y), {}, "2 batch norm.*bn.*other takes"),
    "layer called twice": (lambda m, x: m.bn(m.layer(x)) + m.layer(x), {}, "layer, which is called 2 times"),
    "batch norm called twice": (lambda m, x: m.bn(m.bn(m.layer(x))), {}, "bn is called 2 times"),
    "weights used elsewhere": (
        lambda m, x: m.bn(m.layer(x)) + m.layer.weight.sum(), {}, "layer, whose parameters are used elsewhere"
    ),
    "no statistics": (
        lambda m, x: m.bn(m.layer(x)), {"track_running_stats": False}, "bn has no running statistics"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", KEPT)
def test_what_cannot_be_folded_is_named_or_kept(name: str) -> None:
    call, kwargs, message = KEPT[name]
    model, x = evaluated(Calls(call, **kwargs)), torch.randn(4, 3, dtype=torch.float64)
    with pytest.raises(ValueError, match=f"(?s)cannot fold.*{message}"):
        ours.fold_batch_norms(model)
    kept = ours.fold_batch_norms(model, strict=False)
    torch.testing.assert_close(kept(x), model(x))
    assert any(isinstance(layer, nn.BatchNorm1d) for layer in kept.modules())


def test_two_in_a_row_fold_one_after_the_other() -> None:
    model = evaluated(Calls(lambda m, x: m.other(m.bn(m.layer(x)))))
    x = torch.randn(4, 3, dtype=torch.float64)
    folded = ours.fold_batch_norms(model)
    torch.testing.assert_close(folded(x), model(x))
    assert [type(layer) for layer in folded.children()] == [nn.Linear]


def test_keywords_and_a_layer_with_two_names_fold() -> None:
    model = evaluated(Calls(lambda m, x: m.bn(input=m.layer(x))))
    model.alias = model.layer
    x = torch.randn(4, 3, dtype=torch.float64)
    torch.testing.assert_close(ours.fold_batch_norms(model)(x), model(x))


@pytest.mark.parametrize("strict", [True, False])
def test_a_network_in_training_mode_is_refused(strict: bool) -> None:
    with pytest.raises(ValueError, match=r"1 is in training mode.*call .eval\(\) first"):
        ours.fold_batch_norms(nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3)), strict=strict)
