"""Changes of the light, the lens and the sensor, which move the inputs of a network that never saw them."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["blur", "brightness", "contrast", "invert", "noise"]

Images = NDArray[np.float32]


def brightness(x: Images, shift: float) -> Images:
    """Add the same light to every pixel.

    Args:
        x: Images in ``[0, 1]``, shape ``(N, pixels)``.
        shift: What is added, in the unit of the pixels; negative is darker.

    Returns:
        A new array, cut off at 0 and 1.

    Example:
        >>> brightness(np.array([[0.0, 0.5, 0.9]], dtype=np.float32), 0.25)
        array([[0.25, 0.75, 1.  ]], dtype=float32)
    """
    return _images(_checked(x) + shift)


def contrast(x: Images, factor: float) -> Images:
    """Pull every pixel towards the mean of its image, or away from it.

    Args:
        x: Images in ``[0, 1]``, shape ``(N, pixels)``.
        factor: Of the distance from the mean: below 1 is greyer, 0 is all grey.

    Returns:
        A new array, cut off at 0 and 1.

    Raises:
        ValueError: A negative factor.

    Example:
        >>> contrast(np.array([[0.0, 1.0]], dtype=np.float32), 0.5)
        array([[0.25, 0.75]], dtype=float32)
    """
    _check_amount("contrast's factor", factor, "to swap ink and paper, use invert")
    mean = _checked(x).mean(axis=1, keepdims=True)
    return _images(mean + factor * (x - mean))


def noise(x: Images, std: float, *, seed: int = 0) -> Images:
    """Add Gaussian noise to every pixel.

    Args:
        x: Images in ``[0, 1]``, shape ``(N, pixels)``.
        std: Standard deviation, in the unit of the pixels.
        seed: Of the noise; equal seeds add equal noise.

    Returns:
        A new array, cut off at 0 and 1.

    Raises:
        ValueError: A negative standard deviation.

    Example:
        >>> x = np.full((1, 4), 0.5, dtype=np.float32)
        >>> bool((noise(x, 0.1, seed=1) == noise(x, 0.1, seed=1)).all()), bool((noise(x, 0.1) == x).any())
        (True, False)
    """
    _check_amount("the noise's standard deviation", std, "0 adds none")
    return _images(_checked(x) + np.random.default_rng(seed).normal(0, std, x.shape))


def blur(x: Images, sigma: float) -> Images:
    """Smear every pixel over its neighbours; beyond the edge there is no ink.

    Args:
        x: Square images in ``[0, 1]``, shape ``(N, pixels)``, rows in order.
        sigma: Standard deviation of the Gaussian, in pixels.

    Returns:
        A new array.

    Raises:
        ValueError: The number of pixels is not a square, or a negative standard deviation.

    Example:
        >>> spot = np.zeros((1, 9), dtype=np.float32)
        >>> spot[0, 4] = 1
        >>> blur(spot, 0.5).reshape(3, 3).round(2)
        array([[0.01, 0.08, 0.01],
               [0.08, 0.62, 0.08],
               [0.01, 0.08, 0.01]], dtype=float32)
    """
    from scipy import ndimage  # here, since the data sets come without SciPy

    _check_amount("the blur's standard deviation", sigma, "0 leaves the images as they are")
    count, pixels = _checked(x).shape
    side = round(pixels**0.5)
    if side**2 != pixels:
        raise ValueError(f"blur needs square images, rows in order; {pixels} pixels are not a square")
    squares = x.reshape(count, side, side)
    return _images(ndimage.gaussian_filter(squares, (0, sigma, sigma), mode="constant").reshape(x.shape))


def invert(x: Images) -> Images:
    """Swap ink and paper: one minus every pixel.

    Args:
        x: Images in ``[0, 1]``, shape ``(N, pixels)``.

    Returns:
        A new array.

    Example:
        >>> invert(np.array([[0.0, 0.25]], dtype=np.float32))
        array([[1.  , 0.75]], dtype=float32)
    """
    return _images(1 - _checked(x))


def _checked(x: Images) -> Images:
    if x.ndim != 2 or x.size == 0:
        raise ValueError(
            f"images must be of shape (N, pixels), at least one; got shape {x.shape}; "
            "x.reshape(len(x), -1) flattens squares, x[None] makes one image a batch"
        )
    if not (x.min() >= 0 and x.max() <= 1):  # so worded, it refuses NaN as well
        raise ValueError(
            f"images must be in [0, 1]; got {x.min():g} to {x.max():g}; divide them by the value of full ink"
        )
    return x


def _check_amount(name: str, amount: float, mend: str) -> None:
    if not amount >= 0:
        raise ValueError(f"{name} must be at least 0, but got {amount}; {mend}")


def _images(x: NDArray[np.floating]) -> Images:
    clipped: Images = np.clip(x, 0, 1).astype(np.float32)
    return clipped
