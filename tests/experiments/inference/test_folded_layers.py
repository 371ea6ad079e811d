import time

import numpy as np
import pytest
import torch
from torch import nn

from normcourse.experiments.inference.folded_layers import rounding, speed_up

LAYERS = {
    "Linear": (nn.Linear(200, 6), nn.BatchNorm1d(6), (50, 200)),
    "Conv2d": (nn.Conv2d(4, 6, 3, padding=1, stride=2), nn.BatchNorm2d(6), (20, 4, 7, 7)),
    "Conv2d, groups": (nn.Conv2d(4, 6, 3, groups=2, bias=False), nn.BatchNorm2d(6), (20, 4, 7, 7)),
}


def found(name, seed):
    layer, bn, shape = LAYERS[name]
    torch.manual_seed(seed)
    for tensor in [*layer.parameters(), *bn.parameters(), bn.running_mean]:
        nn.init.normal_(tensor)
    nn.init.uniform_(bn.running_var, 1e-4, 2)
    return rounding(layer, bn.eval(), torch.randn(shape) + 3)


@pytest.mark.parametrize("name", LAYERS)
def test_errors_keep_within_the_bound_and_are_not_nothing(name):
    for seed in range(10):
        measured = found(name, seed)
        assert measured.errors.shape == measured.bound.shape == measured.outputs.shape
        share = measured.errors / measured.bound
        assert 1e-4 < share.max() < 1


@pytest.mark.parametrize("name", LAYERS)
def test_magnitudes_bound_the_outputs(name):
    measured = found(name, 0)
    assert (np.abs(measured.outputs) <= measured.magnitudes).all()


def test_magnitudes_are_the_terms_of_the_formula():
    layer, bn = nn.Linear(2, 1), nn.BatchNorm1d(1).eval()
    values = ((layer.weight, [[2.0, -3.0]]), (layer.bias, [-1.0]), (bn.weight, [-4.0]), (bn.bias, [-5.0]))
    for tensor, value in values:
        tensor.data = torch.tensor(value)
    bn.running_mean[:], bn.running_var[:], bn.eps = 6.0, 4.0, 0.0
    measured = rounding(layer, bn, torch.tensor([[-1.0, 1.0]]))
    assert measured.terms == 2
    np.testing.assert_allclose(measured.magnitudes, 4 / 2 * (2 + 3 + 1 + 6) + 5)
    np.testing.assert_allclose(measured.bound, 7 * 2**-23 * 29)


def test_a_wrong_fold_breaks_the_bound(monkeypatch):
    from normcourse.experiments.inference import folded_layers

    right = folded_layers.fold_batch_norm

    def wrong(layer, bn):
        folded = right(layer, bn)
        folded.weight.data *= 1 + 1e-3
        return folded

    monkeypatch.setattr(folded_layers, "fold_batch_norm", wrong)
    measured = found("Conv2d", 0)
    assert (measured.errors > measured.bound).any()


def test_speed_up_is_the_ratio_of_times():
    slow, fast = (lambda x, seconds=seconds: time.sleep(seconds) for seconds in (0.006, 0.002))
    assert 2 < speed_up(slow, fast, torch.ones(1), calls=5) < 4
