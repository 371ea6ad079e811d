"""MNIST-1D: curves that stand for the ten digits, drawn by a generator."""

import random
from functools import cache

import numpy as np

from normcourse.data.splits import Dataset, Split, frozen

__all__ = ["load_mnist1d"]


@cache
def load_mnist1d(*, seed: int = 42) -> Dataset:
    """Generate 5000 noisy one-dimensional digits of 40 samples, split 3200 / 800 / 1000.

    Harder than the scanned digits: a good network misses some, so that differences show. The first call takes
    about a second; the arrays are shared and cannot be written to.

    Args:
        seed: Of the generator. 42 is the generator's own choice, and the course always uses it.

    Returns:
        Splits with ``x`` of shape ``(N, 40)``, float32, mean 0 and variance 1 over all examples and
        positions; and ``y`` in 0 to 9, int64. Test is the generator's own last fifth, validation the last
        fifth of the rest.

    Source:
        Greydanus and Kobak, Scaling down Deep Learning with MNIST-1D, 2020, arXiv 2011.14439; made by the
        authors' package ``mnist1d``, and nothing is downloaded.

    Example:
        >>> [split.x.shape for split in load_mnist1d()]
        [(3200, 40), (800, 40), (1000, 40)]
    """
    from mnist1d.data import ObjectView, get_dataset_args, make_dataset  # draws in pyplot, so only here

    kept = random.getstate(), np.random.get_state()  # noqa: NPY002, the generator seeds the global ones
    try:
        made = make_dataset(ObjectView(get_dataset_args(as_dict=True) | {"seed": seed}))
    finally:
        random.setstate(kept[0])
        np.random.set_state(kept[1])  # noqa: NPY002
    train, validation = np.split(np.arange(len(made["y"])), [len(made["y"]) * 4 // 5])
    parts = [(made["x"][at], made["y"][at]) for at in (train, validation)]
    return Dataset(*(frozen(Split(x, y)) for x, y in (*parts, (made["x_test"], made["y_test"]))))
