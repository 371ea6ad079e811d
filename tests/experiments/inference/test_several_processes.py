import numpy as np
import pytest
import torch

from normcourse.experiments.inference import several_processes
from normcourse.nn import BatchNorm1d, GhostBatchNorm

GAMMA, BETA = np.array([1.5, -0.5]), np.array([0.2, 1.0])


def draw(shares):
    rng = np.random.default_rng(0)
    return [
        [offset + rng.normal(size=(share, 2)) for offset, share in enumerate(shares)]
        for _ in ("inputs", "upstreams")
    ]


def whole(layer, inputs, upstreams):
    layer = layer.double()
    for parameter, value in zip(layer.parameters(), (GAMMA, BETA), strict=True):
        parameter.data = torch.from_numpy(value)
    x, g = (torch.from_numpy(np.concatenate(parts)) for parts in (inputs, upstreams))
    y = layer(x.requires_grad_())
    return [y.detach(), *torch.autograd.grad(y, [x, *layer.parameters()], g)]


def together(found):
    return [np.concatenate(found.y), np.concatenate(found.dx), sum(found.dgamma), sum(found.dbeta)]


@pytest.mark.parametrize("shares", [(3, 3), (2, 5), (4, 0)], ids=str)
def test_synchronised_workers_are_the_whole_batch(shares):
    drawn = draw(shares)
    found = several_processes.one_layer(*drawn, GAMMA, BETA)["sync"]
    layer = BatchNorm1d(2)
    for got, want in zip(together(found), whole(layer, *drawn), strict=True):
        np.testing.assert_allclose(got, want, atol=1e-12)
    for mean, var in zip(found.running_mean, found.running_var, strict=True):
        np.testing.assert_allclose(mean, layer.running_mean, atol=1e-12)
        np.testing.assert_allclose(var, layer.running_var, atol=1e-12)


def test_workers_on_their_own_are_ghosts():
    drawn = draw((3, 3))
    found = several_processes.one_layer(*drawn, GAMMA, BETA)["local"]
    for got, want in zip(together(found), whole(GhostBatchNorm(2, 3), *drawn), strict=True):
        np.testing.assert_allclose(got, want, atol=1e-12)
    np.testing.assert_allclose(found.running_mean[1], 0.1 * drawn[0][1].mean(axis=0))
    np.testing.assert_allclose(found.running_var[1], 0.9 + 0.1 * drawn[0][1].var(axis=0, ddof=1))


def test_torch_refuses_a_cpu():
    assert "on GPU" in several_processes.torch_refusal()
