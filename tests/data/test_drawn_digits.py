from hashlib import sha256

import numpy as np
import pytest

from normcourse.data import load_drawn_digits
from normcourse.data.drawn_digits import _glyphs

DIGEST = "a41e6faa64bf89b48213c08e51e3761512053ad8fb6a6fb44ead1bb4848ef9ef"


def test_splits_hold_every_class_alike_and_no_image_twice():
    digits = load_drawn_digits()
    for split, size in zip(digits, (5000, 1000, 2000), strict=True):
        assert split.x.shape == (size, 256)
        assert split.x.dtype == np.float32
        assert (np.bincount(split.y) == size // 10).all()
    assert len(np.unique(np.concatenate([split.x for split in digits]), axis=0)) == 8000


def test_pixels_are_ink_between_0_and_1():
    x = load_drawn_digits().train.x
    assert (x.min(), x.max()) == (0, 1)
    assert 0.05 < x.mean() < 0.3


def test_a_digit_lies_in_the_middle_and_classes_look_different():
    train = load_drawn_digits().train
    means = np.stack([train.x[train.y == digit].mean(axis=0) for digit in range(10)]).reshape(10, 16, 16)
    assert means[:, 4:12, 4:12].mean() > 2 * means[:, [0, -1]].mean()
    # The nearest mean image names far more of the digits than chance: the labels belong to the images.
    nearest = ((train.x[:500, None] - means.reshape(1, 10, 256)) ** 2).sum(axis=2).argmin(axis=1)
    assert (nearest == train.y[:500]).mean() > 0.3  # by chance 0.1


def test_labels_name_the_digit_that_is_drawn():
    train = load_drawn_digits().train
    means = np.stack([train.x[train.y == digit].mean(axis=0) for digit in range(10)]).reshape(10, 16, 16)
    ink = means.mean(axis=(1, 2))
    assert (ink.argmax(), ink.argmin()) == (8, 7)
    leaning = means[:, :, :8].mean(axis=(1, 2)) - means[:, :, 8:].mean(axis=(1, 2))
    assert (leaning.argmax(), leaning.argmin()) == (6, 3)  # a 6 is heavier on the left, a 3 on the right


def test_same_digits_every_time_and_others_for_another_seed():
    first, again = load_drawn_digits(), load_drawn_digits.__wrapped__()
    np.testing.assert_array_equal(again.test.x, first.test.x)
    assert not np.array_equal(load_drawn_digits.__wrapped__(seed=1).test.x, first.test.x)


def test_the_glyphs_are_those_that_the_records_were_made_on():
    glyphs = _glyphs()
    assert glyphs.shape == (12, 10, 64, 64)
    assert sha256(glyphs.tobytes()).hexdigest() == DIGEST


def test_the_shared_arrays_cannot_be_written_to():
    with pytest.raises(ValueError, match="read-only"):
        load_drawn_digits().train.x[0, 0] = 1
