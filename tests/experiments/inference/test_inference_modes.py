from copy import deepcopy

import numpy as np
import pytest
import torch
from torch import nn

from normcourse.data import load_drawn_digits
from normcourse.experiments.inference import drawn_cnn, inference_modes
from normcourse.experiments.inference.inference_modes import Config, logits, run, with_others


@pytest.fixture(scope="module")
def quick():
    [model] = drawn_cnn.trained(drawn_cnn.Config(steps=60), seeds=[0], progress=False)
    return model


@pytest.fixture
def asked(quick, monkeypatch):
    test = load_drawn_digits().test
    few = load_drawn_digits()._replace(test=type(test)(test.x[:320], test.y[:320]))
    monkeypatch.setattr(inference_modes, "load_drawn_digits", lambda: few)
    monkeypatch.setattr(inference_modes, "source_network", lambda seed: quick)
    return lambda *settings: run(Config(*settings), seeds=[0], progress=False)


def test_inference_mode_knows_neither_order_nor_company(asked):
    results = [asked(order, size) for order in inference_modes.ORDERS for size in (1, 8, 64)]
    for result in results:
        assert result.inference == results[0].inference
        assert result.bits == 0
        assert result.rounding < 1e-14
        assert result.rounding32 < 1e-5


def test_training_mode_knows_both(asked):
    shuffled, ordered = asked("shuffled", 64), asked("by class", 16)
    assert ordered.training < shuffled.training - 0.05
    assert shuffled.answers > 0
    assert ordered.answers > shuffled.answers


def test_asking_in_training_mode_moves_the_statistics_of_a_copy(asked, quick):
    before = deepcopy(quick.state_dict())
    result = asked("by class", 2)
    assert result.after != result.inference
    assert all(torch.equal(value, before[name]) for name, value in quick.state_dict().items())
    assert not quick.training


def test_a_norm_within_the_example_has_no_modes(quick, asked, monkeypatch):
    group = drawn_cnn.network(0, norm=lambda channels: nn.GroupNorm(1, channels)).eval()
    monkeypatch.setattr(inference_modes, "source_network", lambda seed: group)
    result = asked("by class", 8)
    assert result.inference == result.training == result.after
    assert result.answers == 0


def test_a_bit_is_seen(monkeypatch):
    """A layer that leaks the batch's mean, times the smallest number that shows."""

    class Leak(nn.Module):
        def forward(self, x):
            return x * (1 + 1e-15 * x.mean().sign())

    x = torch.randn(40, 10, dtype=torch.float64)
    monkeypatch.setattr(inference_modes, "_alone", lambda model, dtype: x.to(dtype))
    out = inference_modes._asked(Leak().eval(), x, x.argmax(1), torch.arange(40), 2)
    assert out[3] > 0.05
    assert out[0] == 1


def test_every_second_example_is_replaced_by_one_from_elsewhere():
    x = torch.arange(20)
    other = with_others(x)
    np.testing.assert_array_equal(other[::2], x[::2])
    assert (other[1::2] != x[1::2]).all()


def test_batches_are_cut_in_order():
    seen = []
    logits(lambda batch: seen.append(batch) or batch, torch.arange(5), 2)
    assert [batch.tolist() for batch in seen] == [[0, 1], [2, 3], [4]]


def test_an_unknown_order_is_refused():
    with pytest.raises(ValueError, match="one of shuffled, by class, but got 'sorted'"):
        Config("sorted")
