from dataclasses import replace

import numpy as np
import pytest

from normcourse.experiments.batchnorm import batch_size
from normcourse.experiments.batchnorm.batch_size import Config, ghosts, run

QUICK = Config(batch_size=32, hidden=(32,), examples=3200, rates=(0.2, 0.6), search_seeds=(9,))


@pytest.fixture(scope="module")
def result():
    return run(QUICK, seeds=(0, 1, 2), progress=False)


def test_shapes_and_choice(result):
    assert result.search.accuracy.shape == (2, 1)
    assert result.search.rate == QUICK.rates[result.search.accuracy.mean(axis=1).argmax()]
    assert result.error.shape == result.batch_error.shape == (3,)
    assert result.error.max() < 0.2  # it learns


def test_a_seed_gives_the_same_error_beside_any_others_and_again(result):
    alone = run(QUICK, seeds=(2,), progress=False)
    np.testing.assert_array_equal(alone.error, result.error[2:])


def test_the_learning_rate_follows_the_batch_size(monkeypatch):
    seen = {}

    def watch(network, data, order, rates, **_):
        seen[order.shape[2]] = (order.shape[0], rates[0])
        return network.eval()

    monkeypatch.setattr(batch_size, "train_through", watch)
    for size in (16, 64):
        run(replace(QUICK, batch_size=size, rates=(0.2,)), seeds=(0,), progress=False)
    assert seen == {16: (200, 0.2 * 16 / 64), 64: (50, 0.2)}


def test_the_rate_is_chosen_on_validation_and_reported_on_test(monkeypatch):
    asked = []

    def watch(network, data, *, models):
        asked.append((len(data.y), models, network.training))
        return real(network, data, models=models)

    real = batch_size.scores
    monkeypatch.setattr(batch_size, "scores", watch)
    digits = batch_size.load_digits()
    shifted = digits._replace(validation=type(digits.test)(digits.test.x[:290], digits.test.y[:290]))
    monkeypatch.setattr(batch_size, "load_digits", lambda: shifted)
    run(QUICK, seeds=(0, 1), progress=False)
    assert asked == [(290, 2, False), (300, 2, False), (300, 2, True)]


def test_small_batches_hurt_batch_norm_and_not_layer_norm():
    few = replace(QUICK, batch_size=2, examples=1000, rates=(0.6,))
    normalized, layer = (
        run(replace(few, norm=norm), seeds=(0, 1), progress=False) for norm in ("batch", "layer")
    )
    assert normalized.error.min() > layer.error.max() + 0.05


def test_one_ghost_of_the_whole_batch_is_batch_norm(result):
    whole = run(replace(QUICK, norm=ghosts(32)), seeds=(0, 1, 2), progress=False)
    np.testing.assert_allclose(whole.error, result.error, atol=1e-12)
    parts = run(replace(QUICK, norm=ghosts(8)), seeds=(0, 1, 2), progress=False)
    assert (parts.error != result.error).any()


def test_a_batch_of_one_is_refused():
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        run(replace(QUICK, batch_size=1), seeds=(0,), progress=False)
