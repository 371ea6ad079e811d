from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from normcourse.data import load_mnist1d
from normcourse.experiments.batchnorm import learning_rates
from normcourse.experiments.batchnorm.learning_rates import PARTS, Config, largest_rate, run, window
from normcourse.experiments.engine.stacked import StackedMLP
from normcourse.experiments.engine.training import batch_order, train

RATES = [0.001, 0.01, 0.1, 1.0, 10.0]


def test_the_window_counts_the_steps_of_the_grid_that_are_good_enough():
    accuracy = np.array([[0.1, 0.5, 0.46, 0.44, 0.1], [0.1, 0.1, 0.1, 0.1, 0.9]])
    np.testing.assert_allclose(window(RATES, accuracy), [2, 1])
    np.testing.assert_allclose(window(RATES, accuracy, share=0.8), [3, 1])
    np.testing.assert_array_equal(largest_rate(RATES, accuracy), [0.1, 10])
    np.testing.assert_array_equal(largest_rate(RATES, accuracy, share=0.8), [1, 10])


def test_rates_that_are_not_evenly_spaced_are_refused():
    with pytest.raises(ValueError, match=r"evenly spaced on a logarithmic axis; got \(0.1, 0.2, 1.0\)"):
        window((0.1, 0.2, 1.0), np.zeros(3))


def test_each_accuracy_belongs_to_its_rate_and_its_seed():
    quick = Config("relu, 2 layers", width=16, steps=60)
    both = run(quick, [0.003, 0.3], seeds=(0, 1, 2), progress=False)
    assert both.shape == (3, 2)
    assert (both[:, 1] > both[:, 0]).all()
    np.testing.assert_array_equal(run(quick, [0.3], seeds=(2,), progress=False), both[2:, 1:])


def test_a_network_that_diverges_answers_like_chance():
    wild = run(
        Config("relu, 6 layers", norm="none", width=16, steps=60), [100.0], seeds=(0, 1), progress=False
    )
    assert (wild < 0.2).all()


def test_a_part_at_the_rate_of_the_rest_trains_as_all_do():
    quick = Config("relu, 2 layers", width=16, steps=20, rest=0.3)
    same = [run(replace(quick, part=part), [0.3], seeds=(0, 1), progress=False) for part in PARTS]
    np.testing.assert_allclose(same[1:], same[:1] * 2)


def test_the_part_takes_its_rate_and_the_rest_its_own():
    quick = Config("relu, 2 layers", width=16, steps=5, rest=0.0)
    data, moved = load_mnist1d(), {}
    for part in PARTS:
        network = StackedMLP((40, 16, 16, 10), seeds=(0, 0), norm="batch", gain=2**0.5)
        before = {name: value.clone() for name, value in network.named_parameters()}
        order = batch_order(len(data.train.y), 60, 5, (0, 0))
        optimiser = partial(learning_rates._with_rest, network, (0.1, 0.2), replace(quick, part=part))
        list(train(network, data.train, order, (0.1, 0.2), optimiser=optimiser))
        moved[part] = {name for name, value in network.named_parameters() if not value.equal(before[name])}
    hidden = {"linear.0.weight", "linear.1.weight"}
    assert moved["hidden weights"] == hidden
    assert moved["others"] == moved["all"] - hidden
    assert {"head.weight", "norm.0.layer.weight", "norm.1.layer.bias"} <= moved["others"]


def test_an_unknown_part_is_refused():
    with pytest.raises(ValueError, match="part must be one of all, hidden weights, others, but got 'head'"):
        Config(part="head")
