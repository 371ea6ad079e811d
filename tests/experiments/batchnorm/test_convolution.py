from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from normcourse.data import load_digits
from normcourse.experiments.batchnorm import convolution
from normcourse.experiments.batchnorm.convolution import POOLS, Config, StackedCNN, noise, run, shifted
from normcourse.experiments.engine.training import Scores

QUICK = Config(examples=320)
IMAGES = torch.rand(2, 64, 12, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def rolled(images, down, right):
    return images.unflatten(1, (8, 8)).roll((down, right), (1, 2)).flatten(1, 2)


def trained_a_little(pool):
    """A network whose running statistics and affine differ from channel to channel."""
    network = StackedCNN([3, 4], pool=pool)
    network(IMAGES)
    generator = torch.Generator().manual_seed(1)
    for norm in network.norm:
        for parameter in norm.parameters():
            parameter.data += 0.3 * torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
    return network


@pytest.mark.parametrize("pool", POOLS)
@pytest.mark.parametrize("mode", [True, False])
def test_a_model_is_pytorchs_layers_and_apart_from_the_other(pool, mode):
    network = trained_a_little(pool).train(mode)
    [first, second], norms = network.filters, [norm.single(1) for norm in network.norm]
    maps = IMAGES[1].T.reshape(12, 1, 8, 8)
    for filters, norm in zip((first, second), norms, strict=True):
        kernel = filters.weight[1].unflatten(1, (-1, 3, 3))
        out = nn.functional.conv2d(nn.functional.pad(maps, (1, 1, 1, 1), mode="circular"), kernel)
        if pool == "batch":
            normalized = norm(out.flatten(1)).view(out.shape)
        else:
            normalized = norm(out.permute(0, 2, 3, 1).flatten(0, 2)).view(12, 8, 8, -1).permute(0, 3, 1, 2)
        maps = torch.relu(normalized)
    expected = network.head.single(1)(maps.mean(dim=(2, 3)))
    torch.testing.assert_close(network(IMAGES)[1].T, expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("mode", [True, False])
def test_pooled_over_space_a_shift_of_one_image_changes_nothing(mode):
    moved = IMAGES.clone()
    moved[:, :, 5] = rolled(IMAGES, 2, 3)[:, :, 5]
    for pool, same in (("batch and space", True), ("batch", False)):
        network = trained_a_little(pool).train(mode)
        assert torch.allclose(network(moved), network(IMAGES), atol=1e-10) == same


def test_at_each_position_even_a_shift_of_all_images_is_seen():
    network = trained_a_little("batch").eval()
    assert not torch.allclose(network(rolled(IMAGES, 1, 0)), network(IMAGES), atol=1e-3)


def test_shifted_images_hold_the_same_ink_elsewhere():
    digits = load_digits().test
    moved = shifted(digits)
    np.testing.assert_array_equal(np.sort(moved.x, axis=1), np.sort(digits.x, axis=1))
    assert (moved.x != digits.x).any(axis=1).mean() > 0.9
    np.testing.assert_array_equal(moved.x, shifted(digits).x)


@pytest.mark.parametrize("pool", POOLS)
def test_run(pool):
    result = run(replace(QUICK, pool=pool), seeds=(0, 1), progress=False)
    assert result.validation.shape == result.test.shape == result.shifted.shape == (2,)
    assert np.array_equal(result.test, result.shifted) == (pool == "batch and space")
    alone = run(replace(QUICK, pool=pool), seeds=(1,), progress=False)
    np.testing.assert_array_equal(alone.test[0], result.test[1])


def test_networks_are_tested_in_inference_mode(monkeypatch):
    modes, scores = [], convolution.scores

    def spy(network, data, *, models):
        modes.append(network.training)
        return scores(network, data, models=models)

    monkeypatch.setattr(convolution, "scores", spy)
    run(replace(QUICK, examples=64), seeds=(0,), progress=False)
    assert modes == [False] * 3


def test_each_accuracy_is_that_of_its_split_and_the_rate_is_that_of_the_batch(monkeypatch):
    splits, trained = [], []

    def grade(network, split, *, models):
        splits.append(split)
        return Scores(np.full(models, float(len(splits))), np.zeros(models))

    def watch(network, split, order, rate, **_):
        trained.append((split, order.shape, rate))

    monkeypatch.setattr(convolution, "scores", grade)
    monkeypatch.setattr(convolution, "train_through", watch)
    result = run(Config(batch_size=8, learning_rate=2.0, examples=80), seeds=(0, 1), progress=False)
    digits = load_digits()
    expected = (digits.validation, digits.test, shifted(digits.test))
    for got, wanted in zip(splits, expected, strict=True):
        np.testing.assert_array_equal(got.x, wanted.x)
    assert (result.validation == 1).all()
    assert (result.test == 2).all()
    assert (result.shifted == 3).all()
    [(split, shape, rate)] = trained
    np.testing.assert_array_equal(split.x, digits.train.x)
    assert shape == (10, 2, 8)
    assert rate == 2.0 * 8 / 32


def test_noise_of_one_position_falls_with_the_root_of_the_batch():
    found = noise((2, 8, 32), filters=4, batches=400)
    np.testing.assert_allclose(found.position, found.batch_sizes**-0.5, rtol=0.05)
    assert (found.pooled < found.position / 8).all()


def test_an_unknown_pool_is_refused():
    with pytest.raises(ValueError, match="pool must be one of batch and space, batch, but got 'space'"):
        StackedCNN([0], pool="space")


def test_one_unit_for_both_means_is_another_ratio():
    found = noise((2, 32), filters=4, batches=400)
    assert (found.times > 3).all()
    assert (found.position / found.pooled > found.times).all()  # over space sigma is larger
