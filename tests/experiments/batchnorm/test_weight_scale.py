from dataclasses import replace

import numpy as np
import pytest

from normcourse.data import load_digits
from normcourse.experiments.batchnorm import weight_scale
from normcourse.experiments.batchnorm.weight_scale import Config, run
from normcourse.experiments.engine.training import Scores

# An eps below rounding: what is then left of the identities is rounding as well.
EXACT = Config(hidden=(16, 16), learning_rate=0.7, eps=1e-30, steps=40, every=5)


@pytest.fixture(scope="module")
def result():
    return run(EXACT, seeds=(0, 1), progress=False)


def test_shapes(result):
    np.testing.assert_array_equal(result.steps, range(0, 41, 5))
    assert result.squared.shape == result.gained.shape == result.turned.shape == (2, 9, 2)
    assert result.loss.shape == result.accuracy.shape == (2, 9)
    assert result.accuracy[:, -1].min() > 0.7


def test_the_loss_is_that_of_the_test_split_as_one_batch_and_the_accuracy_that_of_inference(monkeypatch):
    asked = []

    def grade(network, split, *, models):
        asked.append((network.training, split))
        return Scores(np.full(models, float(not network.training)), np.full(models, float(network.training)))

    monkeypatch.setattr(weight_scale, "scores", grade)
    made = run(replace(EXACT, steps=5), seeds=(0,), progress=False)
    assert (made.loss == 1).all()
    assert (made.accuracy == 1).all()
    for _, split in asked:
        np.testing.assert_array_equal(split.x, load_digits().test.x)


def test_without_decay_the_squared_length_grows_by_the_squared_steps(result):
    np.testing.assert_allclose(result.squared, result.squared[:, :1] + result.gained, rtol=1e-12)
    assert (np.diff(result.squared, axis=1) > 0).all()


def test_default_eps_spoils_the_identity_only_a_little():
    result = run(replace(EXACT, eps=1e-5), seeds=(0,), progress=False)
    off = result.squared - result.squared[:, :1] - result.gained
    assert 1e-12 < np.abs(off / result.squared).max() < 1e-4


def test_a_scale_of_the_weights_and_its_square_of_the_rate_give_the_same_function(result):
    scaled = run(replace(EXACT, scale=3.0, rate_factor=9.0), seeds=(0, 1), progress=False)
    np.testing.assert_allclose(scaled.loss, result.loss, rtol=1e-8)
    np.testing.assert_allclose(scaled.squared, 9 * result.squared, rtol=1e-8)
    np.testing.assert_allclose(scaled.effective_rate, result.effective_rate, rtol=1e-8)
    np.testing.assert_allclose(scaled.squared, scaled.squared[:, :1] + scaled.gained, rtol=1e-12)
    other = run(replace(EXACT, scale=3.0), seeds=(0, 1), progress=False)
    assert np.abs(other.loss - result.loss).max() > 0.1


def test_weight_decay_is_a_growing_learning_rate():
    kept = 1 - EXACT.learning_rate * 0.01
    decayed = run(replace(EXACT, decay=0.01), seeds=(0,), progress=False)
    growing = run(replace(EXACT, rate_factor=1 / kept, growth=kept**-2), seeds=(0,), progress=False)
    np.testing.assert_allclose(growing.loss, decayed.loss, rtol=1e-8)
    assert decayed.squared[0, -1, 0] < decayed.squared[0, 0, 0] < growing.squared[0, -1, 0]


def test_turn_is_the_root_mean_square_of_the_steps_turns(result):
    each = run(replace(EXACT, every=1), seeds=(0, 1), progress=False)
    stepped = np.diff(each.gained, axis=1) / each.squared[:, :-1]
    np.testing.assert_allclose(result.turn(20), np.sqrt(stepped[:, 20:].mean(axis=1)), rtol=1e-6)
