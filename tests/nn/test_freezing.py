"""Batch norms that stay in evaluation mode."""

import io
from copy import deepcopy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from normcourse import nn as ours
from tests.nn.trained import LIBRARIES, SHAPES, network, trained, values


def state(model: nn.Module) -> dict[str, Tensor]:
    return {key: value.clone() for key, value in model.state_dict().items()}


def same(model: nn.Module, old: dict[str, Tensor]) -> bool:
    return all(torch.equal(value, old[key]) for key, value in model.state_dict().items())


@LIBRARIES
@pytest.mark.parametrize("kind", SHAPES)
def test_in_training_it_is_evaluation_mode_gradients_included(library: Any, kind: str) -> None:
    layer, x = trained(getattr(library, kind)(4)), values(*SHAPES[kind]).requires_grad_()
    evaluated = deepcopy(layer).eval()
    ours.freeze_batch_norm(layer)
    out, expected = layer.train()(x), evaluated(x)
    assert torch.equal(out, expected)
    upstream = torch.randn(out.shape, generator=torch.Generator().manual_seed(2), dtype=out.dtype)
    found = torch.autograd.grad(out, [x, layer.weight, layer.bias], upstream)
    wanted = torch.autograd.grad(expected, [x, evaluated.weight, evaluated.bias], upstream)
    for a, b in zip(found, wanted, strict=True):
        assert torch.equal(a, b)
    slope = (layer.weight / (layer.running_var + layer.eps).sqrt()).view(-1, *[1] * (x.dim() - 2))
    torch.testing.assert_close(found[0], slope * upstream)


@LIBRARIES
@pytest.mark.parametrize("affine", [False, True])
def test_a_training_step_moves_gamma_and_beta_unless_they_are_frozen_too(library: Any, affine: bool) -> None:
    model = network(library).train()
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    model(values(8, 4)).square().sum().backward()
    optimiser.step()  # so that there are gradients and momentum from before
    ours.freeze_batch_norm(model, affine=affine)
    before = state(model)
    optimiser.step()
    model.train()(values(8, 4)).square().sum().backward()
    optimiser.step()
    moved = {key for key, value in model.state_dict().items() if not torch.equal(value, before[key])}
    norms = {f"{place}.{name}" for place in "15" for name in ("weight", "bias")}
    linear = {f"{place}.{name}" for place in "04" for name in ("weight", "bias")}
    assert moved == (linear if affine else linear | norms)


@LIBRARIES
def test_it_holds_through_every_switch_and_other_layers_follow(library: Any) -> None:
    model = network(library)
    ours.freeze_batch_norm(model)
    for switch in (model.train, model.eval, lambda: model.train(True), model[1].train, model[5].eval):
        switch()
        assert not model[1].training
        assert not model[5].training
    assert model.train() is model
    assert model[3].training
    assert model[1].train() is model[1]


@LIBRARIES
def test_a_part_may_be_frozen(library: Any) -> None:
    model = network(library)
    ours.freeze_batch_norm(model[:3])
    model.train()
    assert (model[1].training, model[5].training) == (False, True)


def pickled(model: nn.Module) -> Any:
    file = io.BytesIO()
    torch.save(model, file)
    file.seek(0)
    return torch.load(file, weights_only=False)


@pytest.mark.parametrize("copy", [deepcopy, pickled])
def test_a_copy_is_frozen_on_its_own(copy: Any) -> None:
    model = network()
    ours.freeze_batch_norm(model, affine=True)
    other = copy(model)
    before = state(model)
    assert other.train()[1].train() is other[1]
    assert not other[1].training
    ours.unfreeze_batch_norm(other)
    other.train()(values(8, 4))
    assert other[1].weight.requires_grad
    assert not model.train()[1].training
    assert not model[1].weight.requires_grad
    assert same(model, before)


def test_checkpoints_fit_both_ways() -> None:
    frozen, plain = network(), network()
    ours.freeze_batch_norm(frozen, affine=True)
    assert frozen.state_dict().keys() == plain.state_dict().keys()
    plain.train()(values(8, 4))
    frozen.load_state_dict(plain.state_dict())
    assert same(frozen, state(plain))
    plain.load_state_dict(frozen.state_dict())
    assert not frozen.train()[1].training


def test_undoing_puts_back_what_could_be_trained() -> None:
    model = network()
    model[1].bias.requires_grad_(False)
    ours.freeze_batch_norm(model, affine=True)
    ours.freeze_batch_norm(model, affine=True)
    assert not any(parameter.requires_grad for parameter in [*model[1].parameters(), *model[5].parameters()])
    ours.freeze_batch_norm(model)
    assert [model[1].weight.requires_grad, model[1].bias.requires_grad] == [True, False]
    ours.unfreeze_batch_norm(model)
    ours.unfreeze_batch_norm(model)
    assert not model[1].training
    assert model.train()[1].training
    assert [model[1].weight.requires_grad, model[1].bias.requires_grad] == [True, False]
    assert "train" not in vars(model[1])


def test_frozen_layers_can_be_folded_and_adapted_but_not_recalibrated() -> None:
    model, x = network(), values(8, 4)
    ours.freeze_batch_norm(model)
    model.train()
    folded = ours.fold_batch_norm(model[0], model[1])
    torch.testing.assert_close(folded(x), model[1](model[0](x)))
    with ours.adapt_batch_norm(model, 4):
        assert not torch.equal(model[:2](x), folded(x))
    before = state(model)
    with pytest.raises(ValueError, match=r"1 is frozen, .*unfreeze_batch_norm"):
        ours.recalibrate(model, [x])
    assert same(model, before)


@pytest.mark.parametrize("layer", [ours.GhostBatchNorm(4, ghost_batch_size=2), ours.BatchRenorm(4)])
def test_variants_are_frozen_too(layer: nn.Module) -> None:
    x = values(8, 4).float()
    expected = deepcopy(layer).eval()(x)
    ours.freeze_batch_norm(layer)
    assert torch.equal(layer.train()(x), expected)


def with_variance(value: float) -> nn.Module:
    layer = ours.BatchNorm1d(4)
    layer.running_var.fill_(value)
    return layer


WRONG: dict[str, tuple[nn.Module, str]] = {
    "no batch norm": (nn.Linear(4, 2), "needs a batch norm, but the model has none"),
    "untracked": (ours.BatchNorm1d(4, track_running_stats=False), "by the batch in every mode"),
    "not finite": (with_variance(float("nan")), "1 has statistics that are not finite"),
    "negative variance": (with_variance(-1), "1 has a negative variance"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_be_frozen_is_refused_and_the_rest_left_alone(name: str) -> None:
    layer, message = WRONG[name]
    model = nn.Sequential(nn.Identity() if name == "no batch norm" else ours.BatchNorm1d(4), layer)
    with pytest.raises(ValueError, match=message):
        ours.freeze_batch_norm(model, affine=True)
    assert all(module.train().training for module in model)
    assert all(parameter.requires_grad for parameter in model.parameters())
