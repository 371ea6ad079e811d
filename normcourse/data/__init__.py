"""Data sets that need no download: each function returns NumPy arrays, the same on every machine."""

from normcourse.data.digits import load_digits
from normcourse.data.mnist1d import load_mnist1d
from normcourse.data.splits import Dataset, Split

__all__ = ["Dataset", "Split", "load_digits", "load_mnist1d"]
