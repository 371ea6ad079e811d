import numpy as np

from normcourse.data import load_digits


def test_splits_are_disjoint_complete_and_balanced():
    digits = load_digits()
    assert sum(len(split.y) for split in digits) == 1797
    for split in digits:
        shares = np.bincount(split.y, minlength=10) / len(split.y)
        np.testing.assert_allclose(shares, 0.1, atol=0.01)


def test_same_split_every_time_and_another_for_another_seed():
    first, again, other = load_digits(), load_digits(), load_digits(seed=1)
    np.testing.assert_array_equal(first.test.x, again.test.x)
    assert not np.array_equal(first.test.y, other.test.y)


def test_pixels_are_float32_fractions_of_full_ink():
    for split in load_digits():
        assert split.x.dtype == np.float32
        assert split.x.min() == 0
        assert split.x.max() == 1
        np.testing.assert_array_equal(split.x * 16, np.round(split.x * 16))
