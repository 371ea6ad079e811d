"""Batch normalization over the batches of several processes together."""

from typing import Any, Self

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.modules.batchnorm import _BatchNorm as TorchBatchNorm

from normcourse import functional
from normcourse._normalize import compute_dtype, track
from normcourse.nn.batchnorm import BatchNorm, BatchNorm1d, BatchNorm2d, BatchNorm3d
from normcourse.taxonomy import TAXONOMY

__all__ = ["SyncBatchNorm"]


class SyncBatchNorm(BatchNorm):
    r"""Batch normalization by the statistics of all workers' batches together, on a CPU as well.

    .. math:: n = \sum_w n_w, \quad \mu = \sum_w \frac{n_w}{n} \mu_w, \quad
        \sigma^2 = \frac{1}{n} \sum_w \left(M_w + n_w (\mu_w - \mu)^2\right)

    where worker w holds :math:`n_w` values per channel with mean :math:`\mu_w` and sum of squared deviations
    :math:`M_w`. View N C S, with N counted over all workers, pooled over N S, affine over C. In exact
    arithmetic this is batch norm of the whole batch. Workers may hold batches of different sizes, or none.

    In training mode each worker sends its :math:`n_w, \mu_w, M_w`: 2 C + 1 numbers. Every worker merges all
    of them in one order, so that all hold the same statistics to the last bit, and track the same running
    ones. The backward pass sums two numbers per channel over the workers: the gradient of the input is that
    of the *sum* of all workers' losses. The gradients of gamma and beta are each worker's own part, since
    ``DistributedDataParallel`` adds them up, and divides by the number of workers.

    Evaluation mode, a single worker, and a program without a process group send nothing: the layer is then
    :class:`BatchNorm1d`, or its sibling for the input's rank.

    Every worker must run the same layers in the same order, forward and backward, or all wait until the
    group's timeout. A worker with an empty batch takes part too.

    Args:
        num_features: C of ``(N, C)``, ``(N, C, L)``, ``(N, C, H, W)`` or ``(N, C, D, H, W)``.
        eps: Added to the variance.
        momentum: Share of the new statistic in the running one; None for the plain average of all batches.
        affine: Whether there is a gamma, ``weight``, and a beta, ``bias``, both ``(C,)``.
        track_running_stats: Whether to keep ``running_mean`` and ``running_var``, both ``(C,)``. Without
            them evaluation also uses the batch: the worker's own.
        process_group: The workers that share statistics; None for all.
        device: Where parameters and buffers live.
        dtype: Their dtype.
        bias: Whether the affine has a beta.

    Raises:
        ValueError: The input has the wrong rank, all workers together hold one value per channel in training,
            or this process is not in ``process_group``.
        RuntimeError: The input has another number of channels, or another dtype, than the layer; or a second
            derivative is asked for.

    Source:
        The merge of variances: Chan, Golub and LeVeque 1983, doi 10.1080/00031305.1983.10483115, pairwise;
        ``torch.nn.SyncBatchNorm``, which refuses a CPU.

    Example:
        >>> layer = SyncBatchNorm(1)  # no process group: batch norm
        >>> layer(torch.tensor([[1.0], [3.0]])).flatten().tolist()
        [-0.9999949932098389, 0.9999949932098389]
    """

    _ranks = (2, 3, 4, 5)

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        process_group: Any | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(
            num_features, eps, momentum, affine, track_running_stats, device=device, dtype=dtype, bias=bias
        )
        self.process_group = process_group

    def forward(self, input: Tensor) -> Tensor:
        """Normalize by the batch of all workers in training mode, else as batch norm does."""
        if not self.training or _workers(self.process_group) == 1:
            return super().forward(input)
        self._check_rank(input)
        # The checks of batch norm, run on no values: what is refused must be refused before workers wait.
        running = (self.running_mean, self.running_var)
        functional.batch_norm(input[:0], *running, self.weight, self.bias, True, 0.0, self.eps)
        view = input.to(compute_dtype(input)).reshape(TAXONOMY["BatchNorm"].view_shape(input.shape))
        n, mean, var = _pooled(view.detach(), self.process_group)
        if n == 1:
            raise ValueError(
                "SyncBatchNorm in training needs more than one value per channel, but all workers together "
                "hold one: use larger batches, or evaluation mode"
            )
        if self._tracks():
            track(*running, mean, var, n * mean.numel(), self._share())
            self._count_batch()
        affine = (p if p is None else p.to(view.dtype).view(1, -1, 1) for p in (self.weight, self.bias))
        y = _SyncNormalize.apply(  # type: ignore[no-untyped-call]
            view, *affine, mean, torch.rsqrt(var + self.eps), n, self.process_group
        )
        out: Tensor = y.reshape(input.shape).to(input.dtype)
        return out

    @classmethod
    def convert_sync_batchnorm(cls, module: nn.Module, process_group: Any | None = None) -> nn.Module:
        """Put a layer of this class in the place of every plain batch norm of a model.

        Batch norms of torch and of this package are replaced. ``GhostBatchNorm`` and ``BatchRenorm`` are
        not: they compute something else. The new layers hold the same parameters and buffers, not copies, so
        an optimiser made before still trains them; a layer used in two places stays one layer.

        Args:
            module: The model.
            process_group: The workers that share statistics; None for all.

        Returns:
            The model, changed in place; or a new layer if the model is itself a batch norm.

        Example:
            >>> SyncBatchNorm.convert_sync_batchnorm(nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2)))[1]
            SyncBatchNorm(2, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)
        """
        if isinstance(module, _PLAIN):
            return cls._in_place_of(module, process_group)
        converted: dict[nn.Module, SyncBatchNorm] = {}
        for parent in list(module.modules()):
            for name, child in parent._modules.items():
                if isinstance(child, _PLAIN):
                    if child not in converted:
                        converted[child] = cls._in_place_of(child, process_group)
                    parent._modules[name] = converted[child]
        return module

    @classmethod
    def _in_place_of(cls, bn: BatchNorm | TorchBatchNorm, process_group: Any | None) -> Self:
        """Make a layer with the settings, parameters, buffers and mode of a batch norm."""
        settings = (bn.num_features, bn.eps, bn.momentum, bn.affine, bn.track_running_stats)
        layer = cls(*settings, process_group, device="meta")
        for name, parameter in (("weight", bn.weight), ("bias", bn.bias)):
            setattr(layer, name, parameter)
        for name in ("running_mean", "running_var", "num_batches_tracked"):
            setattr(layer, name, getattr(bn, name))
        return layer.train(bn.training)


# Not their base class: Ghost BatchNorm has it too, and computes something else.
_PLAIN = (BatchNorm1d, BatchNorm2d, BatchNorm3d, SyncBatchNorm, TorchBatchNorm)


def _workers(group: Any | None) -> int:
    """How many processes share statistics; 1 where there is no process group."""
    if not (dist.is_available() and dist.is_initialized()):
        return 1
    workers = dist.get_world_size(group)
    if workers < 1:
        raise ValueError(
            f"SyncBatchNorm runs in process {dist.get_rank()}, which is not in its process_group: "
            "pass a group that this process belongs to"
        )
    return workers


def _pooled(view: Tensor, group: Any | None) -> tuple[int, Tensor, Tensor]:
    """Count, mean and biased variance of all workers' values, the last two of shape (1, C, 1)."""
    mean, deviation = view.new_zeros(2, view.shape[1])
    values = view.shape[0] * view.shape[2]
    if values:
        mean = view.mean((0, 2))
        deviation = (view - mean.view(1, -1, 1)).square().sum((0, 2))
    own = torch.cat([mean, deviation, mean.new_tensor([values])])
    gathered = [torch.empty_like(own) for _ in range(_workers(group))]
    dist.all_gather(gathered, own, group=group)
    return _merge(torch.stack(gathered))


def _merge(parts: Tensor) -> tuple[int, Tensor, Tensor]:
    """Merge each worker's mean, sum of squared deviations and count: rows of length 2 C + 1."""
    channels = (parts.shape[1] - 1) // 2
    means, deviations, counts = parts[:, :channels], parts[:, channels:-1], parts[:, -1:]
    n = counts.sum().clamp(min=1)
    mean = (counts / n * means).sum(0)
    deviation = (deviations + counts * (means - mean).square()).sum(0)
    return int(counts.sum().item()), mean.view(1, -1, 1), (deviation / n).view(1, -1, 1)


class _SyncNormalize(torch.autograd.Function):
    """Standardise a view by pooled statistics, whose dependence on the view its backward knows."""

    @staticmethod
    def forward(
        ctx: Any,
        view: Tensor,
        gamma: Tensor | None,
        beta: Tensor | None,
        mean: Tensor,
        rstd: Tensor,
        n: int,
        group: Any | None,
    ) -> Tensor:
        ctx.save_for_backward(view, gamma, mean, rstd)
        ctx.has_beta, ctx.n, ctx.group = beta is not None, n, group
        y = (view - mean) * (rstd if gamma is None else rstd * gamma)
        return y if beta is None else y + beta

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
        view, gamma, mean, rstd = ctx.saved_tensors
        centred = view - mean
        sums = torch.stack([dy.sum((0, 2), keepdim=True), (dy * centred).sum((0, 2), keepdim=True)])
        dbeta, dgamma = sums[0] if ctx.has_beta else None, None if gamma is None else sums[1] * rstd
        dx = None
        if ctx.needs_input_grad[0]:
            pooled = sums.clone()  # dgamma and dbeta stay the worker's own
            dist.all_reduce(pooled, group=ctx.group)
            by_one, by_x = pooled / max(ctx.n, 1)
            dx = (dy - by_one - centred * rstd.square() * by_x) * (rstd if gamma is None else rstd * gamma)
        return dx, dgamma, dbeta, None, None, None, None
