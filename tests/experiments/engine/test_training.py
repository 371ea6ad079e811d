from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from normcourse.data import Split
from normcourse.experiments.engine.stacked import StackedMLP
from normcourse.experiments.engine.training import batch_order, every_pair, scores, train, train_through

SIZES, SEEDS, RATES = (5, 20, 10, 3), [3, 4, 3], [0.5, 0.5, 0.1]
PYTORCHS = {
    "sgd": torch.optim.SGD,
    "momentum": partial(torch.optim.SGD, momentum=0.9),
    "adam": torch.optim.Adam,
}


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    return Split(rng.random((40, 5), dtype=np.float32), rng.integers(0, 3, 40))


@pytest.mark.parametrize("rates", [0.5, [0.5, 0.5]], ids=["one", "each"])
def test_training_through_is_all_steps_of_training_and_ends_in_inference_mode(data, rates):
    first, second = (StackedMLP(SIZES, seeds=[0, 1], norm="batch", init_std=0.5) for _ in "ab")
    order = batch_order(40, 8, steps=7, seeds=[5, 6])
    list(train(first, data, order, [0.5, 0.5]))
    assert train_through(second, data, order, rates) is second
    assert not second.training
    for name, value in first.state_dict().items():
        assert torch.equal(second.state_dict()[name], value), name


@pytest.mark.parametrize("optimiser", PYTORCHS)
@pytest.mark.parametrize("norm", ["none", "batch", "layer"])
def test_stacked_training_equals_training_one_by_one(data, norm, optimiser):
    stacked = StackedMLP(SIZES, seeds=SEEDS, norm=norm, activation="sigmoid", init_std=0.5)
    order = batch_order(40, 8, steps=12, seeds=SEEDS)
    singles = [stacked.single(model) for model in range(len(SEEDS))]
    rates = [rate / 10 for rate in RATES] if optimiser == "adam" else RATES
    assert list(train(stacked, data, order, rates, optimiser=optimiser)) == list(range(1, 13))
    x, y = torch.from_numpy(data.x).double(), torch.from_numpy(data.y)
    logits = stacked.eval()(x.T.expand(len(SEEDS), -1, -1))
    found = scores(stacked, data, models=3)
    for model, single in enumerate(singles):
        optimizer = PYTORCHS[optimiser](single.parameters(), lr=rates[model])
        for index in order[:, model]:
            optimizer.zero_grad()
            nn.functional.cross_entropy(single(x[index]), y[index]).backward()
            optimizer.step()
        own = single.eval()(x)
        torch.testing.assert_close(logits[model].T, own, rtol=1e-8, atol=1e-8)
        assert found.loss[model] == pytest.approx(nn.functional.cross_entropy(own, y).item())
        assert found.accuracy[model] == pytest.approx((own.argmax(1) == y).double().mean().item())


def test_a_diverging_model_does_not_disturb_its_neighbours(data):
    def first_model_after(rates, optimiser):
        stacked = StackedMLP(SIZES, seeds=[0, 1], norm="batch", init_std=0.5)
        list(train(stacked, data, batch_order(40, 8, 5, [0, 1]), rates, optimiser=optimiser))
        return list(stacked.single(0).parameters())

    for optimiser in PYTORCHS:
        calm, beside_nan = (first_model_after([0.1, other], optimiser) for other in (0.1, float("nan")))
        for a, b in zip(calm, beside_nan, strict=True):
            torch.testing.assert_close(a, b, rtol=0, atol=0)


def test_every_epoch_shows_every_example_once():
    order = batch_order(20, 5, steps=8, seeds=[0, 1, 0])
    assert order.shape == (8, 3, 5)
    for epoch in (order[:4], order[4:]):
        assert sorted(epoch[:, 0].ravel()) == list(range(20))
    assert not np.array_equal(order[:, 0], order[:, 1])
    assert not np.array_equal(order[:4, 0], order[4:, 0])
    np.testing.assert_array_equal(order[:, 0], order[:, 2])


def test_every_pair_reshapes_to_values_by_seeds():
    values, seeds = every_pair([0.1, 1.0, 10.0], [7, 8])
    np.testing.assert_array_equal(np.reshape(values, (3, 2)), [[0.1] * 2, [1.0] * 2, [10.0] * 2])
    np.testing.assert_array_equal(np.reshape(seeds, (3, 2)), [[7, 8]] * 3)


def test_leaving_the_loop_stops_the_training(data):
    stopped, short = (StackedMLP(SIZES, seeds=[0], init_std=0.5) for _ in range(2))
    order = batch_order(40, 8, 5, [0])
    next(train(stopped, data, order, [0.1]))
    list(train(short, data, order[:1], [0.1]))
    for a, b in zip(stopped.parameters(), short.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0)


def test_unknown_optimisers_and_missing_rates_are_refused(data):
    stacked, order = StackedMLP(SIZES, seeds=[0], init_std=0.5), batch_order(40, 8, 5, [0])
    with pytest.raises(ValueError, match="one of sgd, momentum, adam, but got 'sdg'"):
        next(train(stacked, data, order, [0.1], optimiser="sdg"))
    with pytest.raises(ValueError, match="got 2 for 1"):
        next(train(stacked, data, order, [0.1, 0.2]))


def test_an_order_for_another_number_of_models_is_refused(data):
    for models, orders in ((1, 3), (3, 1), (2, 3)):
        stacked = StackedMLP(SIZES, seeds=range(models), norm="batch", init_std=0.5)
        order = batch_order(40, 8, 5, range(orders))
        with pytest.raises(ValueError, match=f"order for {orders} models, .* and a stack of {models}"):
            next(train(stacked, data, order, [0.1] * orders))
