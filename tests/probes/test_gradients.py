"""Shift of gradients and smoothness, against networks whose answer can be written down."""

from copy import deepcopy

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from normcourse import nn as ours
from normcourse.probes import along_gradient, gradient_shift


def linear(*weights: float) -> nn.Sequential:
    """A chain of multiplications by these numbers."""
    layers = [nn.Linear(1, 1, bias=False).double() for _ in weights]
    for layer, weight in zip(layers, weights, strict=True):
        nn.init.constant_(layer.weight, weight)
    return nn.Sequential(*layers)


ONE = torch.ones(1, 1, dtype=torch.float64)


def half_square(net) -> Tensor:
    return net(ONE).square().sum() / 2


def test_only_the_layers_before_are_updated() -> None:
    # L = (abc)^2 / 2. With weights 2, 3, 5 and new weights 7, 11, 13:
    shift = gradient_shift(linear(2, 3, 5), linear(7, 11, 13), half_square)
    first = np.array([2 * 3**2 * 5**2, 3 * 2**2 * 5**2, 5 * 2**2 * 3**2])
    later = np.array([2 * 3**2 * 5**2, 3 * 7**2 * 5**2, 5 * 7**2 * 11**2])
    np.testing.assert_allclose(shift.norm, first)
    np.testing.assert_allclose(shift.difference, later - first)
    np.testing.assert_allclose(shift.relative, (later - first) / first)
    np.testing.assert_allclose(shift.cosine, 1)


def test_cosine_sees_a_turn() -> None:
    class Turning(nn.Module):
        def __init__(self, angle: float) -> None:
            super().__init__()
            self.angle = nn.Parameter(torch.tensor(angle))
            self.last = nn.Linear(2, 1, bias=False)

        def forward(self, x: Tensor) -> Tensor:
            return self.last(torch.stack([self.angle.cos(), self.angle.sin()]))

    shift = gradient_shift(Turning(0.0), Turning(np.pi / 3), lambda net: net(ONE).sum())
    assert shift.layers == ("", "last")
    np.testing.assert_allclose(shift.cosine[1], 0.5, rtol=1e-5)
    np.testing.assert_allclose(shift.relative[1], 1, rtol=1e-5)


def test_layers_come_in_the_order_of_the_forward_pass_and_blocks_may_be_layers() -> None:
    class Backwards(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.last, self.first = linear(2)[0], linear(3)[0]

        def forward(self, x: Tensor) -> Tensor:
            return self.last(self.first(x))

    before, after = Backwards(), Backwards()
    nn.init.constant_(after.first.weight, 4)
    shift = gradient_shift(before, after, half_square)
    assert shift.layers == ("first", "last")
    assert shift.difference[1] == 2 * (4**2 - 3**2)
    blocks = nn.Sequential(linear(2, 3), linear(5))
    moved = nn.Sequential(linear(2, 7), linear(5))
    shift = gradient_shift(blocks, moved, half_square, layers=["0", "1"])
    np.testing.assert_allclose(shift.difference, [0, 5 * 4 * (7**2 - 3**2)])


def test_a_zero_gradient_has_no_relative_shift() -> None:
    shift = gradient_shift(linear(1, 0), linear(2, 0), half_square)
    assert np.isnan(shift.relative).all()
    assert np.isnan(shift.cosine).all()


@pytest.mark.parametrize("curvature", [0.5, 4.0])
def test_smoothness_of_a_quadratic_is_its_curvature(curvature: float) -> None:
    walk = along_gradient(linear(3), lambda net: curvature * half_square(net), [0.01, 0.1, 1.0])
    np.testing.assert_allclose(walk.smoothness, curvature)
    np.testing.assert_allclose(walk.relative_change, curvature * walk.step_sizes)
    np.testing.assert_allclose(walk.loss, curvature * (3 - walk.step_sizes * walk.norm) ** 2 / 2)
    np.testing.assert_allclose([walk.start, walk.norm], [curvature * 4.5, curvature * 3])


def test_smoothness_of_two_curvatures_is_worked_out_along_the_gradient() -> None:
    model = nn.Linear(2, 1, bias=False).double()
    nn.init.ones_(model.weight)
    curvatures = torch.tensor([1.0, 3.0], dtype=torch.float64)
    eye = torch.eye(2, dtype=torch.float64)
    walk = along_gradient(model, lambda net: (curvatures * net(eye).flatten().square()).sum() / 2, [0.1])
    np.testing.assert_allclose(walk.smoothness, np.hypot(1, 9) / np.hypot(1, 3))  # |H g| / |g|


def test_frozen_parameters_stay() -> None:
    model = linear(2, 3)
    model[0].weight.requires_grad_(False)
    walk = along_gradient(model, half_square, [0.1])
    np.testing.assert_allclose(walk.norm, 3 * 2**2)
    assert gradient_shift(model, deepcopy(model), half_square).layers == ("1",)


def noisy() -> nn.Sequential:
    torch.manual_seed(1)
    return nn.Sequential(
        nn.Conv1d(2, 3, 2), ours.BatchNorm1d(3), nn.Dropout(0.5), nn.ReLU(inplace=True),
        nn.Flatten(), nn.Linear(9, 4), nn.BatchNorm1d(4),
    ).double()  # fmt: skip


X, Y = torch.randn(6, 2, 4, dtype=torch.float64), torch.tensor([0, 1, 2, 3, 0, 1])


def loss(net) -> Tensor:
    return cross_entropy(net(X), Y)


@pytest.mark.parametrize("probe", ["shift", "walk"])
@pytest.mark.parametrize("fails", [False, True])
def test_the_model_and_the_random_state_are_left_as_found(probe: str, fails: bool) -> None:
    model, after = noisy(), noisy()
    model[1].eval()
    parameters, buffers = [p.clone() for p in model.parameters()], [b.clone() for b in model.buffers()]
    state, calls = torch.get_rng_state(), 0

    def failing(net) -> Tensor:
        nonlocal calls
        calls += 1
        if fails and calls == 3:
            net(X)
            raise OSError
        return loss(net)

    try:
        if probe == "shift":
            gradient_shift(model, after, failing)
        else:
            along_gradient(model, failing, [0.1, 1.0])
    except OSError:
        assert fails
    assert all(torch.equal(*pair) for pair in zip(parameters, model.parameters(), strict=True))
    assert all(torch.equal(*pair) for pair in zip(buffers, model.buffers(), strict=True))
    assert all(p.grad is None and p.requires_grad for p in model.parameters())
    assert [layer.training for layer in model] == [True, False, *[True] * 5]
    assert torch.equal(torch.get_rng_state(), state)
    assert not any(m._forward_pre_hooks for m in model.modules())


def test_dropout_draws_the_same_masks_for_every_gradient() -> None:
    model = noisy()
    shift = gradient_shift(model, deepcopy(model), loss)
    np.testing.assert_array_equal(shift.difference, 0)
    walk = along_gradient(model, loss, [1e-9])
    assert walk.relative_change[0] < 1e-6


def test_walk_agrees_with_a_step_of_the_optimiser() -> None:
    model = noisy().eval()
    walk = along_gradient(model, loss, [0.3])
    old = torch.autograd.grad(loss(model), list(model.parameters()))
    moved = deepcopy(model)
    with torch.no_grad():
        for parameter, gradient in zip(moved.parameters(), old, strict=True):
            parameter -= 0.3 * gradient
    value = loss(moved)
    new = torch.autograd.grad(value, list(moved.parameters()))
    change = sum((a - b).square().sum() for a, b in zip(old, new, strict=True)).sqrt()
    np.testing.assert_allclose(walk.loss, value.item())
    np.testing.assert_allclose(walk.gradient_change, change.item())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: gradient_shift(linear(1), linear(1, 2), half_square), "differ in name or shape"),
        (lambda: gradient_shift(linear(1), linear(1), lambda net: net(X[:, 0, :1])), r"number.* \(6, 1\)"),
        (lambda: gradient_shift(linear(1), linear(1), half_square, layers=["fc"]), "no layer 'fc'; it has"),
        (lambda: gradient_shift(*[nn.Sequential(nn.ReLU())] * 2, half_square, layers=["0"]), "0 has none"),
        (lambda: along_gradient(linear(1), half_square, []), r"positive step sizes, but got \[\]"),
        (lambda: along_gradient(linear(1), half_square, [0.1, -1]), "positive step sizes"),
        (lambda: along_gradient(linear(1), lambda net: 1.0, [0.1]), "one number, but returned float"),
        (lambda: along_gradient(linear(0), half_square, [0.1]), "the gradient is zero"),
        (lambda: along_gradient(MODEL, lambda net: half_square(MODEL), [0.1]), "does not depend on"),
    ],
)  # fmt: skip
def test_errors(call, message) -> None:
    with pytest.raises(ValueError, match=message):
        call()


MODEL = linear(1)
