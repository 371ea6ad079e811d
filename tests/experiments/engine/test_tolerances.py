import numpy as np
import pytest

from normcourse.experiments.engine.tolerances import Tolerance, examples, magnitude, nats, relative

CASES = [
    (examples(2, of=300), [0.96, 0.97], 0.0066, 0.0068),
    (nats(0.01), [3.3, 0.0], 0.0099, 0.0101),
    (Tolerance(20, "steps"), [860.0, 40.0], 19.9, 20.1),
]


@pytest.mark.parametrize(("tolerance", "kept", "near", "far"), CASES)
def test_a_distance_is_told_in_units(tolerance, kept, near, far):
    kept = np.array(kept)
    for sign in (-1, 1):
        assert tolerance.distance(kept + sign * near * np.array([0, 1]), kept) <= tolerance.amount
        assert tolerance.distance(kept + sign * far * np.array([0, 1]), kept) > tolerance.amount


def test_a_relative_distance_follows_the_size():
    assert relative(0.01).distance([100.9, 0.0100], [100, 0.0101]) <= 0.01
    assert relative(0.01).distance([100, 0.0102], [100, 0.0101]) < 0.01
    assert relative(0.01).distance([101.1], [100]) > 0.01


def test_of_a_rounding_error_the_magnitude_counts():
    assert magnitude().distance([3.6e-16], [5.5e-16]) < 1
    assert magnitude().distance([5.6e-15], [5.5e-16]) > 1
    assert magnitude().distance([0.0], [5.5e-16]) == np.inf  # no rounding at all is another computation


@pytest.mark.parametrize("tolerance", [examples(2, of=300), relative(1), magnitude()])
@pytest.mark.parametrize(
    ("now", "then"), [([np.nan], [1.0]), ([1.0], [np.nan]), ([np.inf], [1.0]), ([1.0], [np.inf])]
)
def test_what_has_no_number_is_infinitely_far(tolerance, now, then):
    assert tolerance.distance(now, then) == np.inf


def test_what_a_record_rounds_is_no_distance():
    values = np.array([0.123456789, np.nan, np.inf, 0.0])
    assert nats(0).distance(values, [0.123457, np.nan, np.inf, 0.0]) == 0
