"""Relatives of the norms: two batch norms for other batch sizes, and two layers that replace the norm."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from normcourse import functional
from normcourse._watching import is_recomputed, refuse_symbols
from normcourse.nn._base import AffineNorm
from normcourse.nn.batchnorm import BatchNorm

__all__ = ["BatchRenorm", "Derf", "DyT", "GhostBatchNorm"]


class GhostBatchNorm(BatchNorm):
    """Batch normalization in which each slice of the batch, a ghost batch, uses its own statistics.

    View N C S of each ghost, pooled over N S, affine over C. Training normalizes each ghost by its mean and
    biased variance, and tracks the ghosts one after the other, as the paper does, with the unbiased variance;
    ``num_batches_tracked`` counts ghosts. Evaluation is that of batch norm.

    A batch of N is cut into ``max(1, N // ghost_batch_size)`` ghosts of as equal a size as can be. So a
    remainder makes ghosts larger, never a small and noisy last one.

    Args:
        num_features: C of ``(N, C)``, ``(N, C, L)``, ``(N, C, H, W)`` or ``(N, C, D, H, W)``.
        ghost_batch_size: The least number of examples in a ghost of a batch that has as many.
        eps: Added to the variance.
        momentum: Share of one ghost's statistic in the running one; None for the average of all ghosts.
        affine: Whether there is a gamma, ``weight``, and a beta, ``bias``, both ``(C,)``.

    Raises:
        ValueError: ``ghost_batch_size`` is below one, or a ghost has one value per channel in training.

    Source:
        Hoffer et al. 2017, arXiv 1705.08741.

    Example:
        >>> layer = GhostBatchNorm(1, ghost_batch_size=2, affine=False)
        >>> layer(torch.tensor([[1.0], [3.0], [10.0], [30.0]])).flatten().round(decimals=3)
        tensor([-1.,  1., -1.,  1.])
    """

    _ranks = (2, 3, 4, 5)

    def __init__(
        self,
        num_features: int,
        ghost_batch_size: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine)
        if ghost_batch_size < 1:
            raise ValueError(f"ghost_batch_size must be at least 1, but got {ghost_batch_size}: 32 is usual")
        self.ghost_batch_size = ghost_batch_size

    def forward(self, input: Tensor) -> Tensor:
        """Normalize each ghost batch by its own statistics in training mode."""
        self._check_rank(input)
        normalize_one = super().forward
        if not self.training:
            return normalize_one(input)
        ghosts = max(1, input.shape[0] // self.ghost_batch_size)
        return torch.cat([normalize_one(ghost) for ghost in input.tensor_split(ghosts)])

    def extra_repr(self) -> str:
        """Return the constructor's arguments."""
        return f"{super().extra_repr()}, ghost_batch_size={self.ghost_batch_size}"


class BatchRenorm(BatchNorm):
    r"""Batch normalization whose training output is corrected towards that of evaluation.

    .. math:: y = \gamma \left(\frac{x - \mu_B}{\sigma_B} r + d\right) + \beta, \quad
        r = \mathrm{clip}\left(\frac{\sigma_B}{\sigma}, \frac{1}{r_{max}}, r_{max}\right), \quad
        d = \mathrm{clip}\left(\frac{\mu_B - \mu}{\sigma}, -d_{max}, d_{max}\right)

    View N C S, pooled over N S, affine over C. :math:`\mu_B, \sigma_B` are the batch's (the biased variance),
    :math:`\mu, \sigma` the running ones before this batch; no gradient flows through r and d. As in batch
    norm it is the unbiased variance that is tracked, so that checkpoints fit both. Evaluation is that of
    batch norm.

    The paper starts as plain batch norm and relaxes the bounds: set the attributes ``r_max`` (from 1) and
    ``d_max`` (from 0) as training goes on.

    Args:
        num_features: C of ``(N, C)``, ``(N, C, L)``, ``(N, C, H, W)`` or ``(N, C, D, H, W)``.
        r_max: Bound of the scale correction, at least 1.
        d_max: Bound of the shift correction in standard deviations, at least 0.
        eps: Added to the variance.
        momentum: Share of the new statistic in the running one; None for the plain average.
        affine: Whether there is a gamma, ``weight``, and a beta, ``bias``, both ``(C,)``.

    Raises:
        ValueError: A bound is out of range.
        RuntimeError: It is run in a backward pass, as ``torch.utils.checkpoint`` does, in training mode.
            Under ``torch.compile`` this is not seen, and the gradients are wrong: keep the layer out.

    Source:
        Ioffe 2017, arXiv 1702.03275.

    Example:
        >>> layer = BatchRenorm(1, affine=False)  # starts at mean 0 and variance 1
        >>> layer(torch.tensor([[1.0], [3.0]])).flatten().round(decimals=3)
        tensor([1., 3.])
    """

    _ranks = (2, 3, 4, 5)

    def __init__(
        self,
        num_features: int,
        r_max: float = 3.0,
        d_max: float = 5.0,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine)
        if r_max < 1 or d_max < 0:
            raise ValueError(f"BatchRenorm needs r_max >= 1 and d_max >= 0, but got {r_max} and {d_max}")
        self.r_max = r_max
        self.d_max = d_max

    def forward(self, input: Tensor) -> Tensor:
        """Normalize by the batch, corrected towards the running statistics, in training mode."""
        if not self.training or self.running_mean is None or self.running_var is None:
            return super().forward(input)
        self._check_rank(input)
        if is_recomputed():
            raise RuntimeError(
                "BatchRenorm cannot run in a backward pass, where torch.utils.checkpoint runs it again: its "
                "first run has moved the running statistics that its output depends on. Keep it out"
            )
        mean, var = self.running_mean.clone(), self.running_var.clone()
        running = (self.running_mean, self.running_var)
        xhat = functional.batch_norm(input, *running, training=True, momentum=self._share(), eps=self.eps)
        self._count_batch()
        r, d = self._corrections(input.detach().to(mean.dtype), mean, var)
        scale = r if self.weight is None else r * self.weight
        shift = d if self.weight is None else d * self.weight
        if self.bias is not None:
            shift = shift + self.bias
        per_channel = (-1,) + (1,) * (input.dim() - 2)
        return (xhat * scale.view(per_channel) + shift.view(per_channel)).to(input.dtype)

    def _corrections(self, x: Tensor, mean: Tensor, var: Tensor) -> tuple[Tensor, Tensor]:
        """Bounded r and d, which take the batch's normalization of x to that by this mean and variance."""
        axes = [axis for axis in range(x.dim()) if axis != 1]
        sigma = torch.sqrt(var + self.eps)
        r = torch.sqrt(x.var(axes, correction=0) + self.eps) / sigma
        d = (x.mean(axes) - mean) / sigma
        return r.clamp(1 / self.r_max, self.r_max), d.clamp(-self.d_max, self.d_max)

    def extra_repr(self) -> str:
        """Return the constructor's arguments."""
        return f"{super().extra_repr()}, r_max={self.r_max}, d_max={self.d_max}"


class DyT(AffineNorm):
    r"""Dynamic tanh: an elementwise layer that takes the place of layer norm in a transformer.

    .. math:: y = \gamma \tanh(\alpha x) + \beta

    It pools nothing, so it is no norm: there is no variance, and training and evaluation are alike. The
    affine is over F, as in layer norm.

    Args:
        normalized_shape: Sizes of the trailing axes that gamma, ``weight``, and beta, ``bias``, span; a
            number means one axis.
        alpha_init: Where the learnable scalar ``alpha`` starts.

    Source:
        Zhu et al. 2025, arXiv 2503.10622.

    Example:
        >>> DyT(2)(torch.tensor([[0.0, 100.0]])).detach()
        tensor([[0., 1.]])
    """

    weight: nn.Parameter
    bias: nn.Parameter

    def __init__(self, normalized_shape: int | Sequence[int], alpha_init: float = 0.5) -> None:
        super().__init__()
        shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
        self.normalized_shape: tuple[int, ...] = shape
        self.alpha_init = alpha_init
        self.alpha = nn.Parameter(torch.empty(1))
        self._register_affine(shape, True, True)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set alpha to where it starts, gamma to one and beta to zero."""
        nn.init.constant_(self.alpha, self.alpha_init)
        super().reset_parameters()

    def forward(self, input: Tensor) -> Tensor:
        """Squash each value, then scale and shift it."""
        refuse_symbols(type(self).__name__, input)
        shape = tuple(input.shape[-len(self.normalized_shape) :])
        if shape != self.normalized_shape:
            raise RuntimeError(
                f"{type(self).__name__} needs input that ends in normalized_shape={self.normalized_shape}, "
                f"but got {tuple(input.shape)}: move the features last, or change normalized_shape"
            )
        return self._squash(input) * self.weight + self.bias

    def _squash(self, input: Tensor) -> Tensor:
        return torch.tanh(self.alpha * input)

    def extra_repr(self) -> str:
        """Return the constructor's arguments."""
        return f"{self.normalized_shape}, alpha_init={self.alpha_init}"


class Derf(DyT):
    r"""Dynamic erf: dynamic tanh with the error function in place of tanh, and a shift.

    .. math:: y = \gamma \, \mathrm{erf}(\alpha x + s) + \beta, \quad
        \mathrm{erf}(z) = \frac{2}{\sqrt{\pi}} \int_0^z e^{-t^2} dt

    It pools nothing either, and its affine is that of `DyT`.

    Args:
        normalized_shape: Sizes of the trailing axes that gamma, ``weight``, and beta, ``bias``, span; a
            number means one axis.
        alpha_init: Where the learnable scalar ``alpha`` starts. The scalar ``shift``, s, starts at 0.

    Source:
        Chen et al. 2025, arXiv 2512.10938.

    Example:
        >>> Derf(2)(torch.tensor([[0.0, 100.0]])).detach()
        tensor([[0., 1.]])
    """

    def __init__(self, normalized_shape: int | Sequence[int], alpha_init: float = 0.5) -> None:
        super().__init__(normalized_shape, alpha_init)
        self.shift = nn.Parameter(torch.zeros(1))

    def reset_parameters(self) -> None:
        """Set alpha to where it starts, the shift and beta to zero, and gamma to one."""
        super().reset_parameters()
        if hasattr(self, "shift"):  # not yet where DyT's constructor asks
            nn.init.zeros_(self.shift)

    def _squash(self, input: Tensor) -> Tensor:
        return torch.erf(self.alpha * input + self.shift)
