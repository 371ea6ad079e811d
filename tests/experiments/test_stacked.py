import numpy as np
import pytest
import torch
from torch import nn

from normcourse.data import Split
from normcourse.experiments.stacked import StackedMLP, batch_order, train

SIZES, SEEDS, RATES = (5, 7, 6, 3), [3, 4, 3], [0.5, 0.5, 0.1]


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    return Split(rng.random((40, 5), dtype=np.float32), rng.integers(0, 3, 40))


def plain_network(stacked, model):
    """The same network as one model of the stack, from torch's own layers."""
    layers = []
    for layer, weight in enumerate(stacked.weight):
        linear = nn.Linear(weight.shape[2], weight.shape[1], dtype=weight.dtype)
        linear.weight.data = weight[model].detach().clone()
        linear.bias.data = torch.zeros_like(linear.bias)
        layers.append(linear)
        if layer < len(stacked.weight) - 1:
            if len(stacked.gamma):
                layers.append(nn.BatchNorm1d(weight.shape[1], dtype=weight.dtype))
            layers.append(nn.Sigmoid())
    return nn.Sequential(*layers)


@pytest.mark.parametrize("batch_norm", [False, True])
def test_stacked_training_equals_training_one_by_one(data, batch_norm):
    stacked = StackedMLP(SIZES, seeds=SEEDS, batch_norm=batch_norm, init_std=0.5)
    order = batch_order(40, 8, steps=12, seeds=SEEDS)
    singles = [plain_network(stacked, model) for model in range(len(SEEDS))]
    assert list(train(stacked, data, order, RATES)) == list(range(1, 13))
    x, y = torch.from_numpy(data.x).double(), torch.from_numpy(data.y)
    stacked.eval()
    logits, _ = stacked(x.T.expand(len(SEEDS), -1, -1))
    for model, single in enumerate(singles):
        optimiser = torch.optim.SGD(single.parameters(), lr=RATES[model])
        for index in order[:, model]:
            optimiser.zero_grad()
            nn.functional.cross_entropy(single(x[index]), y[index]).backward()
            optimiser.step()
        torch.testing.assert_close(logits[model].T, single.eval()(x), rtol=1e-9, atol=1e-9)


def test_a_seed_starts_from_the_same_weights_in_any_company():
    alone = StackedMLP(SIZES, seeds=[4], batch_norm=False, init_std=0.5)
    among = StackedMLP(SIZES, seeds=SEEDS, batch_norm=True, init_std=0.5)
    for a, b in zip(alone.weight, among.weight, strict=True):
        torch.testing.assert_close(a[0], b[1], rtol=0, atol=0)


def test_a_diverging_model_does_not_disturb_its_neighbours(data):
    def accuracy_of_first(rates):
        stacked = StackedMLP(SIZES, seeds=[0, 1], batch_norm=True, init_std=0.5)
        list(train(stacked, data, batch_order(40, 8, 5, [0, 1]), rates))
        return [parameter[0].detach() for parameter in stacked.parameters()]

    for calm, beside_nan in zip(
        accuracy_of_first([0.1, 0.1]), accuracy_of_first([0.1, float("nan")]), strict=True
    ):
        torch.testing.assert_close(calm, beside_nan, rtol=0, atol=0)


def test_every_epoch_shows_every_example_once():
    order = batch_order(20, 5, steps=8, seeds=[0, 1])
    assert order.shape == (8, 2, 5)
    for epoch in (order[:4], order[4:]):
        assert sorted(epoch[:, 0].ravel()) == list(range(20))
    assert not np.array_equal(order[:, 0], order[:, 1])
    assert not np.array_equal(order[:4, 0], order[4:, 0])


def test_leaving_the_loop_stops_the_training(data):
    stacked = StackedMLP(SIZES, seeds=[0], batch_norm=False, init_std=0.5)
    order = batch_order(40, 8, 5, [0])
    next(train(stacked, data, order, [0.1]))
    after_one = [parameter.detach().clone() for parameter in stacked.parameters()]
    again = StackedMLP(SIZES, seeds=[0], batch_norm=False, init_std=0.5)
    list(train(again, data, order[:1], [0.1]))
    for a, b in zip(after_one, again.parameters(), strict=True):
        torch.testing.assert_close(a, b.detach(), rtol=0, atol=0)
