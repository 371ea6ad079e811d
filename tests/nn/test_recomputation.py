"""Layers whose forward pass runs a second time in the backward pass: ``torch.utils.checkpoint``."""

from copy import deepcopy

import pytest
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from normcourse import nn as ours

LAYERS: dict[str, tuple[nn.Module, tuple[int, ...]]] = {
    "BatchNorm1d": (ours.BatchNorm1d(3), (8, 3)),
    "BatchNorm1d, average": (ours.BatchNorm1d(3, momentum=None), (8, 3)),
    "BatchNorm1d, untracked": (ours.BatchNorm1d(3, track_running_stats=False), (8, 3)),
    "BatchNorm2d": (ours.BatchNorm2d(3), (4, 3, 5, 2)),
    "InstanceNorm1d": (ours.InstanceNorm1d(3, affine=True, track_running_stats=True), (4, 3, 5)),
    "GhostBatchNorm": (ours.GhostBatchNorm(3, 4), (8, 3)),
    "SyncBatchNorm": (ours.SyncBatchNorm(3), (8, 3)),
    "GroupNorm": (ours.GroupNorm(1, 3), (4, 3, 5)),
    "LayerNorm": (ours.LayerNorm(3), (4, 3)),
    "RMSNorm": (ours.RMSNorm(3), (4, 3)),
}


def steps(layer: nn.Module, shape: tuple[int, ...], reentrant: bool | None) -> tuple[nn.Module, list[Tensor]]:
    """Run two batches forward and backward, with recomputation unless ``reentrant`` is None."""
    random, layer = torch.Generator().manual_seed(0), deepcopy(layer).double()
    gradients = []
    for i in range(2):
        x, upstream = (torch.randn(shape, generator=random, dtype=torch.float64) for _ in range(2))
        x = (x + i + 1).requires_grad_()
        y = layer(x) if reentrant is None else checkpoint(layer, x, use_reentrant=reentrant)
        y.backward(upstream)
        gradients.append(x.grad)
    return layer, [g for g in gradients if g is not None]


@pytest.mark.parametrize("reentrant", [True, False])
@pytest.mark.parametrize("last", [True, False], ids=["last", "followed"])  # recomputation may stop early
@pytest.mark.parametrize("name", LAYERS)
def test_a_batch_is_tracked_once(name: str, last: bool, reentrant: bool) -> None:
    layer, shape = LAYERS[name]
    block = layer if last else nn.Sequential(layer, nn.Tanh())
    (plain, wanted), (recomputed, got) = steps(block, shape, None), steps(block, shape, reentrant)
    torch.testing.assert_close(recomputed.state_dict(), plain.state_dict(), rtol=0, atol=0)
    torch.testing.assert_close(got, wanted)


@pytest.mark.parametrize("reentrant", [True, False])
def test_what_follows_may_work_in_place(reentrant: bool) -> None:
    block, x = nn.Sequential(nn.Linear(4, 4), ours.BatchNorm1d(4)), torch.randn(7, 4, requires_grad=True)
    torch.relu_(checkpoint(block, x, use_reentrant=reentrant)).sum().backward()


def test_compiled_around_the_checkpoint_it_is_tracked_once_too() -> None:
    layer, x = ours.BatchNorm1d(3), torch.randn(8, 3, requires_grad=True)
    torch.compiler.reset()
    run = torch.compile(lambda x: checkpoint(layer, x, use_reentrant=False).sin(), backend="aot_eager")
    run(x).sum().backward()
    assert layer.num_batches_tracked == 1


def test_a_second_tracking_would_be_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("normcourse.nn._base.is_recomputed", lambda: False)
    for name in ("BatchNorm1d", "BatchNorm1d, average", "InstanceNorm1d", "GhostBatchNorm"):
        with pytest.raises(AssertionError):
            test_a_batch_is_tracked_once(name, last=False, reentrant=True)


def test_torchs_own_layer_tracks_it_twice() -> None:
    layer, x = nn.BatchNorm1d(1, momentum=0.1), torch.tensor([[1.0], [3.0], [3.0], [9.0]])
    checkpoint(layer, x.requires_grad_(), use_reentrant=True).sum().backward()
    torch.testing.assert_close(layer.running_mean, torch.tensor([0.76]))  # 4 (1 - 0.9^2); once is 0.4


@pytest.mark.parametrize("reentrant", [True, False])
def test_batch_renorm_refuses_a_second_pass(reentrant: bool) -> None:
    layer, x = ours.BatchRenorm(3), torch.randn(8, 3, requires_grad=True)
    y = checkpoint(nn.Sequential(layer, nn.Tanh()), x, use_reentrant=reentrant)
    with pytest.raises(RuntimeError, match=r"cannot run in a backward pass.*torch\.utils\.checkpoint"):
        y.sum().backward()
    y = checkpoint(layer.eval(), x, use_reentrant=reentrant)  # evaluation depends on nothing that moves
    y.backward(torch.randn(8, 3))


@pytest.mark.parametrize("name", ["BatchNorm1d", "SyncBatchNorm", "BatchRenorm"])
def test_a_refused_batch_is_not_counted(name: str) -> None:
    layer = getattr(ours, name)(3)
    before = deepcopy(layer.state_dict())
    with pytest.raises(ValueError, match="more than one value"):
        layer(torch.randn(1, 3))
    torch.testing.assert_close(layer.state_dict(), before, rtol=0, atol=0)
