import numpy as np
import pytest

from normcourse.experiments.batchnorm.learning_rates import Config, largest_rate, run, window

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
