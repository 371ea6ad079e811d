import numpy as np
import pytest

from normcourse.experiments.batchnorm.weight_plane import Config, landscape, run


def test_each_step_adds_the_square_of_its_length():
    result = run(Config(length=0.7))
    moved = np.diff(result.weights, axis=0)
    np.testing.assert_allclose(np.diff(result.length**2), (moved**2).sum(axis=1), rtol=1e-9)


def test_the_first_step_turns_by_its_length_over_that_of_the_weights():
    result = run(Config(length=0.7))
    step = np.linalg.norm(result.weights[1] - result.weights[0])
    assert np.tan(np.radians(result.turned[1])) == pytest.approx(step / 0.7)


@pytest.mark.parametrize("factor", [0.5, 3.0])
def test_equal_effective_rates_turn_alike(factor):
    short, long = run(), run(Config(length=factor, learning_rate=factor**2))
    np.testing.assert_allclose(long.weights, factor * short.weights, rtol=1e-9)
    np.testing.assert_allclose(long.loss, short.loss, rtol=1e-9)
    assert abs(run(Config(length=factor)).turned[1] - short.turned[1]) > 1


def test_the_landscape_is_the_loss_of_a_direction():
    result = run(Config(length=2.5, angle=-0.4))
    np.testing.assert_allclose(landscape(np.array([-0.4])), result.loss[:1])
    assert result.loss[-1] < result.loss[0]


def test_the_walk_goes_downhill_to_the_lowest_direction():
    lowest = landscape(np.linspace(-np.pi, np.pi, 361)).min()
    assert run(Config(steps=200)).loss[-1] == pytest.approx(lowest, abs=1e-4)
