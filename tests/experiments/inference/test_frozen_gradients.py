import numpy as np
import pytest
import torch
from torch import nn

from normcourse.experiments.inference import drawn_cnn, frozen_gradients
from normcourse.experiments.inference.frozen_gradients import Config, frozen_at, run


@pytest.fixture(scope="module")
def result():
    return run(Config(trained=False), seeds=(0, 1, 2), progress=False)


def test_shapes_and_the_outputs_are_equal(result):
    for values in (result.cosine, result.length, result.along_batch, result.along_fixed):
        assert values.shape == (3, 3)
    assert result.output.shape == (3,)
    assert result.output.max() < 1e-12


def test_fixed_statistics_make_gradients_longer_and_turn_them(result):
    assert result.length.min() > 1.1
    assert np.abs(result.cosine).max() < 0.95


def test_behind_the_batch_statistics_no_gradient_lies_along_the_weights(result):
    assert result.along_batch.max() < 1e-4  # eps is why it is not 0
    assert (result.along_fixed > 10 * result.along_batch).all()


def test_the_frozen_copy_computes_the_batch_and_leaves_the_model_alone():
    model, x = drawn_cnn.network(0), torch.rand(12, 256, dtype=torch.float64)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    copy = frozen_at(model, x)
    assert not any(layer.training for layer in copy if isinstance(layer, nn.BatchNorm2d))
    assert not any(layer._forward_pre_hooks for layer in copy)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    torch.testing.assert_close(copy(x), model.train()(x), rtol=1e-12, atol=1e-12)
    other = torch.rand(12, 256, dtype=torch.float64)
    assert (copy(other) - model(other)).abs().max() > 1e-3


def test_a_trained_network_is_taken_when_asked(monkeypatch):
    asked = []
    monkeypatch.setattr(
        frozen_gradients, "source_network", lambda seed: asked.append(seed) or drawn_cnn.network(seed)
    )
    run(Config(trained=True, batch_size=4), seeds=(5, 6), progress=False)
    assert asked == [5, 6]
