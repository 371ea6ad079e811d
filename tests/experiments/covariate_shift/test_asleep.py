from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from normcourse.data import load_digits
from normcourse.experiments.covariate_shift.asleep import Config, look, network, run

QUICK = Config(layers=3, steps=4, examples=40)
DIGITS = load_digits().train
X, Y = DIGITS.x[:40], DIGITS.y[:40]


@pytest.mark.parametrize("norm", ["none", "batch"])
def test_a_seed_gives_the_run_that_a_reader_writes(norm):
    x, y = torch.tensor(DIGITS.x), torch.tensor(DIGITS.y)
    torch.manual_seed(7)
    parts = []
    for _ in range(3):
        parts += [nn.Linear(64, 64), *([nn.BatchNorm1d(64)] if norm == "batch" else []), nn.Tanh()]
    model = nn.Sequential(*parts, nn.Linear(64, 10))
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
    losses = []
    for _ in range(4):
        pick = torch.randint(len(x), (60,))
        loss = cross_entropy(model(x[pick]), y[pick])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    result = run(replace(QUICK, norm=norm), seeds=[3, 7])
    np.testing.assert_allclose(result.loss[1], losses, rtol=1e-4)
    end = look(model, X, Y)
    np.testing.assert_allclose(result.end.spread[1], end.spread, rtol=1e-3)
    np.testing.assert_allclose(result.end.returning[1], end.returning, rtol=1e-3)
    np.testing.assert_allclose(result.end.weights[1], end.weights, rtol=1e-3)
    model.eval()
    test = load_digits().test
    right = (model(torch.tensor(test.x)).argmax(1).numpy() == test.y).mean()
    assert abs(result.accuracy[1] - right) < 0.01


def test_what_a_look_measures_and_that_it_leaves_the_network_as_it_was():
    torch.manual_seed(0)
    model = network(replace(QUICK, norm="batch")).eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    seen = look(model, X, Y)
    assert not model.training
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    x, y = torch.tensor(X, dtype=torch.float64), torch.tensor(Y)
    model.train()
    second = model[:6](x).detach().requires_grad_()
    cross_entropy(model[6:](second), y).backward()
    assert seen.outputs.shape == (3, 40, 64)
    np.testing.assert_allclose(seen.outputs[1], second.detach())
    np.testing.assert_allclose(seen.spread[1], np.mean([unit.std() for unit in second.detach().numpy().T]))
    np.testing.assert_allclose(seen.returning[1], second.grad.norm())
    third, _ = (part for part in model[6:] if isinstance(part, nn.Linear))
    np.testing.assert_allclose(seen.weights[2], third.weight.grad.norm())


def test_first_weights_spread_by_one_over_root_three_a_layer_or_by_their_gain():
    plain, scaled = (run(Config(gain=gain, steps=0), seeds=range(2)).start for gain in (None, 1.0))
    np.testing.assert_allclose(plain.spread[:, 1:] / plain.spread[:, :-1], 3**-0.5, rtol=0.15)
    assert (scaled.spread[:, 1:] / scaled.spread[:, :-1] > 0.8).all()


def test_first_is_the_first_seed_alone():
    result = run(QUICK, seeds=[5, 6])
    for trained, both in ((False, result.start), (True, result.end)):
        one = result.first(trained=trained)
        np.testing.assert_array_equal(one.outputs, both.outputs)
        np.testing.assert_allclose(one.outputs.std(axis=1).mean(axis=1), one.spread)
        np.testing.assert_array_equal(one.weights, both.weights[0])


def test_the_readers_random_numbers_are_left_alone():
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    run(QUICK, seeds=[1])
    assert torch.equal(torch.rand(1), expected)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"norm": "layer"}, 'norm must be "none" or "batch", but got \'layer\''),
        ({"activation": "gelu"}, "activation must be one of sigmoid, tanh, relu, but got 'gelu'"),
        ({"layers": 0}, "at least one hidden layer, but got layers=0"),
    ],
)
def test_settings_that_make_no_sense_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        network(replace(QUICK, **change))


@pytest.mark.parametrize(
    "parts",
    [
        [nn.Linear(64, 8), nn.Tanh(), nn.Linear(8, 4), nn.Tanh(), nn.Linear(4, 10)],
        [nn.Linear(64, 8), nn.Tanh(), nn.Linear(8, 10), nn.Tanh()],
    ],
    ids=["two widths", "an activation at the end"],
)
def test_a_chain_of_another_kind_is_refused(parts):
    with pytest.raises(ValueError, match="one width and a linear map at the end"):
        look(nn.Sequential(*parts), X, Y)
