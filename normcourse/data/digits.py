"""The real handwritten digits that scikit-learn ships."""

import gzip
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from normcourse.data.splits import Dataset, Split

__all__ = ["load_digits"]

_SIZES = (1197, 300, 300)
# A row is an image's 64 pixels and its label; they stand in the order of the splits for seed 0. So the course
# needs no scikit-learn here, which its published pages have not, and no release of it splits them otherwise.
_FILE = files("normcourse.data") / "scanned_digits.gz"


def load_digits(*, seed: int = 0) -> Dataset:
    """Load 1797 scanned digits of 8 x 8 pixels, split 1197 / 300 / 300 with equal class shares.

    Args:
        seed: Which examples fall into which split. The course always uses 0; another needs scikit-learn.

    Returns:
        Splits with ``x`` in ``[0, 1]`` (ink, scaled from the original 0 to 16), shape ``(N, 64)``,
        float32, rows of the image in order; and ``y`` in 0 to 9, int64.

    Raises:
        ImportError: Another seed than 0 without scikit-learn.

    Source:
        Alpaydin and Kaynak, Optical Recognition of Handwritten Digits, UCI, doi:10.24432/C50P49; the
        test part of that set, as shipped with scikit-learn.

    Example:
        >>> digits = load_digits()
        >>> [len(split.y) for split in digits]
        [1197, 300, 300]
        >>> digits.train.x.shape, float(digits.train.x.min()), float(digits.train.x.max())
        ((1197, 64), 0.0, 1.0)
    """
    rows = _shipped() if seed == 0 else _split_anew(seed)
    x, y = (rows[:, :-1] / 16).astype(np.float32), rows[:, -1].astype(np.int64)
    starts = np.cumsum(_SIZES)[:-1]
    return Dataset(*map(Split, np.split(x, starts), np.split(y, starts)))


def _shipped() -> NDArray[np.uint8]:
    return np.frombuffer(gzip.decompress(_FILE.read_bytes()), dtype=np.uint8).reshape(-1, 65)


def _split_anew(seed: int) -> NDArray[np.uint8]:
    try:
        from sklearn.datasets import load_digits as load
        from sklearn.model_selection import train_test_split
    except ImportError as error:
        raise ImportError(
            f"load_digits(seed={seed}) splits the digits with scikit-learn, which is not here; the notebook "
            "on your computer has it, and seed 0, the course's own, needs none"
        ) from error
    rows = np.column_stack(load(return_X_y=True)).astype(np.uint8)
    rest, test = train_test_split(rows, test_size=_SIZES[2], stratify=rows[:, -1], random_state=seed)
    train, validation = train_test_split(rest, test_size=_SIZES[1], stratify=rest[:, -1], random_state=seed)
    return np.concatenate([train, validation, test])
