"""The norms of a model, of whatever class."""

import pytest
import torch
from leaving import same, state
from specimens import NAMES, each_model, raw
from torch import Tensor, nn
from transformers.models.detr.modeling_detr import DetrFrozenBatchNorm2d
from transformers.models.gemma.modeling_gemma import GemmaRMSNorm
from transformers.models.t5.modeling_t5 import T5LayerNorm

from normcourse import nn as ours
from normcourse.clinic.subject import Norm, find_norms

KINDS = {
    "batch": [nn.BatchNorm1d(8), nn.SyncBatchNorm(8), ours.BatchNorm2d(8), ours.SyncBatchNorm(8),
              ours.GhostBatchNorm(8, 4), ours.BatchRenorm(8), DetrFrozenBatchNorm2d(8)],
    "instance": [nn.InstanceNorm2d(8), nn.InstanceNorm1d(8, affine=True), ours.InstanceNorm2d(8)],
    "group": [nn.GroupNorm(2, 8), ours.GroupNorm(2, 8)],
    "layer": [nn.LayerNorm(8), nn.LayerNorm((2, 4)), nn.LayerNorm(8, elementwise_affine=False),
              ours.LayerNorm(8)],
    "rms": [nn.RMSNorm(8), ours.RMSNorm(8), T5LayerNorm(8), GemmaRMSNorm(8)],
}  # fmt: skip
EACH = [pytest.param(kind, layer, id=f"{layer}") for kind, layers in KINDS.items() for layer in layers]


def _only(model: nn.Module) -> Norm:
    (norm,) = find_norms(model)
    return norm


@pytest.mark.parametrize(("kind", "layer"), EACH)
def test_norms_of_several_libraries(kind: str, layer: nn.Module) -> None:
    norm = _only(nn.Sequential(nn.Linear(8, 8), layer, nn.ReLU()))
    assert (norm.kind, norm.name, norm.features) == (kind, "1", 8)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("make", [T5LayerNorm, GemmaRMSNorm])
def test_what_behaves_like_a_norm_does_so_in_every_type(make: type[nn.Module], dtype: torch.dtype) -> None:
    assert _only(make(8).to(dtype)).kind == "rms"


def test_what_is_added_to_a_weight() -> None:
    norm = _only(GemmaRMSNorm(8))  # stores gamma - 1
    assert norm.offset == 1
    assert norm.gamma is not None
    assert bool((norm.gamma == 1).all())


class _Scale(nn.Module):
    """Has a weight as a norm has it, and does something else."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(16))

    def forward(self, x: Tensor) -> Tensor:
        return self.weight * x


class _UnitLength(_Scale):
    def forward(self, x: Tensor) -> Tensor:
        return self.weight * nn.functional.normalize(x, dim=-1)


class _ByLargest(_Scale):
    def forward(self, x: Tensor) -> Tensor:
        return self.weight * x / x.abs().amax(-1, keepdim=True)


class _Softmax(_Scale):
    def forward(self, x: Tensor) -> Tensor:
        return self.weight * x.softmax(-1)


class _Refuses(_Scale):
    def forward(self, x: Tensor) -> Tensor:
        raise RuntimeError("images only")


@pytest.mark.parametrize(
    "layer",
    [_Scale(), _UnitLength(), _ByLargest(), _Softmax(), _Refuses(), nn.PReLU(16), nn.Embedding(3, 16)],
)
def test_what_is_no_norm(layer: nn.Module) -> None:
    assert not find_norms(nn.Sequential(layer))


def test_a_layer_in_several_places_is_one_norm() -> None:
    norm = _only(nn.ModuleDict({"first": (shared := nn.LayerNorm(8)), "second": shared}))
    assert norm.names == ("first", "second")
    assert norm.name == "first"


def test_a_model_that_is_a_norm() -> None:
    assert _only(nn.LayerNorm(8)).name == "LayerNorm"


def test_statistics() -> None:
    tracking, frozen = _only(nn.BatchNorm2d(8)), _only(DetrFrozenBatchNorm2d(8))
    own = _only(nn.BatchNorm2d(8, track_running_stats=False))
    assert (tracking.tracks, tracking.fixed, tracking.batches) == (True, False, 0)
    assert (frozen.tracks, frozen.fixed, frozen.batches) == (False, True, None)
    assert (own.tracks, own.fixed, own.running) == (False, False, None)


def test_an_affine_and_an_epsilon_that_are_not_there() -> None:
    norm = _only(nn.BatchNorm2d(8, affine=False))
    assert norm.gamma is None
    assert norm.beta is None
    assert _only(nn.RMSNorm(8)).eps is None
    assert _only(T5LayerNorm(8, eps=1e-3)).eps == 1e-3


def test_layers_without_values() -> None:
    with torch.device("meta"):
        model = nn.Sequential(nn.BatchNorm1d(8), nn.LayerNorm(8), T5LayerNorm(8))
    norms = find_norms(model)
    assert [norm.kind for norm in norms] == ["batch", "layer"]  # what a layer computes is not known there
    assert norms[0].batches is None


@each_model
def test_every_class_that_calls_itself_a_norm_is_found(name: str) -> None:
    model = raw(name).model
    called = {
        layer for layer in model.modules() if type(layer).__name__.endswith(("Norm", "Norm1d", "Norm2d"))
    }
    assert {norm.layer for norm in find_norms(model)} == called


def test_there_are_norms_in_every_specimen() -> None:
    assert all(find_norms(raw(name).model) for name in NAMES)


class _Counts(_Scale):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return x * self.weight + torch.rand(())


def test_looking_for_norms_changes_nothing() -> None:
    layer = _Counts()
    layer.register_forward_hook(lambda *_: pytest.fail("a hook ran"))
    before = state(layer)
    assert not find_norms(layer)
    assert same(before, state(layer))


def test_a_scale_of_zeros_is_no_norm() -> None:
    layer = _Scale()
    nn.init.zeros_(layer.weight)
    assert not find_norms(layer)
