"""Data sets that need no download: each function returns NumPy arrays, the same on every machine."""

from normcourse.data.digits import Dataset, Split, load_digits

__all__ = ["Dataset", "Split", "load_digits"]
