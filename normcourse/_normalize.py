"""The one forward and the one backward behind ``normcourse.functional``.

Everything here knows about views, pools and affines, and nothing about the five norms. Half and bfloat16
inputs are computed in float32. The variance is two-pass: subtract the mean, then average the squares. The
short cuts :math:`E[x^2] - E[x]^2` and ``x * scale + (beta - mean * scale)`` cancel at a large offset.
"""

from collections.abc import Iterator, Sequence
from math import prod
from types import EllipsisType
from typing import Any

import torch
from torch import Tensor

from normcourse._watching import is_followed
from normcourse.taxonomy import NormSpec

__all__ = ["compute_dtype", "normalize", "track"]

#: How many values are worked on at a time, so that what is read again is still in the processor's cache.
#: They are more where one pool holds more.
BLOCK = 3 * 2**17
Block = tuple[slice, ...]


def compute_dtype(x: Tensor) -> torch.dtype:
    """The dtype that x is computed in: float32 for half and bfloat16, else its own."""
    return torch.float32 if x.dtype in (torch.float16, torch.bfloat16) else x.dtype


def standardise(
    view: Tensor, gamma: Tensor | None, beta: Tensor | None, spec: NormSpec, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Standardise a view over the pool of its norm, then apply the affine; also give the statistics."""
    n = _count(view, spec)
    mean = _sum(view, spec.pool_axes) / n if spec.centred else view.new_zeros(())
    centred = view - mean if spec.centred else view
    var = _sum(centred.square(), spec.pool_axes) / n
    rstd = torch.rsqrt(var + eps)
    return _affine(centred, rstd if gamma is None else rstd * gamma, beta), mean, var


class Normalize(torch.autograd.Function):
    """`standardise`, and its gradient, in a third to a half of the time: block by block, into used memory.

    Nothing can look into these steps. Where that is asked for, `standardise` itself is differentiated.
    """

    @staticmethod
    def forward(
        ctx: Any, view: Tensor, gamma: Tensor | None, beta: Tensor | None, spec: NormSpec, eps: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        n, inner = _count(view, spec), _inner_axes(spec)
        y = torch.empty_like(view)
        var = view.new_empty([1 if i in spec.pool_axes else size for i, size in enumerate(view.shape)])
        mean = torch.empty_like(var) if spec.centred else view.new_zeros(())
        for block, own in _blocks(view, spec):
            centred, out = view[block], y[block]
            scale, shift = (None if p is None else p[own] for p in (gamma, beta))
            if spec.centred:
                torch.div(_sum(centred, spec.pool_axes), n, out=mean[block])
                centred = torch.sub(centred, mean[block], out=out)
            torch.div(_sum_of_squares(centred, spec.pool_axes), n, out=var[block])
            rstd = torch.rsqrt(var[block] + eps)
            if scale is not None and inner:  # then the product is small
                rstd, scale = rstd * scale, None
            torch.mul(centred, rstd, out=out)
            if scale is not None:
                out.mul_(scale)
            if shift is not None:
                out.add_(shift)
        ctx.save_for_backward(view, gamma, beta, mean, var)
        ctx.spec, ctx.eps = spec, eps
        ctx.mark_non_differentiable(mean, var)
        return y, mean, var

    @staticmethod
    def backward(ctx: Any, dy: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:
        view, gamma, beta, mean, var = ctx.saved_tensors
        spec: NormSpec = ctx.spec
        # For a second derivative, or many gradients at once:
        if torch.is_grad_enabled() or is_followed(dy, view, gamma, beta):
            return *_differentiated(dy, view, gamma, beta, spec, ctx.eps), None, None
        n, inner = _count(view, spec), _inner_axes(spec)
        constant = [i for i, letter in enumerate(spec.view) if letter not in spec.affine]
        dx = torch.empty_like(view)
        dgamma, dbeta = (None if p is None else torch.zeros_like(p) for p in (gamma, beta))
        memory = None  # of one block: fresh memory costs as much as the arithmetic
        with torch.autocast(view.device.type, enabled=False):  # it would take products of matrices in 16 bits
            for block, own in _blocks(view, spec):
                x, upstream, out = view[block], dy[block], dx[block]
                weight = None if gamma is None else gamma[own]
                memory = torch.empty_like(x) if memory is None else memory[tuple(map(slice, x.shape))]
                rstd = torch.rsqrt(var[block] + ctx.eps)
                xhat = torch.mul(torch.sub(x, mean[block], out=out) if spec.centred else x, rstd, out=out)
                # Sum first where gamma is constant: what is left is small for all but the BF norms.
                by_one, by_x = _sum(upstream, inner), _sum(torch.mul(upstream, xhat, out=memory), inner)
                if dbeta is not None:
                    dbeta[own] += _sum(by_one, constant)
                if dgamma is not None:
                    dgamma[own] += _sum(by_x, constant)
                # dx = rstd * (gamma * dy - mean(gamma * dy) - xhat * mean(gamma * dy * xhat))
                mean_by_one, mean_by_x = (_weighted_sum(part, weight, spec) / n for part in (by_one, by_x))
                step = memory.copy_(upstream) if weight is None else torch.mul(upstream, weight, out=memory)
                if spec.centred:
                    step.sub_(mean_by_one)
                torch.mul(step.addcmul_(xhat, mean_by_x, value=-1), rstd, out=out)
        return dx, dgamma, dbeta, None, None


def _differentiated(
    dy: Tensor, view: Tensor, gamma: Tensor | None, beta: Tensor | None, spec: NormSpec, eps: float
) -> Iterator[Tensor | None]:
    """The gradients of `standardise` with respect to view, gamma and beta, by operations PyTorch knows."""
    inputs = [x if x is not None and x.requires_grad else None for x in (view, gamma, beta)]
    create_graph = torch.is_grad_enabled()
    with torch.enable_grad():
        y, _, _ = standardise(view, gamma, beta, spec, eps)
    wanted = [x for x in inputs if x is not None]
    found = iter(torch.autograd.grad(y, wanted, dy, create_graph=create_graph))
    return (None if x is None else next(found) for x in inputs)


def _blocks(view: Tensor, spec: NormSpec) -> Iterator[tuple[Block, Block | EllipsisType]]:
    """Cut a view along its first axis that is not pooled: a block of it, and the part of gamma for that."""
    axis = next(i for i in range(view.dim()) if i not in spec.pool_axes)
    length = max(1, BLOCK * view.shape[axis] // max(view.numel(), 1))
    for start in range(0, view.shape[axis], length):
        block = (*[slice(None)] * axis, slice(start, start + length))
        yield block, block if spec.view[axis] in spec.affine else ...


def _count(view: Tensor, spec: NormSpec) -> int:
    """How many values each pool holds; one for an empty pool, so that nothing turns into NaN."""
    return max(prod([view.shape[i] for i in spec.pool_axes]), 1)


def _sum(x: Tensor, axes: Sequence[int]) -> Tensor:
    """Sum that keeps the axes; over no axes it is the tensor itself (torch would sum over all)."""
    return x.sum(tuple(axes), keepdim=True) if axes else x


def _sum_of_squares(x: Tensor, axes: Sequence[int]) -> Tensor:
    """Sum of the squares over these axes, the last among them, which are kept."""
    if x.shape[-1] < 64 or x.stride(-1) != 1:  # for short or strided rows an array of squares is faster
        return _sum(x.square(), axes)
    # torch.linalg.vector_norm makes none, but loses digits over long rows: so take them in pieces.
    whole = x.shape[-1] // 1024 * 1024
    norms = [torch.linalg.vector_norm(x[..., whole:], dim=-1, keepdim=True)] if whole < x.shape[-1] else []
    if whole:
        norms.append(torch.linalg.vector_norm(x[..., :whole].reshape(*x.shape[:-1], -1, 1024), dim=-1))
    return _sum(torch.cat(norms, dim=-1).square(), axes)


def _weighted_sum(x: Tensor, gamma: Tensor | None, spec: NormSpec) -> Tensor:
    """Sum of ``gamma * x`` over the pool; for the BF norms as a product of matrices, which makes no array."""
    if gamma is None:
        return _sum(x, spec.pool_axes)
    return x @ gamma.T if spec.view == "BF" else _sum(x * gamma, spec.pool_axes)


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

    ``fixed`` statistics replace those of the input, and do not depend on it.
    """
    dtype = compute_dtype(x)
    view = x.to(dtype).reshape(spec.view_shape(x.shape, groups=groups, features=features))
    shape = spec.affine_shape(view.shape)
    gamma, beta = (None if p is None else p.to(dtype).reshape(shape) for p in (weight, bias))
    followed = is_followed(view, gamma, beta)
    if fixed is None:
        way = standardise if followed else Normalize.apply
        y, mean, var = way(view, gamma, beta, spec, eps)
    else:
        mean, var = (statistic.to(dtype).reshape(shape) for statistic in fixed)
        scale = torch.rsqrt(var + eps)
        y = _affine(view - mean, scale if gamma is None else scale * gamma, beta)
    # No view of its own: what the caller does with it in place is then as free as after PyTorch's norms.
    y = y.reshape(x.shape) if followed else torch.ops.aten._unsafe_view(y, x.shape)
    return y.to(x.dtype), mean, var


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
    # Detached, so that forward mode leaves no tangent in what outlives it.
    mean, var = mean.detach(), var.detach() * (n / (n - 1))
    with torch.no_grad():
        for running, statistic in ((running_mean, mean), (running_var, var)):
            # Not lerp_, which has no batching rule: vmap over models would fall back to a loop.
            running.mul_(1 - momentum).add_(statistic.mean(0).flatten().to(running.dtype) * momentum)
