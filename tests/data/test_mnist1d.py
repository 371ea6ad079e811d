import random

import numpy as np
import pytest

from normcourse.data import load_mnist1d


def test_splits_are_disjoint_and_hold_every_class_alike():
    data = load_mnist1d()
    assert [len(split.y) for split in data] == [3200, 800, 1000]
    assert len(np.unique(np.concatenate([split.x for split in data]), axis=0)) == 5000
    for split in data:
        np.testing.assert_allclose(np.bincount(split.y, minlength=10) / len(split.y), 0.1, atol=0.03)


def test_all_examples_together_are_standardised():
    x = np.concatenate([split.x for split in load_mnist1d()])
    assert x.dtype == np.float32
    assert abs(x.mean()) < 1e-5
    assert x.std() == pytest.approx(1, abs=1e-5)


def test_the_generator_gives_what_it_gave():
    # The sum of one example: another version of the generator or of its interpolation would change it.
    assert load_mnist1d().test.x[0].sum() == pytest.approx(-4.04267, abs=1e-4)
    assert not np.array_equal(load_mnist1d(seed=1).test.y, load_mnist1d().test.y)


def test_the_global_generators_are_left_as_they_were():
    random.seed(5)
    np.random.seed(5)  # noqa: NPY002
    expected = random.random(), np.random.random()  # noqa: NPY002
    random.seed(5)
    np.random.seed(5)  # noqa: NPY002
    load_mnist1d.cache_clear()
    load_mnist1d()
    assert (random.random(), np.random.random()) == expected  # noqa: NPY002


def test_the_shared_arrays_cannot_be_written_to():
    with pytest.raises(ValueError, match="read-only"):
        load_mnist1d().train.x[0, 0] = 1
