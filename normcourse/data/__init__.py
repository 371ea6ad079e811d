"""Data sets that need no download: each function returns NumPy arrays, the same on every machine."""

from normcourse.data import corruptions
from normcourse.data.digits import load_digits
from normcourse.data.drawn_digits import load_drawn_digits
from normcourse.data.mnist1d import load_mnist1d
from normcourse.data.splits import Dataset, Split
from normcourse.data.text import Text, help_topics, library_modules, load_text

__all__ = [
    "Dataset",
    "Split",
    "Text",
    "corruptions",
    "help_topics",
    "library_modules",
    "load_digits",
    "load_drawn_digits",
    "load_mnist1d",
    "load_text",
]
