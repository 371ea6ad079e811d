"""The real handwritten digits that scikit-learn ships."""

import numpy as np
from sklearn.datasets import load_digits as _sklearn_digits
from sklearn.model_selection import train_test_split

from normcourse.data.splits import Dataset, Split

__all__ = ["load_digits"]


def load_digits(*, seed: int = 0) -> Dataset:
    """Load 1797 scanned digits of 8 x 8 pixels, split 1197 / 300 / 300 with equal class shares.

    Args:
        seed: Which examples fall into which split. The course always uses 0.

    Returns:
        Splits with ``x`` in ``[0, 1]`` (ink, scaled from the original 0 to 16), shape ``(N, 64)``,
        float32, rows of the image in order; and ``y`` in 0 to 9, int64.

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
    pixels, labels = _sklearn_digits(return_X_y=True)
    x, y = (pixels / 16).astype(np.float32), labels.astype(np.int64)
    x, x_test, y, y_test = train_test_split(x, y, test_size=300, stratify=y, random_state=seed)
    x, x_val, y, y_val = train_test_split(x, y, test_size=300, stratify=y, random_state=seed)
    return Dataset(Split(x, y), Split(x_val, y_val), Split(x_test, y_test))
