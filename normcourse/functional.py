"""The five norms as torch functions, with the signatures of ``torch.nn.functional``.

Each function checks its input, looks its row up in the table and hands over to one helper. The helper
and its backward know about views, pools and affines, and nothing about the five norms.

Half and bfloat16 inputs are computed in float32. The variance is two-pass: subtract the mean, then average
the squares. The short cuts :math:`E[x^2] - E[x]^2` and ``x * scale + (beta - mean * scale)`` cancel at a
large offset.
"""

from collections.abc import Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor

from normcourse.taxonomy import TAXONOMY, NormSpec

__all__ = ["batch_norm", "group_norm", "instance_norm", "layer_norm", "rms_norm"]


class _Normalize(torch.autograd.Function):
    """Standardise a view over the pool of its norm, then apply the affine; also give the statistics.

    The statistics are outputs, so that a second derivative finds its way through them to the input.
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(
        view: Tensor, gamma: Tensor | None, beta: Tensor | None, spec: NormSpec, eps: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        pool = spec.pool_axes
        mean = view.mean(pool, keepdim=True) if spec.centred else view.new_zeros(())
        centred = view - mean if spec.centred else view
        # Two passes by hand: on a CPU torch.var_mean is some ten times slower.
        var = centred.square().mean(pool, keepdim=True)
        scale = torch.rsqrt(var + eps)
        return _affine(centred, scale if gamma is None else scale * gamma, beta), mean, var

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        view, gamma, beta, ctx.spec, ctx.eps = inputs
        _, mean, var = output
        ctx.has_beta = beta is not None
        ctx.save_for_backward(view, gamma, mean, var)
        ctx.save_for_forward(view, gamma, mean, var)

    @staticmethod
    def backward(ctx: Any, dy: Tensor, dmean: Tensor, dvar: Tensor) -> tuple[Any, ...]:
        view, gamma, mean, var = ctx.saved_tensors
        pool = ctx.spec.pool_axes
        affine = [i for i, letter in enumerate(ctx.spec.view) if letter not in ctx.spec.affine]
        # Sum first over the axes where gamma is constant: what is left is small for all but the BF norms.
        inner = [i for i in affine if i in pool]
        rstd = torch.rsqrt(var + ctx.eps)
        centred = view - mean if ctx.spec.centred else view
        by_one, by_x = _sum(dy, inner), _sum(dy * centred, inner)
        dgamma = None if gamma is None else _sum(by_x * rstd, affine)
        dbeta = _sum(by_one, affine) if ctx.has_beta else None
        if gamma is not None:
            by_one, by_x = by_one * gamma, by_x * gamma
        n = prod(view.shape[i] for i in pool)
        slope = (2 * dvar - rstd**3 * _sum(by_x, pool)) / n
        scale = rstd if gamma is None else rstd * gamma
        if not ctx.spec.centred:
            return torch.addcmul(slope * centred, dy, scale), dgamma, dbeta, None, None
        shift = (dmean - rstd * _sum(by_one, pool)) / n
        return torch.addcmul(torch.addcmul(shift, centred, slope), dy, scale), dgamma, dbeta, None, None

    @staticmethod
    def jvp(ctx: Any, dview: Tensor, dgamma: Any, dbeta: Any, *_: Any) -> tuple[Tensor, Tensor, Tensor]:
        view, gamma, mean, var = ctx.saved_tensors
        pool = ctx.spec.pool_axes
        rstd = torch.rsqrt(var + ctx.eps)
        dmean = dview.mean(pool, keepdim=True) if ctx.spec.centred else torch.zeros_like(mean)
        dvar = 2 * ((view - mean) * dview).mean(pool, keepdim=True)
        xhat = (view - mean) * rstd
        dy = (dview - dmean) * rstd - 0.5 * rstd**2 * dvar * xhat
        if gamma is not None:
            dy = dy * gamma
        if dgamma is not None:
            dy = dy + xhat * dgamma
        return dy if dbeta is None else dy + dbeta, dmean, dvar


def _sum(x: Tensor, axes: Sequence[int]) -> Tensor:
    """Sum that keeps the axes; over no axes it is the tensor itself (torch would sum over all)."""
    return x.sum(tuple(axes), keepdim=True) if axes else x


def _affine(centred: Tensor, scale: Tensor, beta: Tensor | None) -> Tensor:
    return centred * scale if beta is None else torch.addcmul(beta, centred, scale)


def _apply(
    spec: NormSpec,
    x: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    eps: float,
    *,
    fixed: tuple[Tensor, Tensor] | None = None,
    groups: int = 1,
    features: int = 1,
) -> tuple[Tensor, Tensor, Tensor]:
    """Normalize x as its row of the table says; with the mean and variance that were used.

    ``fixed`` statistics replace those of the input: then no gradient flows through them.
    """
    dtype = _compute_dtype(x)
    view = x.to(dtype).reshape(spec.view_shape(x.shape, groups=groups, features=features))
    shape = spec.affine_shape(view.shape)
    gamma, beta = (None if p is None else p.to(dtype).reshape(shape) for p in (weight, bias))
    if fixed is None:
        y, mean, var = _Normalize.apply(view, gamma, beta, spec, eps)
    else:
        mean, var = (statistic.to(dtype).reshape(shape) for statistic in fixed)
        scale = torch.rsqrt(var + eps)
        y = _affine(view - mean, scale if gamma is None else scale * gamma, beta)
    return y.reshape(x.shape).to(x.dtype), mean, var


def _compute_dtype(x: Tensor) -> torch.dtype:
    return torch.float32 if x.dtype in (torch.float16, torch.bfloat16) else x.dtype


def _with_running(
    spec: NormSpec,
    x: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None,
    bias: Tensor | None,
    use_batch: bool,
    momentum: float | Tensor,
    eps: float,
) -> Tensor:
    """Normalize by the batch's own statistics and track them, or by the running ones."""
    if not use_batch:
        if running_mean is None or running_var is None:
            raise RuntimeError(
                "normalizing by running statistics needs running_mean and running_var, but got "
                f"running_mean={running_mean}, running_var={running_var}: pass both, or use the batch's own"
            )
        return _apply(spec, x, weight, bias, eps, fixed=(running_mean, running_var))[0]
    y, mean, var = _apply(spec, x, weight, bias, eps)
    n = x.numel() // max(mean.numel(), 1)
    _track(running_mean, mean, momentum)
    _track(running_var, var * (n / max(n - 1, 1)), momentum)
    return y


def _track(running: Tensor | None, statistic: Tensor, momentum: float | Tensor) -> None:
    """Move a running statistic in place towards this batch's, averaged over the examples it is kept for."""
    if running is not None:
        with torch.no_grad():
            running.lerp_(statistic.mean(0).flatten().to(running.dtype), momentum)


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float | Tensor = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Normalize each channel over the batch."""
    return _with_running(
        TAXONOMY["BatchNorm"], input, running_mean, running_var, weight, bias, training, momentum, eps
    )


def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float | Tensor = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Normalize each channel of each example over its positions."""
    return _with_running(
        TAXONOMY["InstanceNorm"], input, running_mean, running_var, weight, bias, use_input_stats, momentum, eps
    )


def group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Normalize each group of channels of each example."""
    return _apply(TAXONOMY["GroupNorm"], input, weight, bias, eps, groups=num_groups)[0]


def layer_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Normalize over the trailing axes."""
    return _apply(TAXONOMY["LayerNorm"], input, weight, bias, eps, features=len(normalized_shape))[0]


def rms_norm(
    input: Tensor, normalized_shape: Sequence[int], weight: Tensor | None = None, eps: float | None = None
) -> Tensor:
    """Divide by the root mean square over the trailing axes."""
    if eps is None:
        eps = torch.finfo(_compute_dtype(input)).eps
    return _apply(TAXONOMY["RMSNorm"], input, weight, None, eps, features=len(normalized_shape))[0]
