"""The small CNN on drawn digits."""

import numpy as np
import pytest
import torch
from torch import nn

from normcourse.data import Split, load_drawn_digits
from normcourse.experiments.inference import drawn_cnn

SHORT = drawn_cnn.Config(steps=60)


def weights(model):
    return torch.cat([value.detach().flatten() for value in model.parameters()])


def test_it_learns_and_a_seed_gives_the_same_network_whatever_the_company():
    first, second = drawn_cnn.trained(SHORT, seeds=[3, 4], progress=False)
    [alone] = drawn_cnn.trained(SHORT, seeds=[4], progress=False)
    assert torch.equal(weights(second), weights(alone))
    assert not torch.equal(weights(first), weights(second))
    assert not first.training
    assert drawn_cnn.accuracy(second.train(), load_drawn_digits().validation) > 0.2  # a tenth by chance


def test_a_seed_starts_from_the_same_filters_whatever_the_norm():
    batch, group = drawn_cnn.network(1), drawn_cnn.network(1, norm=lambda c: nn.GroupNorm(1, c))
    for mine, other in zip(batch, group, strict=True):
        if isinstance(mine, nn.Conv2d | nn.Linear):
            assert torch.equal(mine.weight, other.weight)


@pytest.mark.parametrize("decay", [True, False])
def test_the_rate_falls_to_zero_only_if_told(decay):
    model, data = nn.Linear(256, 10).double(), load_drawn_digits().train
    nn.init.zeros_(model.weight)
    data = Split(np.ones_like(data.x), np.zeros_like(data.y))  # the gradient shrinks slowly
    config = drawn_cnn.Config(learning_rate=1e-6, steps=200, decay=decay)
    sizes, before = [], weights(model)
    for _ in drawn_cnn.train(model, data, config):
        sizes.append((weights(model) - before).norm().item())
        before = weights(model)
    assert (sizes[-1] < 0.1 * sizes[100]) == decay


def test_frozen_parameters_stay():
    model = drawn_cnn.network(0)
    model[1].weight.requires_grad_(False)
    before = model[1].weight.clone()
    for _ in drawn_cnn.train(model, load_drawn_digits().train, drawn_cnn.Config(steps=3)):
        pass
    assert torch.equal(model[1].weight, before)


def test_accuracy_counts_right_answers():
    data = load_drawn_digits().test
    says_three = lambda x: nn.functional.one_hot(torch.full((len(x),), 3), 10)  # noqa: E731
    assert drawn_cnn.accuracy(says_three, data) == pytest.approx(np.mean(data.y == 3))
