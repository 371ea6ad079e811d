import copy

import pytest
import torch
from torch import nn

from normcourse.experiments.engine.stacked import ACTIVATIONS, NORMS, StackedMLP
from normcourse.nn import GhostBatchNorm

SIZES, SEEDS = (5, 20, 30, 3), [3, 4, 3]


def perturbed(stacked):
    """Give every parameter and running statistic values of its own, so that a mix-up of models shows."""
    generator = torch.Generator().manual_seed(0)
    for value in stacked.state_dict().values():
        if value.is_floating_point():
            value.add_(torch.rand(value.shape, generator=generator, dtype=value.dtype))
    return stacked


@pytest.mark.parametrize("placement", ["before", "after"])
@pytest.mark.parametrize("norm", [*NORMS, lambda models, features: GhostBatchNorm(models * features, 4)])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_each_model_of_a_stack_is_the_single_network(norm, activation, placement):
    stacked = perturbed(
        StackedMLP(SIZES, seeds=SEEDS, norm=norm, activation=activation, gain=1.0, placement=placement)
    )
    x = torch.randn(3, 5, 12, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    upstream = torch.randn(3, 3, 12, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    for mode in (False, True):
        singles = [stacked.train(mode).single(model) for model in range(3)]
        logits = stacked(x)
        gradients = torch.autograd.grad((logits * upstream).sum(), list(stacked.parameters()))
        for model, single in enumerate(singles):
            own = single(x[model].T)
            torch.testing.assert_close(logits[model].T, own, rtol=1e-10, atol=1e-10)
            own_gradients = torch.autograd.grad((own * upstream[model].T).sum(), list(single.parameters()))
            # The stack lists linear maps and norms apart, a network layer by layer: look for each gradient.
            for gradient in own_gradients:
                candidates = [g.reshape(3, -1)[model] for g in gradients if g.numel() == 3 * gradient.numel()]
                closest = min((c - gradient.flatten()).abs().max() for c in candidates)
                assert closest < 1e-10


def test_single_is_a_copy_made_of_pytorchs_layers():
    stacked = perturbed(StackedMLP(SIZES, seeds=SEEDS, norm="batch", activation="tanh", init_std=0.5))
    before = copy.deepcopy(stacked.state_dict())
    single = stacked.single(1)
    assert [type(layer) for layer in single] == [*[nn.Linear, nn.BatchNorm1d, nn.Tanh] * 2, nn.Linear]
    single(torch.rand(8, 5, dtype=torch.float64)).sum().backward()
    for parameter in single.parameters():
        parameter.data.zero_()
    for name, value in stacked.state_dict().items():
        torch.testing.assert_close(value, before[name], rtol=0, atol=0)


def test_the_norm_comes_where_it_is_said_to():
    kinds = {
        placement: [type(layer) for layer in stack.single(0)]
        for placement in ("before", "after")
        for stack in [StackedMLP((5, 4, 3), seeds=[0], norm="batch", gain=1.0, placement=placement)]
    }
    assert kinds["before"] == [nn.Linear, nn.BatchNorm1d, nn.ReLU, nn.Linear]
    assert kinds["after"] == [nn.Linear, nn.ReLU, nn.BatchNorm1d, nn.Linear]


def test_a_seed_starts_from_the_same_weights_in_any_company():
    alone = StackedMLP(SIZES, seeds=[4], init_std=0.5)
    among = StackedMLP(SIZES, seeds=SEEDS, norm="batch", activation="tanh", init_std=0.5)
    for a, b in zip([*alone.linear, alone.head], [*among.linear, among.head], strict=True):
        torch.testing.assert_close(a.weight[0], b.weight[1], rtol=0, atol=0)


def test_each_model_has_its_own_scale():
    small, large = [StackedMLP(SIZES, seeds=[4, 4], gain=[0.1, 1.0]).linear[1].weight[i] for i in (0, 1)]
    torch.testing.assert_close(10 * small, large)
    wide = StackedMLP((1000, 100, 10), seeds=[0], gain=2**0.5).linear[0].weight
    assert wide.std().item() == pytest.approx((2 / 1000) ** 0.5, rel=0.02)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"norm": "bach", "gain": 1.0}, "norm must be one of none, batch, .* but got 'bach'"),
        (
            {"activation": "gelu", "gain": 1.0},
            "activation must be one of sigmoid, tanh, relu, but got 'gelu'",
        ),
        ({"placement": "inside", "gain": 1.0}, "but got 'inside'"),
        ({}, "exactly one of init_std and gain; got init_std=None, gain=None"),
        ({"gain": 1.0, "init_std": 1.0}, "exactly one of init_std and gain"),
        ({"gain": [1.0, 2.0]}, "got 2 for 3 seeds"),
    ],
)
def test_bad_settings_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        StackedMLP(SIZES, seeds=SEEDS, **settings)


def test_group_norm_needs_whole_groups():
    with pytest.raises(ValueError, match="64 are no multiple of ten"):
        StackedMLP((5, 64, 3), seeds=[0], norm="group", gain=1.0)
