"""The one forward and the one backward: standardise a view over the pool of its norm."""

from typing import NamedTuple

import numpy as np

from normcourse.reference._checks import Array
from normcourse.taxonomy import NormSpec

__all__ = ["Standardised", "standardise", "standardise_backward"]


class Standardised(NamedTuple):
    """A standardised view and the statistics that did it.

    The statistics keep the pooled axes with size 1, so that they broadcast against the view. ``mean`` is
    None where the norm does not centre; ``var`` is then the mean of the squares. ``fixed`` says that the
    statistics did not come from this view, so that no gradient flows through them.
    """

    xhat: Array
    mean: Array | None
    var: Array
    rstd: Array
    fixed: bool


def standardise(
    view: Array, spec: NormSpec, *, eps: float = 1e-5, fixed: tuple[Array, ...] | None = None
) -> Standardised:
    r"""Subtract the mean of each pool and divide by its standard deviation.

    .. math:: \hat x = \frac{x - \mu}{\sqrt{\sigma^2 + \varepsilon}}

    The pool and whether the mean is subtracted come from ``spec``. The variance is the biased one (over
    n, not n - 1), taken in two passes: :math:`E[x^2] - E[x]^2` would cancel at a large offset.

    Args:
        view: Floating array whose axes are the letters of ``spec.view``.
        spec: Row of the taxonomy.
        eps: Added to the variance, in the squared units of ``view``.
        fixed: A mean and a variance that broadcast against ``view``, to use in place of its own.

    Returns:
        The standardised view, of the view's shape, and its statistics.

    Source:
        Variance with the mean's rounding error taken out: Chan, Golub and LeVeque, 1983.

    Example:
        >>> from normcourse.taxonomy import TAXONOMY
        >>> xhat, mean, var, *_ = standardise(np.array([[1.0, 3.0, 5.0]]), TAXONOMY["LayerNorm"])
        >>> xhat.round(3), mean, var.round(3)
        (array([[-1.225, 0. , 1.225]]), array([[3.]]), array([[2.667]]))
    """
    if fixed is not None:
        mean, var = fixed
        rstd = 1 / np.sqrt(var + eps)
        return Standardised((view - mean) * rstd, mean, var, rstd, fixed=True)
    centred, centre = (view, None) if not spec.centred else _centre(view, spec.pool_axes)
    squares = np.square(centred)
    var = squares.mean(spec.pool_axes, keepdims=True)
    rstd = 1 / np.sqrt(var + eps)
    xhat = np.multiply(centred, rstd, out=squares)  # new memory costs as much as the arithmetic
    return Standardised(xhat, centre, var, rstd, fixed=False)


def _centre(view: Array, axes: tuple[int, ...]) -> tuple[Array, Array]:
    """The view less its mean, and that mean.

    Centring twice takes out the first mean's rounding error: in float32 at an offset of 1e4 that error
    is about 1e-3, enough to give a constant feature a variance.
    """
    mean = view.mean(axes, keepdims=True)
    centred = view - mean
    rest = centred.mean(axes, keepdims=True)
    centred -= rest
    return centred, mean + rest


def standardise_backward(dxhat: Array, forward: Standardised, spec: NormSpec) -> Array:
    r"""Gradient with respect to the view, from the gradient with respect to the standardised view.

    .. math::
        dx = \frac{1}{\sqrt{\sigma^2 + \varepsilon}}
             \left(d\hat x - \overline{d\hat x} - \hat x \, \overline{d\hat x \odot \hat x}\right)

    The bars are means over the pool. The second term is the path through the mean (absent where the norm
    does not centre), the third the path through the variance; with fixed statistics only the first is
    left. It is derived in the chapter BatchNorm mechanics, equation (bn-backward).

    Args:
        dxhat: Gradient of the loss with respect to ``forward.xhat``, of its shape.
        forward: What :func:`standardise` returned.
        spec: The row of the taxonomy that it was given.

    Returns:
        Gradient with respect to the view, of its shape.

    Example:
        >>> from normcourse.taxonomy import TAXONOMY
        >>> spec = TAXONOMY["LayerNorm"]
        >>> forward = standardise(np.array([[1.0, 3.0, 5.0]]), spec)
        >>> standardise_backward(np.ones((1, 3)), forward, spec)  # a shared shift changes nothing
        array([[0., 0., 0.]])
    """
    if forward.fixed:
        return dxhat * forward.rstd
    xhat, axes = forward.xhat, spec.pool_axes
    along_xhat = dxhat * xhat
    through_var = np.multiply(xhat, along_xhat.mean(axes, keepdims=True), out=along_xhat)
    dx: Array = dxhat - through_var
    if spec.centred:
        dx -= dxhat.mean(axes, keepdims=True)
    dx *= forward.rstd
    return dx
