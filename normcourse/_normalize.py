"""The one forward and the one backward behind ``normcourse.functional``.

Everything here knows about views, pools and affines, and nothing about the five norms. Half and bfloat16
inputs are computed in float32. The variance is two-pass: subtract the mean, then average the squares. The
short cuts :math:`E[x^2] - E[x]^2` and ``x * scale + (beta - mean * scale)`` cancel at a large offset.
"""

from collections.abc import Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor

from normcourse.taxonomy import NormSpec

__all__ = ["compute_dtype", "normalize", "track"]


def compute_dtype(x: Tensor) -> torch.dtype:
    """The dtype that x is computed in: float32 for half and bfloat16, else its own."""
    return torch.float32 if x.dtype in (torch.float16, torch.bfloat16) else x.dtype


class Normalize(torch.autograd.Function):
    """Standardise a view over the pool of its norm, then apply the affine; also give the statistics.

    The statistics are outputs, so that a second derivative finds its way through them to the input.
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(
        view: Tensor, gamma: Tensor | None, beta: Tensor | None, spec: NormSpec, eps: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        pool = spec.pool_axes
        # Under vmap this count is batched wherever gamma or beta is, so that what follows may be in place.
        n = sum((p.new_zeros(()) for p in (gamma, beta) if p is not None), _count(view, pool))
        mean = _sum(view, pool) / n if spec.centred else view.new_zeros(())
        centred = view - mean if spec.centred else view
        var = _sum_of_squares(centred, pool) / n
        scale = torch.rsqrt(var + eps)
        if gamma is not None and _inner_axes(spec):
            scale, gamma = scale * gamma, None
        # In place wherever nobody else holds the buffer: fresh memory costs as much as the arithmetic.
        y = centred.mul_(scale) if spec.centred else view * scale
        if gamma is not None:
            y.mul_(gamma)
        return y if beta is None else y.add_(beta), mean, var

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
        pool, inner = ctx.spec.pool_axes, _inner_axes(ctx.spec)
        affine = [i for i, letter in enumerate(ctx.spec.view) if letter not in ctx.spec.affine]
        n = _count(view, pool)
        rstd = torch.rsqrt(var + ctx.eps)
        centred = view - mean if ctx.spec.centred else view
        # Sum first over the axes where gamma is constant: what is left is small for all but the BF norms.
        by_one, by_x = _sum(dy, inner), _sum(dy * centred, inner)
        dgamma = None if gamma is None else _sum(by_x * rstd, affine)
        dbeta = _sum(by_one, affine) if ctx.has_beta else None
        scale = rstd if gamma is None else rstd * gamma
        scaled = dy * scale
        slope = (2 * dvar - rstd**2 * _sum(by_x * scale, pool)) / n
        if not ctx.spec.centred:
            return (slope * centred).add_(scaled), dgamma, dbeta, None, None
        # For a pool of one the shift is the negative of what is added: zero, which addcmul need not give.
        shift = (dmean - _sum(by_one * scale if inner else scaled, pool)) / n
        return torch.addcmul(shift, centred, slope).add_(scaled), dgamma, dbeta, None, None

    @staticmethod
    def jvp(ctx: Any, dview: Tensor, dgamma: Any, dbeta: Any, *_: Any) -> tuple[Tensor, Tensor, Tensor]:
        view, gamma, mean, var = ctx.saved_tensors
        pool = ctx.spec.pool_axes
        rstd = torch.rsqrt(var + ctx.eps)
        n = _count(view, pool)
        dmean = _sum(dview, pool) / n if ctx.spec.centred else torch.zeros_like(mean)
        dvar = 2 * _sum((view - mean) * dview, pool) / n
        xhat = (view - mean) * rstd
        dy = (dview - dmean) * rstd - 0.5 * rstd**2 * dvar * xhat
        if gamma is not None:
            dy = dy * gamma
        if dgamma is not None:
            dy = dy + xhat * dgamma
        return dy if dbeta is None else dy + dbeta, dmean, dvar


def _count(view: Tensor, pool: tuple[int, ...]) -> int:
    """How many values each pool holds; one for an empty pool, so that nothing turns into NaN."""
    return max(prod(view.shape[i] for i in pool), 1)


def _sum(x: Tensor, axes: Sequence[int]) -> Tensor:
    """Sum that keeps the axes; over no axes it is the tensor itself (torch would sum over all)."""
    return x.sum(tuple(axes), keepdim=True) if axes else x


def _sum_of_squares(x: Tensor, axes: Sequence[int]) -> Tensor:
    """Sum of the squares over these axes, the last among them, which are kept."""
    # A compiler makes no array of these squares, and sizes may be symbols to it. Elsewhere, an array is the
    # faster way for short or strided rows.
    if torch.compiler.is_compiling() or x.shape[-1] < 64 or x.stride(-1) != 1:
        return _sum(x.square(), axes)
    # torch.linalg.vector_norm makes none, but loses digits over long rows: so take them in pieces.
    pieces = torch.split(x, 1024, dim=-1)
    norms = torch.cat([torch.linalg.vector_norm(piece, dim=-1, keepdim=True) for piece in pieces], dim=-1)
    return _sum(norms.square(), axes)


def _inner_axes(spec: NormSpec) -> list[int]:
    """The pooled axes along which gamma is constant: none for the BF norms."""
    return [i for i in spec.pool_axes if spec.view[i] not in spec.affine]


def _affine(centred: Tensor, scale: Tensor, beta: Tensor | None) -> Tensor:
    return centred * scale if beta is None else torch.addcmul(beta, centred, scale)


def normalize(
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
    dtype = compute_dtype(x)
    view = x.to(dtype).reshape(spec.view_shape(x.shape, groups=groups, features=features))
    shape = spec.affine_shape(view.shape)
    gamma, beta = (None if p is None else p.to(dtype).reshape(shape) for p in (weight, bias))
    if fixed is None:
        y, mean, var = Normalize.apply(view, gamma, beta, spec, eps)  # type: ignore[no-untyped-call]
    else:
        mean, var = (statistic.to(dtype).reshape(shape) for statistic in fixed)
        scale = torch.rsqrt(var + eps)
        y = _affine(view - mean, scale if gamma is None else scale * gamma, beta)
    return y.reshape(x.shape).to(x.dtype), mean, var


def track(
    running_mean: Tensor | None,
    running_var: Tensor | None,
    mean: Tensor,
    var: Tensor,
    values: int,
    momentum: float | Tensor,
) -> None:
    """Move running statistics in place towards these, averaged over the examples that have their own.

    Args:
        running_mean: ``(C,)``, or None to keep nothing.
        running_var: ``(C,)``, or None to keep nothing.
        mean: Means of the pools, as ``normalize`` gives them.
        var: Biased variances of the pools; what is tracked is the unbiased variance.
        values: How many values the input holds in all; with none nothing moves.
        momentum: The share of the new statistic.
    """
    if running_mean is None or running_var is None or values == 0:
        return
    n = values // mean.numel()
    with torch.no_grad():
        for running, statistic in ((running_mean, mean), (running_var, var * (n / (n - 1)))):
            # Not lerp_, which has no batching rule: vmap over models would fall back to a loop.
            running.mul_(1 - momentum).add_(statistic.mean(0).flatten().to(running.dtype) * momentum)
