import sys

import numpy as np
import pytest
from sklearn.datasets import load_digits as scikit_learns
from sklearn.model_selection import train_test_split

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


@pytest.mark.parametrize("seed", [0, 1])
def test_they_are_scikit_learns_digits_and_its_splits(seed):
    pixels, labels = scikit_learns(return_X_y=True)
    x, y = (pixels / 16).astype(np.float32), labels.astype(np.int64)
    x, x_test, y, y_test = train_test_split(x, y, test_size=300, stratify=y, random_state=seed)
    x, x_val, y, y_val = train_test_split(x, y, test_size=300, stratify=y, random_state=seed)
    due = ((x, y), (x_val, y_val), (x_test, y_test))
    for ours, theirs in zip(load_digits(seed=seed), due, strict=True):
        np.testing.assert_array_equal(ours.x, theirs[0], strict=True)
        np.testing.assert_array_equal(ours.y, theirs[1], strict=True)


def test_without_scikit_learn_there_is_the_courses_split_alone(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    assert len(load_digits().train.y) == 1197
    with pytest.raises(ImportError, match=r"seed=2.*scikit-learn.*the notebook on your computer has it"):
        load_digits(seed=2)
