import numpy as np
import pytest

from normcourse.experiments.batchnorm.batch_noise import Config, run


@pytest.fixture(scope="module")
def result():
    return run()


def test_the_mean_of_a_batch_is_as_noisy_as_theory_says(result):
    expected = 1 / np.sqrt(result.config.batch_sizes)
    np.testing.assert_allclose(result.means.std(axis=1), expected, rtol=0.07)


def test_the_variance_of_a_batch_is_as_noisy_as_its_kurtosis_says_and_too_small_by_one_part_in_n(result):
    sizes = np.array(result.config.batch_sizes)
    np.testing.assert_allclose(result.variances.mean(axis=1), 1 - 1 / sizes, atol=0.04)
    large = sizes >= 8
    expected = np.sqrt((result.kurtosis - 1) / sizes[large])
    np.testing.assert_allclose(result.variances.std(axis=1)[large], expected, rtol=0.07)
    assert 1.8 < result.kurtosis < 4


def test_a_batch_of_two_gives_plus_or_minus_one(result):
    outputs = result.outputs[0]
    assert np.mean(np.isclose(np.abs(outputs), 1, atol=1e-2)) > 0.97  # eps shows in the rest


def test_large_batches_agree_on_the_example(result):
    spread = result.outputs.std(axis=1)
    assert (np.diff(spread) < 0).all()
    assert abs(result.outputs[-1].mean() - result.example) < 0.02


def test_a_seed_gives_the_same_draws_and_another_seed_others():
    small = Config(batch_sizes=(4,), batches=10)
    np.testing.assert_array_equal(run(small).outputs, run(small).outputs)
    assert (run(small).outputs != run(Config((4,), 10, seed=1)).outputs).any()
