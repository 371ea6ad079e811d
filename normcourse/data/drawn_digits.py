"""Digits drawn from fonts, turned, slanted, scaled and moved a little, with noise."""

import gzip
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from normcourse.data.splits import Dataset, Split, frozen

__all__ = ["load_drawn_digits"]

_SIDE = 16
_GLYPH = 64  # a digit is drawn this large once, then taken through a map of the plane for each example
_FONTS = 12  # DejaVu Sans, Sans Mono and Serif, each upright, bold, slanted and both
_FILE = files("normcourse.data") / "digit_glyphs.gz"


@cache
def load_drawn_digits(*, seed: int = 0) -> Dataset:
    """Draw 8000 digits of 16 x 16 pixels, split 5000 / 1000 / 2000, with classes in turn.

    Each is a digit of one of twelve DejaVu fonts, turned by up to 15 degrees, slanted, scaled by 0.75 to
    1.05, moved by up to 2 pixels, and covered with Gaussian noise of standard deviation 0.1. The first call
    takes a second or two; the arrays are shared and cannot be written to.

    Args:
        seed: Of all that is random. The course always uses 0.

    Returns:
        Splits with ``x`` in ``[0, 1]`` (ink), shape ``(N, 256)``, float32, rows of the image in order; and
        ``y`` in 0 to 9, int64.

    Example:
        >>> digits = load_drawn_digits()
        >>> [split.x.shape for split in digits]
        [(5000, 256), (1000, 256), (2000, 256)]
    """
    rng = np.random.default_rng(seed)
    glyphs, sizes = _glyphs(), (5000, 1000, 2000)
    labels = np.arange(sum(sizes)) % 10
    ink = np.stack([_drawn(glyphs[rng.integers(len(glyphs))][label], rng) for label in labels])
    noisy = np.clip(ink + rng.normal(0, 0.1, ink.shape), 0, 1).astype(np.float32)
    starts = np.cumsum(sizes)[:-1]
    parts = zip(np.split(noisy, starts), np.split(labels, starts), strict=True)
    return Dataset(*(frozen(Split(*part)) for part in parts))


def _glyphs() -> NDArray[np.uint8]:
    """Every digit of every font, white on black in the middle of a square: ``[font, digit, row, column]``."""
    # Pillow drew them once: where it sets a slanted digit depends on whether the machine has FriBidi.
    ink = np.frombuffer(gzip.decompress(_FILE.read_bytes()), dtype=np.uint8)
    return ink.reshape(_FONTS, 10, _GLYPH, _GLYPH)


def _drawn(glyph: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.float64]:
    """Take a glyph through a random map of the plane to a small image, flat, in [0, 1]."""
    from PIL import Image

    turn, slant = rng.uniform(-np.pi / 12, np.pi / 12), rng.uniform(-0.2, 0.2)
    scale, moved = rng.uniform(0.75, 1.05), rng.uniform(-2, 2, 2)
    forward = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    forward = forward @ np.array([[1, slant], [0, 1]])
    # Pillow asks where each pixel comes from. Twice the side, then halved, so that edges are smooth.
    back = np.linalg.inv(forward) * _GLYPH / (2 * _SIDE)
    offset = _GLYPH / 2 - back @ (_SIDE + 2 * moved)
    matrix = (*back[0], offset[0], *back[1], offset[1])
    large = Image.fromarray(glyph).transform(
        (2 * _SIDE, 2 * _SIDE), Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR
    )
    return np.asarray(large.reduce(2), dtype=np.float64).ravel() / 255
