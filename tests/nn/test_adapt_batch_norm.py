"""Batch norms that mix the running statistics with those of the batch."""

from copy import deepcopy
from math import inf, nan
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from normcourse import nn as ours
from normcourse.probes import watch
from tests.nn.trained import LIBRARIES, SHAPES, gradients, network, trained, values


@LIBRARIES
@pytest.mark.parametrize("kind", SHAPES)
def test_no_source_is_training_mode_gradients_included(library: Any, kind: str) -> None:
    layer, x = trained(getattr(library, kind)(4)).eval(), values(*SHAPES[kind]).requires_grad_()
    train = deepcopy(layer).train()
    with ours.adapt_batch_norm(layer, 0):
        out = layer(x)
    expected = train(x)
    torch.testing.assert_close(out, expected, rtol=1e-12, atol=1e-12)
    found = gradients(out, [x, layer.weight, layer.bias])
    wanted = gradients(expected, [x, train.weight, train.bias])
    for a, b in zip(found, wanted, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-10)


@LIBRARIES
@pytest.mark.parametrize("kind", SHAPES)
def test_an_infinite_source_is_evaluation_mode(library: Any, kind: str) -> None:
    layer, x = trained(getattr(library, kind)(4)).eval(), values(*SHAPES[kind])
    with ours.adapt_batch_norm(layer, inf):
        out = layer(x)
    torch.testing.assert_close(out, layer(x), rtol=1e-12, atol=1e-12)


@LIBRARIES
@pytest.mark.parametrize("kind", SHAPES)
def test_in_between_means_and_variances_are_mixed_by_numbers_of_examples(library: Any, kind: str) -> None:
    layer, x = trained(getattr(library, kind)(4)).eval(), values(*SHAPES[kind])
    n, pool = len(x), (0, *range(2, x.dim()))
    mixed = deepcopy(layer)
    mixed.running_mean = (10 * layer.running_mean + n * x.mean(pool)) / (10 + n)
    mixed.running_var = (10 * layer.running_var + n * x.var(pool, correction=0)) / (10 + n)
    with ours.adapt_batch_norm(layer, 10):
        torch.testing.assert_close(layer(x), mixed(x), rtol=1e-12, atol=1e-12)


@LIBRARIES
def test_every_layer_of_a_model_adapts_and_dropout_stays_off(library: Any) -> None:
    model, x = network(library).eval(), values(8, 4)
    train = deepcopy(model)
    train[1].train(), train[5].train()
    with ours.adapt_batch_norm(model, 0):
        out = model(x)
    torch.testing.assert_close(out, train(x), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("failing", [False, True])
def test_the_model_is_left_as_it_was(failing: bool) -> None:
    model, x = network().eval(), values(8, 4)
    before, state = model(x), deepcopy(model.state_dict())
    attributes = [set(vars(layer)) for layer in model]
    with pytest.raises(RuntimeError) if failing else torch.no_grad(), ours.adapt_batch_norm(model, 1):
        assert not torch.equal(model(x), before)
        if failing:
            model(x[:, :3])
    torch.testing.assert_close(model(x), before, rtol=0, atol=0)
    assert [set(vars(layer)) for layer in model] == attributes
    assert all(torch.equal(value, state[key]) for key, value in model.state_dict().items())


def test_the_inner_of_two_blocks_counts_and_hooks_see_it() -> None:
    layer, x = trained(ours.BatchNorm1d(4)).eval(), values(6, 4)
    with watch(nn.Sequential(layer), "0") as seen, ours.adapt_batch_norm(layer, inf):
        outer = layer(x)
        with ours.adapt_batch_norm(layer, 0):
            inner = layer(x)
        again = layer(x)
    assert torch.equal(outer, again)
    torch.testing.assert_close(inner, layer.train()(x))
    for array, out in zip(seen["0"], (outer, inner, again), strict=True):
        torch.testing.assert_close(torch.from_numpy(array), out)


def test_one_example_may_mix_and_an_empty_batch_stays_empty() -> None:
    layer = trained(ours.BatchNorm1d(4)).eval()
    x = values(1, 4)
    with ours.adapt_batch_norm(layer, 3):
        out = layer(x)
        assert layer(x[:0]).shape == (0, 4)
    std = (0.75 * layer.running_var + layer.eps).sqrt()  # the batch has no variance
    expected = 0.75 * (x - layer.running_mean) / std * layer.weight + layer.bias
    torch.testing.assert_close(out, expected)


@LIBRARIES
def test_half_precision_is_mixed_in_the_precision_of_the_statistics(library: Any) -> None:
    layer = trained(library.BatchNorm2d(4)).eval().float()
    x = values(16, 4, 8, 8).bfloat16()
    with ours.adapt_batch_norm(layer, 16):
        out = layer(x)
        exact = layer(x.float())
    assert out.dtype == torch.bfloat16
    torch.testing.assert_close(out.float(), exact, rtol=0.01, atol=0.01)


def test_norms_without_running_statistics_are_left_alone() -> None:
    untracked = ours.BatchNorm1d(4, track_running_stats=False).eval()
    model, x = nn.Sequential(untracked, ours.BatchNorm1d(4)).double().eval(), values(6, 4)
    with watch(model, "0") as seen, ours.adapt_batch_norm(model, 5):
        model(x)
    torch.testing.assert_close(torch.from_numpy(seen["0"][0]), untracked(x))


def with_variance(value: float) -> nn.Module:
    layer = ours.BatchNorm1d(4).eval()
    layer.running_var.fill_(value)
    return nn.Sequential(layer)


WRONG: dict[str, tuple[nn.Module, float, Tensor, str]] = {
    "negative": (network().eval(), -1, values(8, 4), "at least 0, but got -1: 0 is the batch alone"),
    "NaN": (network().eval(), nan, values(8, 4), "at least 0, but got nan"),
    "no batch norm": (nn.Linear(4, 2), 1, torch.ones(2, 4), "has none"),
    "untracked": (ours.BatchNorm1d(4, track_running_stats=False), 1, torch.ones(2, 4), "has none"),
    "not finite": (with_variance(nan), 1, torch.ones(2, 4), "0 has statistics that are not finite"),
    "negative variance": (with_variance(-1), 1, torch.ones(2, 4), "0 has a negative variance"),
    "training": (network(), 1, values(8, 4), "1 is in training mode, .*model.eval"),
    "one value": (
        network().eval(),
        0,
        values(1, 4),
        "more than one value per channel .*source_weight above 0",
    ),
    "rank, ours": (ours.BatchNorm2d(4).eval(), 1, torch.ones(2, 4, 3), "takes 4D input, but got 3D"),
    "rank, torch's": (nn.BatchNorm2d(4).eval(), 1, torch.ones(2, 4, 3), "expected 4D input"),
}


@pytest.mark.parametrize("name", WRONG)
def test_bad_input_is_refused(name: str) -> None:
    model, weight, x, message = WRONG[name]
    with pytest.raises(ValueError, match=message), ours.adapt_batch_norm(model, weight):
        model(x)
