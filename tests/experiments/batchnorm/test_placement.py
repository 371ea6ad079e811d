from dataclasses import replace

import numpy as np
import pytest

from normcourse.experiments.batchnorm.placement import GAINS, Config, _skewness, run

QUICK = Config(hidden=(16, 16), steps=20)


@pytest.mark.parametrize("placement", ["none", "before", "after"])
def test_shapes_and_ranges(placement):
    result = run(replace(QUICK, placement=placement), seeds=(0, 1, 2), progress=False)
    assert result.validation.shape == result.test.shape == (3,)
    assert 0.1 < result.test.min() <= result.test.max() < 1
    for values in (result.skewness, result.zeros, result.new_skewness, result.new_zeros):
        assert values.shape == (3, 2)
        assert (values >= 0).all()


@pytest.mark.parametrize("activation", GAINS)
def test_new_networks_are_alike_wherever_the_norm_is(activation):
    found = [
        run(
            replace(QUICK, activation=activation, placement=place, hidden=(16,), steps=1),
            seeds=(3,),
            progress=False,
        )
        for place in ("none", "after")
    ]
    np.testing.assert_allclose(found[0].new_skewness, found[1].new_skewness)


def test_a_relu_makes_zeros_and_skewness_and_a_tanh_makes_neither():
    relu, tanh = (
        run(replace(QUICK, activation=name), seeds=(0,), progress=False) for name in ("relu", "tanh")
    )
    [[before, after]] = relu.new_skewness
    assert after > 4 * before
    np.testing.assert_allclose(relu.new_zeros, [[0, 0.5]], atol=0.1)
    assert tanh.new_skewness.max() < 0.3
    np.testing.assert_array_equal(tanh.new_zeros, 0)


def test_seeds_do_not_touch_each_other():
    alone, among = (run(QUICK, seeds=seeds, progress=False) for seeds in ((4,), (3, 4)))
    np.testing.assert_array_equal(alone.test[0], among.test[1])
    np.testing.assert_allclose(alone.skewness[0], among.skewness[1])


def test_skewness_of_known_shapes():
    exponential = -np.log(1 - (np.arange(20000) + 0.5) / 20000)
    constant = np.full(20000, 0.1)
    two = np.resize([-1.0, 1.0], 20000)
    found = _skewness(np.stack([exponential, -3 * exponential, two, constant]))
    np.testing.assert_allclose(found, [2, -2, 0, 0], atol=0.02)
