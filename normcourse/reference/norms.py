"""The five norms: a view, the one standardisation, an affine; and the one backward through all three."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from normcourse.reference import _checks
from normcourse.reference._checks import Array
from normcourse.reference.core import Standardised, standardise, standardise_backward
from normcourse.reference.running import RunningStats
from normcourse.reference.view import View
from normcourse.taxonomy import TAXONOMY

__all__ = [
    "Cache",
    "Grads",
    "backward",
    "batch_norm",
    "batch_norm_backward",
    "group_norm",
    "group_norm_backward",
    "instance_norm",
    "instance_norm_backward",
    "layer_norm",
    "layer_norm_backward",
    "rms_norm",
    "rms_norm_backward",
]


class Grads(NamedTuple):
    """Gradients of the loss: ``dx`` of the input's shape, ``dgamma`` and ``dbeta`` of their parameter's.

    The gradient of a parameter that was left out is None.
    """

    dx: Array
    dgamma: Array | None
    dbeta: Array | None


@dataclass(frozen=True)
class Cache:
    """What a backward needs from its forward; the statistics are there to be looked at too.

    They are of the dtype that was computed in: float32 for float16 input, the input's own otherwise.
    """

    view: View
    standardised: Standardised
    gamma: Array | None  # a copy that broadcasts against the view
    dtype: np.dtype[np.floating]
    gamma_dtype: np.dtype[np.floating] | None
    beta_dtype: np.dtype[np.floating] | None

    @property
    def xhat(self) -> Array:
        """The standardised input before the affine, of the input's shape."""
        return self.view.leave(self.standardised.xhat)

    @property
    def mean(self) -> Array | None:
        """The mean that was subtracted, or None for RMSNorm; the pooled axes are gone from its shape.

        That leaves ``(C,)`` for BatchNorm, ``(N, C)`` for InstanceNorm, ``(N, G)`` for GroupNorm and the
        axes that are not normalized for LayerNorm.
        """
        mean = self.standardised.mean
        return None if mean is None else mean.reshape(self.view.statistic_shape)

    @property
    def var(self) -> Array:
        """The biased variance that normalized (running variance if that did; mean square for RMSNorm)."""
        return self.standardised.var.reshape(self.view.statistic_shape)

    @property
    def rstd(self) -> Array:
        """One over the root of the variance plus eps, of the same shape as ``var``."""
        return self.standardised.rstd.reshape(self.view.statistic_shape)


def batch_norm(
    x: ArrayLike,
    gamma: ArrayLike | None = None,
    beta: ArrayLike | None = None,
    *,
    running: RunningStats | None = None,
    training: bool = True,
    eps: float = 1e-5,
) -> tuple[Array, Cache]:
    r"""Normalize every channel over the batch and all positions.

    .. math:: y = \gamma \frac{x - \mu_C}{\sqrt{\sigma_C^2 + \varepsilon}} + \beta

    View N C S, pooled over N S, affine along C. Training normalizes with the batch's biased variance and
    moves ``running`` towards the unbiased one; evaluation normalizes with ``running``, which it leaves
    alone.

    Args:
        x: Input, shape ``(N, C)`` or ``(N, C, *spatial)``.
        gamma: Scale, shape ``(C,)``, or None for 1.
        beta: Shift, shape ``(C,)``, in units of the output, or None for 0.
        running: Running statistics of ``C`` channels: updated in training, needed in evaluation.
        training: Whether to normalize with the batch's own statistics.
        eps: Added to the variance, in the squared units of ``x``.

    Returns:
        The output, of the shape and dtype of ``x``, and the cache for :func:`batch_norm_backward`.

    Raises:
        ValueError: A wrong rank; gamma, beta or ``running`` that does not fit ``C``; fewer than two
            values per channel in training; no ``running`` in evaluation; statistics that are not finite
            or negative; a bad eps. ``running`` is then as it was.
        TypeError: Input that is not floating.

    Source:
        Ioffe and Szegedy 2015, arXiv 1502.03167.

    Parity:
        ``torch.nn.functional.batch_norm``.

    Example:
        >>> out, cache = batch_norm(np.array([[1.0, 10.0], [3.0, 30.0]]))
        >>> out.round(4), cache.mean
        (array([[-1., -1.], [ 1., 1.]]), array([ 2., 20.]))
    """
    x = _checks.floating("x", x)
    _checks.images(x, min_rank=2)
    view = View(TAXONOMY["BatchNorm"], x.shape)
    return _running_norm(view, x, gamma, beta, running, training, eps)


def instance_norm(
    x: ArrayLike,
    gamma: ArrayLike | None = None,
    beta: ArrayLike | None = None,
    *,
    running: RunningStats | None = None,
    use_input_stats: bool = True,
    eps: float = 1e-5,
) -> tuple[Array, Cache]:
    r"""Normalize every channel of every example over its positions.

    .. math:: y = \gamma \frac{x - \mu_{NC}}{\sqrt{\sigma_{NC}^2 + \varepsilon}} + \beta

    View N C S, pooled over S, affine along C. The input's own statistics normalize with the biased
    variance, in training and evaluation alike; ``running`` then takes in their average over the batch,
    unbiased (an empty batch leaves it alone). With ``use_input_stats=False`` it is ``running`` that
    normalizes.

    Args:
        x: Input, shape ``(N, C, *spatial)``.
        gamma: Scale, shape ``(C,)``, or None for 1.
        beta: Shift, shape ``(C,)``, in units of the output, or None for 0.
        running: Running statistics of ``C`` channels: updated if the input's own are used, needed if not.
        use_input_stats: Whether to normalize with the input's own statistics.
        eps: Added to the variance, in the squared units of ``x``.

    Returns:
        The output, of the shape and dtype of ``x``, and the cache for :func:`instance_norm_backward`.

    Raises:
        ValueError: As for :func:`batch_norm`; here each channel needs two positions.
        TypeError: Input that is not floating.

    Source:
        Ulyanov, Vedaldi and Lempitsky 2016, arXiv 1607.08022.

    Parity:
        ``torch.nn.functional.instance_norm``. PyTorch's layers read ``momentum=None`` as 0 here; this
        averages, as in BatchNorm.

    Example:
        >>> out, cache = instance_norm(np.array([[[1.0, 3.0]], [[10.0, 30.0]]]))
        >>> out.round(4), cache.mean
        (array([[[-1., 1.]], [[-1., 1.]]]), array([[ 2.], [20.]]))
    """
    x = _checks.floating("x", x)
    _checks.images(x, min_rank=3)
    view = View(TAXONOMY["InstanceNorm"], x.shape)
    return _running_norm(view, x, gamma, beta, running, use_input_stats, eps)


def group_norm(
    x: ArrayLike,
    num_groups: int,
    gamma: ArrayLike | None = None,
    beta: ArrayLike | None = None,
    *,
    eps: float = 1e-5,
) -> tuple[Array, Cache]:
    r"""Normalize every group of channels of every example.

    .. math:: y = \gamma \frac{x - \mu_{NG}}{\sqrt{\sigma_{NG}^2 + \varepsilon}} + \beta

    View N G K S, pooled over K S, affine along G K, that is per channel. The biased variance normalizes;
    training and evaluation do the same. A group of a single value comes out as beta.

    Args:
        x: Input, shape ``(N, C)`` or ``(N, C, *spatial)``.
        num_groups: Number of groups ``G``; neighbouring channels form a group.
        gamma: Scale, shape ``(C,)``, or None for 1.
        beta: Shift, shape ``(C,)``, in units of the output, or None for 0.
        eps: Added to the variance, in the squared units of ``x``.

    Returns:
        The output, of the shape and dtype of ``x``, and the cache for :func:`group_norm_backward`.

    Raises:
        ValueError: A wrong rank; channels that do not split into ``num_groups``; gamma or beta that does
            not fit ``C``; an empty group; a bad eps.
        TypeError: Input that is not floating.

    Source:
        Wu and He 2018, arXiv 1803.08494.

    Parity:
        ``torch.nn.functional.group_norm``, which refuses a single value per group if ``N`` is 1.

    Example:
        >>> out, cache = group_norm(np.array([[1.0, 3.0, 10.0, 30.0]]), num_groups=2)
        >>> out.round(4), cache.mean
        (array([[-1., 1., -1., 1.]]), array([[ 2., 20.]]))
    """
    x = _checks.floating("x", x)
    _checks.images(x, min_rank=2)
    _checks.group_count(x.shape[1], num_groups)
    view = View(TAXONOMY["GroupNorm"], x.shape, groups=num_groups)
    _checks.pool_size(view.pool_size, x.shape)
    return _normalize(view, x, gamma, beta, eps)


def layer_norm(
    x: ArrayLike,
    gamma: ArrayLike | None = None,
    beta: ArrayLike | None = None,
    *,
    axis: int | Sequence[int] = -1,
    eps: float = 1e-5,
) -> tuple[Array, Cache]:
    r"""Normalize over the given axes, for every index of the others.

    .. math:: y = \gamma \frac{x - \mu_B}{\sqrt{\sigma_B^2 + \varepsilon}} + \beta

    View B F, pooled over F, affine along F. The biased variance normalizes; training and evaluation do
    the same. PyTorch's ``normalized_shape`` is the last axes; here any axes will do.

    Args:
        x: Input of any shape with at least one axis.
        gamma: Scale of the shape of the normalized axes, in the order in which ``x`` has them (however
            ``axis`` names them), or None for 1.
        beta: Shift of that shape, in units of the output, or None for 0.
        axis: The normalized axis or axes.
        eps: Added to the variance, in the squared units of ``x``.

    Returns:
        The output, of the shape and dtype of ``x``, and the cache for :func:`layer_norm_backward`.

    Raises:
        ValueError: An axis out of range or named twice, or none; gamma or beta of another shape; an empty
            axis; a bad eps.
        TypeError: Input that is not floating.

    Source:
        Ba, Kiros and Hinton 2016, arXiv 1607.06450.

    Parity:
        ``torch.nn.functional.layer_norm``.

    Example:
        >>> out, cache = layer_norm(np.array([[1.0, 3.0], [10.0, 30.0]]))
        >>> out.round(4), cache.mean
        (array([[-1., 1.], [-1., 1.]]), array([ 2., 20.]))
    """
    x = _checks.floating("x", x)
    view = View(TAXONOMY["LayerNorm"], x.shape, axes=_checks.axes(axis, x.shape))
    _checks.pool_size(view.pool_size, x.shape)
    return _normalize(view, x, gamma, beta, eps)


def rms_norm(
    x: ArrayLike,
    gamma: ArrayLike | None = None,
    *,
    axis: int | Sequence[int] = -1,
    eps: float | None = None,
) -> tuple[Array, Cache]:
    r"""Divide by the root mean square over the given axes, for every index of the others.

    .. math:: y = \gamma \frac{x}{\sqrt{\overline{x^2} + \varepsilon}}

    View B F, pooled over F, affine along F; not centred, and no beta. The mean of the squares takes the
    variance's place; training and evaluation do the same.

    Args:
        x: Input of any shape with at least one axis.
        gamma: Scale of the shape of the normalized axes, in the order in which ``x`` has them, or None.
        axis: The normalized axis or axes.
        eps: Added to the mean square, in the squared units of ``x``; None for the machine epsilon of the
            dtype that is computed in (float32 for float16 input).

    Returns:
        The output, of the shape and dtype of ``x``, and the cache for :func:`rms_norm_backward`.

    Raises:
        ValueError: As for :func:`layer_norm`.
        TypeError: Input that is not floating.

    Source:
        Zhang and Sennrich 2019, arXiv 1910.07467.

    Parity:
        ``torch.nn.functional.rms_norm``.

    Example:
        >>> out, cache = rms_norm(np.array([[1.0, 7.0]]))
        >>> out.round(4), cache.var
        (array([[0.2, 1.4]]), array([25.]))
    """
    x = _checks.floating("x", x)
    view = View(TAXONOMY["RMSNorm"], x.shape, axes=_checks.axes(axis, x.shape))
    _checks.pool_size(view.pool_size, x.shape)
    return _normalize(view, x, gamma, None, float(np.finfo(_compute_dtype(x)).eps) if eps is None else eps)


def backward(dout: ArrayLike, cache: Cache) -> Grads:
    r"""Gradients through any norm of this module, from its cache.

    .. math::
        d\beta = \sum dy, \qquad d\gamma = \sum dy \odot \hat x, \qquad d\hat x = \gamma \odot dy

    The sums run over every index that shares the parameter; ``dx`` is :func:`standardise_backward`, after
    the row of the taxonomy that the forward used. It is derived in the chapter BatchNorm mechanics,
    equation (bn-backward). Where running statistics normalized (evaluation), they are constants and
    ``dx`` is only scaled. Each ``*_backward`` of this module is this function under another name.

    Args:
        dout: Gradient of the loss with respect to the output, of the output's shape.
        cache: The forward's second result.

    Returns:
        Grads: ``dx`` in the input's dtype, ``dgamma`` and ``dbeta`` in their parameter's (or None).

    Raises:
        ValueError: ``dout`` of another shape than the output.
        TypeError: ``dout`` that is not floating.

    Parity:
        ``torch.autograd`` through the matching function of ``torch.nn.functional``.

    Example:
        >>> out, cache = batch_norm(np.array([[1.0], [2.0], [6.0]]), gamma=np.array([2.0]))
        >>> dx, dgamma, dbeta = batch_norm_backward(np.array([[1.0], [0.0], [0.0]]), cache)
        >>> dx.ravel().round(4), dgamma.round(4), dbeta
        (array([ 0.3527, -0.4409, 0.0882]), array([-0.9258]), None)
    """
    upstream = _checks.upstream(dout, cache.view.shape)
    dy = cache.view.enter(upstream.astype(cache.standardised.xhat.dtype, copy=False))
    dxhat = dy if cache.gamma is None else dy * cache.gamma
    dx = standardise_backward(dxhat, cache.standardised, cache.view.spec)
    return Grads(
        cache.view.leave(dx).astype(cache.dtype, order="C", copy=False),
        _summed(dy * cache.standardised.xhat, cache.view, cache.gamma_dtype),
        _summed(dy, cache.view, cache.beta_dtype),
    )


batch_norm_backward = backward
instance_norm_backward = backward
group_norm_backward = backward
layer_norm_backward = backward
rms_norm_backward = backward


def _running_norm(
    view: View,
    x: Array,
    gamma: ArrayLike | None,
    beta: ArrayLike | None,
    running: RunningStats | None,
    use_input_stats: bool,
    eps: float,
) -> tuple[Array, Cache]:
    """A norm that can normalize with running statistics, or update them."""
    channels = x.shape[1]
    if running is not None:
        running.check(channels)
    if not use_input_stats:
        if running is None:
            raise ValueError(
                f"without the input's own statistics, running statistics must normalize, got running=None; "
                f"pass RunningStats({channels}) that has seen training batches"
            )
        return _normalize(view, x, gamma, beta, eps, running)
    _checks.pool_size(view.pool_size, x.shape, least=2)
    out, cache = _normalize(view, x, gamma, beta, eps)
    if running is not None and x.shape[0] and cache.mean is not None:
        mean, var = (stat.reshape(-1, channels).mean(0) for stat in (cache.mean, cache.var))
        running.update(mean, var, view.pool_size)
    return out, cache


def _normalize(
    view: View,
    x: Array,
    gamma: ArrayLike | None,
    beta: ArrayLike | None,
    eps: float,
    running: RunningStats | None = None,
) -> tuple[Array, Cache]:
    """The forward that all norms share; ``running`` replaces the view's own statistics if given."""
    _checks.non_negative_eps(eps)
    scale, shift = (
        None if value is None else _checks.parameter(name, value, view.parameter_shape, x.shape)
        for name, value in (("gamma", gamma), ("beta", beta))
    )
    dtype = _compute_dtype(x)
    fixed = None if running is None else view.enter_statistics((running.mean, running.var), dtype)
    entered = view.enter(x.astype(dtype, copy=False))
    standardised = standardise(entered, view.spec, eps=eps, fixed=fixed)
    wide_gamma = None
    if scale is None:
        out = standardised.xhat.copy()  # the cache keeps its own
    else:
        wide_gamma = view.enter_parameter(scale.astype(dtype))  # a copy: gamma may change before backward
        out = standardised.xhat * wide_gamma
    if shift is not None:
        out += view.enter_parameter(shift.astype(dtype, copy=False))
    cache = Cache(
        view,
        standardised,
        wide_gamma,
        x.dtype,
        None if scale is None else scale.dtype,
        None if shift is None else shift.dtype,
    )
    return view.leave(out).astype(x.dtype, order="C", copy=False), cache


def _compute_dtype(x: Array) -> np.dtype[np.floating]:
    """At least float32: half precision overflows at 65504 and its sums lose digits."""
    return np.promote_types(x.dtype, np.float32)


def _summed(per_value: Array, view: View, dtype: np.dtype[np.floating] | None) -> Array | None:
    """A parameter's gradient: the sum over every index that shares it; None if it was left out."""
    if dtype is None:
        return None
    total: Array = per_value.sum(view.shared_axes).reshape(view.parameter_shape).astype(dtype)
    return total
