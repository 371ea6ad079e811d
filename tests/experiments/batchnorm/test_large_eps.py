import numpy as np
import pytest
import torch

from normcourse.experiments.batchnorm import batch_size, large_eps
from normcourse.experiments.batchnorm.large_eps import measure, with_eps
from normcourse.experiments.engine.search import Search
from normcourse.experiments.engine.stacked import StackedMLP


def pair(eps, half_difference):
    x = torch.tensor([[[3 - half_difference, 3 + half_difference]]], dtype=torch.float64, requires_grad=True)
    layer = StackedMLP((1, 1, 2), seeds=[0], norm=with_eps(eps), gain=1.0).norm[0]
    out = layer(x)
    (gradient,) = torch.autograd.grad(out[0, 0, 1], x)
    return out[0, 0, 1].item(), gradient.abs().max().item()


@pytest.mark.parametrize("half_difference", [0.5, 2.0])
def test_a_large_eps_leaves_a_pair_its_size_and_a_gradient(half_difference):
    sign, none = pair(1e-5, half_difference)
    size, some = pair(1.0, half_difference)
    assert sign == pytest.approx(1, abs=1e-4)
    assert none < 1e-4
    assert size == pytest.approx(half_difference / np.sqrt(half_difference**2 + 1))
    assert some == pytest.approx(0.5 / (half_difference**2 + 1) ** 1.5)


def test_eps_reaches_the_run_and_the_measurement_is_that_of_the_run(monkeypatch):
    seen = []

    def watch(config, *, seeds, progress):
        seen.append((config.norm(1, 10).eps, config.batch_size, tuple(seeds), progress))
        search = Search(0.2, np.array([[0.9]]))
        return batch_size.Result(config, search, np.array([0.1, 0.3]), np.array([0.2, 0.2]))

    monkeypatch.setattr(large_eps.batch_size, "run", watch)
    measured = measure(eps=0.5, size=4, seeds=(0, 1))
    assert seen == [(0.5, 4, (0, 1), False)]
    np.testing.assert_array_equal(measured["error"], [0.1, 0.3])
    np.testing.assert_array_equal(measured["rate"], [0.2, 0.2])
