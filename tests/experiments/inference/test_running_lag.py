import numpy as np
import pytest

from normcourse.experiments.inference.running_lag import Config, run


def test_running_mean_follows_the_recursion():
    result = run(Config(momentum=0.3, steps=20, ramp=(5, 15)))
    expected = [0.0]
    for mean in result.batch:
        expected.append(0.7 * expected[-1] + 0.3 * mean)
    np.testing.assert_allclose(result.running, expected[1:], atol=1e-12)


def test_true_mean_is_flat_rises_and_is_flat():
    true = run(Config(steps=200)).true
    assert set(true[:51]) == {0}
    assert set(true[150:]) == {3}
    np.testing.assert_allclose(np.diff(true[50:151]), 0.03)


@pytest.mark.parametrize(("momentum", "steps_behind"), [(0.1, 9.0), (0.05, 19.0)])
def test_lag_is_one_minus_momentum_over_momentum_steps(momentum, steps_behind):
    lag = run(Config(momentum, batch_size=4096, steps=400, ramp=(0, 400))).lag
    assert lag == pytest.approx(steps_behind * 3 / 400, rel=0.02)


def test_noise_grows_with_momentum():
    errors = [run(Config(momentum)).final_error for momentum in (0.03, 0.1, 0.3, 0.9)]
    assert errors == sorted(errors)


def test_every_momentum_sees_the_same_batches():
    np.testing.assert_array_equal(run(Config(0.1)).batch, run(Config(0.9)).batch)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"momentum": 0.0}, "momentum must be above 0 and at most 1, got 0"),
        ({"momentum": 1.5}, "got 1.5"),
        ({"momentum": float("nan")}, "got nan"),
        ({"batch_size": 1}, "at least 2 examples, but batch_size is 1"),
        ({"ramp": (150, 50)}, "ramp from 150 to 50 in 300"),
        ({"ramp": (50, 51)}, "at least 2 steps"),
        ({"ramp": (-10, 20)}, "within the run"),
        ({"steps": 149}, "ramp from 50 to 150 in 149"),
    ],
)
def test_settings_that_measure_nothing_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        Config(**settings)


def test_the_narrowest_settings_give_numbers():
    result = run(Config(momentum=1.0, batch_size=2, steps=4, ramp=(2, 4)))
    assert np.isfinite([result.lag, result.final_error]).all()
    np.testing.assert_allclose(result.running, result.batch)
