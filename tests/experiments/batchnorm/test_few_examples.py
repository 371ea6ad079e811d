from dataclasses import replace

import numpy as np
import pytest

from normcourse.data import load_digits
from normcourse.experiments.batchnorm import few_examples
from normcourse.experiments.batchnorm.batch_size import ghosts
from normcourse.experiments.batchnorm.few_examples import Config, run

QUICK = Config(
    "digits", batch_size=64, examples=64, epochs=40, hidden=(32,), rates=(0.2, 0.6), search_seeds=(9,)
)


@pytest.fixture(scope="module")
def result():
    return run(QUICK, seeds=(0, 1, 2), progress=False)


def test_shapes_and_choice(result):
    assert result.search.accuracy.shape == (2, 1)
    assert result.search.rate == QUICK.rates[result.search.accuracy.mean(axis=1).argmax()]
    assert result.train.shape == result.test.shape == (3,)


def test_few_examples_are_fitted_better_than_they_generalise(result):
    assert result.train.min() > 0.97
    assert 0.6 < result.test.min() < result.test.max() < 0.95


def test_a_seed_gives_the_same_result_beside_any_others(result):
    alone = run(QUICK, seeds=(2,), progress=False)
    np.testing.assert_array_equal(alone.test, result.test[2:])
    np.testing.assert_array_equal(alone.train, result.train[2:])


def test_each_seed_trains_on_examples_of_its_own_whatever_the_norm(monkeypatch):
    orders = {}

    def watch(network, data, order, rates, **_):
        orders[bool(network.norm)] = order
        return network.eval()

    monkeypatch.setattr(few_examples, "train_through", watch)
    for norm in ("batch", "none"):
        run(replace(QUICK, norm=norm), seeds=(0, 1), progress=False)
    np.testing.assert_array_equal(orders[True], orders[False])
    first, second = (set(orders[True][:, model].ravel()) for model in (0, 1))
    assert len(first) == len(second) == QUICK.examples
    assert len(first & second) < QUICK.examples // 2
    for step in orders[True]:  # a full batch holds every example once
        assert set(step[0]) == first


def test_a_full_batch_has_no_noise_and_ghosts_have():
    """In one full batch the statistics cannot depend on the order; in ghosts they do."""
    full, part = (replace(QUICK, norm=ghosts(size), epochs=3, rates=(0.2,)) for size in (64, 4))
    shuffled = few_examples.batch_order

    def turned(*arguments):
        return shuffled(*arguments)[:, :, ::-1].copy()

    def both(config):
        with pytest.MonkeyPatch.context() as patch:
            first = few_examples._trained(config, load_digits(), [0.2], [0], None)
            patch.setattr(few_examples, "batch_order", lambda *a: np.roll(turned(*a), 2, axis=2))
            second = few_examples._trained(config, load_digits(), [0.2], [0], None)
        return first.head.weight.detach().numpy(), second.head.weight.detach().numpy()

    np.testing.assert_allclose(*both(full), rtol=1e-9)
    first, second = both(part)
    assert np.abs(first - second).max() > 1e-3


def test_more_examples_than_there_are_is_refused():
    with pytest.raises(ValueError, match=r"has 1197 examples to train on, but Config.examples is 1500"):
        run(replace(QUICK, examples=1500), seeds=(0,), progress=False)
