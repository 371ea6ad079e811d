"""Recomputing the running statistics of batch norms."""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from normcourse import nn as ours

LIBRARIES = pytest.mark.parametrize("library", [ours, nn], ids=["ours", "torch's"])


def network(library: Any = ours) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(4, 6), library.BatchNorm1d(6), nn.ReLU(), nn.Dropout(0.5),
        nn.Linear(6, 3), library.BatchNorm1d(3)
    )  # fmt: skip


def state(model: nn.Module) -> dict[str, Tensor]:
    return {key: value.clone() for key, value in model.state_dict().items()}


def same(model: nn.Module, old: dict[str, Tensor]) -> bool:
    return all(torch.equal(value, old[key]) for key, value in model.state_dict().items())


@LIBRARIES
def test_first_layer_gets_the_statistics_of_all_values_together(library: Any) -> None:
    layer = library.BatchNorm2d(3)
    x = 3 * torch.randn(11, 3, 2, 5) + torch.arange(11.0).view(-1, 1, 1, 1)  # batches with other means
    ours.recalibrate(layer, x.split([5, 1, 4, 1]))
    torch.testing.assert_close(layer.running_mean, x.mean((0, 2, 3)))
    torch.testing.assert_close(layer.running_var, x.var((0, 2, 3), correction=1))
    assert layer.num_batches_tracked == 4


@LIBRARIES
def test_one_batch_is_momentum_one(library: Any) -> None:
    x = torch.randn(9, 4)
    model, once = network(library), network(library)
    for layer in once:
        if hasattr(layer, "momentum"):
            layer.momentum = 1.0
    once[3].eval()  # no dropout
    once(x)
    ours.recalibrate(model, [x])
    for key, value in once.state_dict().items():
        torch.testing.assert_close(model.state_dict()[key], value)


@LIBRARIES
def test_later_layers_see_batch_normalized_input_without_dropout(library: Any) -> None:
    model = network(library)
    batches = list(torch.randn(12, 4).split(6))
    ours.recalibrate(model, batches)
    hidden = torch.cat([nn.functional.batch_norm(model[0](b), None, None, training=True) for b in batches])
    last = model[4](hidden.relu())
    torch.testing.assert_close(model[5].running_mean, last.mean(0))
    torch.testing.assert_close(model[5].running_var, last.var(0, correction=1))


def test_old_statistics_do_not_matter_and_batches_may_be_pairs() -> None:
    x = torch.randn(12, 4)
    fresh, spoilt = network(), network()
    spoilt[1].running_mean.fill_(float("nan"))
    ours.recalibrate(fresh, x.split(4))
    ours.recalibrate(spoilt, [(part, torch.zeros(4)) for part in x.split(4)])
    assert same(spoilt, state(fresh))


@pytest.mark.parametrize("training", [True, False])
def test_all_else_is_left_as_it_was(training: bool) -> None:
    model = network().train(training)
    model[3].train(not training)  # modes need not agree
    model[1].momentum = None
    modes, parameters = [m.training for m in model.modules()], deepcopy(list(model.parameters()))
    ours.recalibrate(model, [torch.randn(6, 4)])
    assert [m.training for m in model.modules()] == modes
    assert model[1].momentum is None
    assert all(
        torch.equal(a, b) and a.grad is None for a, b in zip(parameters, model.parameters(), strict=True)
    )
    assert not any(m._forward_pre_hooks for m in model.modules())


def test_instance_norm_statistics_are_left_alone() -> None:
    instance = ours.InstanceNorm1d(3, track_running_stats=True)
    old = state(instance)
    ours.recalibrate(nn.Sequential(instance, ours.BatchNorm1d(3)), [torch.randn(4, 3, 5)])
    assert same(instance, old)


def test_shared_layer_pools_all_its_calls() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.bn = ours.BatchNorm1d(3)

        def forward(self, x: Tensor) -> Tensor:
            self.bn(x)
            return self.bn(x + 10)

    model, x = Twice(), torch.randn(6, 3)
    ours.recalibrate(model, [x])
    torch.testing.assert_close(model.bn.running_mean, torch.cat([x, x + 10]).mean(0))


def test_a_large_offset_keeps_the_digits() -> None:
    layer, x = ours.BatchNorm1d(1), torch.tensor([[0.0], [2.0], [4.0], [6.0]]) + 1e6
    ours.recalibrate(layer, x.split(2))
    torch.testing.assert_close(layer.running_var, torch.tensor([20 / 3]))


@pytest.mark.parametrize("variant", [ours.GhostBatchNorm(3, ghost_batch_size=2), ours.BatchRenorm(3)])
def test_variants_count_as_batch_norms(variant: nn.Module) -> None:
    x = torch.randn(8, 3)
    ours.recalibrate(variant, [x])
    torch.testing.assert_close(variant.running_mean, x.mean(0))


def unreached() -> nn.Module:
    model = network()
    model.spare = ours.BatchNorm1d(2)
    model.forward = lambda x: model[1](model[0](x))
    return model


def fails_halfway() -> Iterator[Tensor]:
    yield torch.randn(6, 4)
    raise OSError("the disk is gone")


ERRORS: dict[str, tuple[nn.Module, Any, type[BaseException], str]] = {
    "no batches": (network(), [], ValueError, "no batches"),
    "no batch norm": (nn.Linear(4, 2), [torch.ones(2, 4)], ValueError, "has none"),
    "untracked": (ours.BatchNorm1d(4, track_running_stats=False), [torch.ones(2, 4)], ValueError, "has none"),
    "unreached": (unreached(), [torch.randn(6, 4)], ValueError, "saw 0 values"),
    "empty batch": (ours.BatchNorm1d(4), [torch.ones(0, 4)], ValueError, "saw 0 values"),
    "NaN": (network(), [torch.randn(6, 4), torch.full((6, 4), float("nan"))], ValueError, "not finite"),
    "batch of one": (network(), [torch.randn(6, 4), torch.randn(1, 4)], ValueError, "more than one value"),
    "eps": (ours.BatchNorm1d(4, eps=-1), [torch.randn(6, 4)], ValueError, "eps=-1"),
    "wrong shape": (network(), [torch.randn(6, 4), torch.randn(6, 5)], RuntimeError, "mat1"),
    "data": (network(), fails_halfway(), OSError, "disk"),
    "kind of batch": (network(), [{"x": torch.randn(6, 4)}], TypeError, "got dict"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_after_an_error_all_is_as_it_was(name: str) -> None:
    model, batches, error, message = ERRORS[name]
    old, modes = state(model), [m.training for m in model.modules()]
    with pytest.raises(error, match=message):
        ours.recalibrate(model, batches)
    assert same(model, old)
    assert [m.training for m in model.modules()] == modes
    assert not any(m._forward_pre_hooks for m in model.modules())
    assert torch.is_grad_enabled()
