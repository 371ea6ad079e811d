"""What the layers share: the affine parameters, and the running statistics of batch and instance norm."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from normcourse._watching import is_recomputed, refuse_symbols

__all__ = ["AffineNorm", "RunningNorm"]


class AffineNorm(nn.Module):
    """A norm that may hold a weight (gamma, starts at one) and a bias (beta, starts at zero)."""

    weight: nn.Parameter | None
    bias: nn.Parameter | None

    def _register_affine(self, shape: Sequence[int], weight: bool, bias: bool, **factory: Any) -> None:
        for name, wanted in (("weight", weight), ("bias", weight and bias)):
            self.register_parameter(
                name, nn.Parameter(torch.empty(tuple(shape), **factory)) if wanted else None
            )

    def reset_parameters(self) -> None:
        """Set gamma to one and beta to zero."""
        if self.weight is not None:
            nn.init.ones_(self.weight)
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def __prepare_scriptable__(self) -> nn.Module:
        """Refuse TorchScript, which asks for this and otherwise stops at some line of ours."""
        raise TypeError(
            f"{type(self).__name__} is not for torch.jit.script: use torch.export.export or torch.compile"
        )


class RunningNorm(AffineNorm):
    """A per-channel norm that may track running statistics.

    A leaf class sets ``_ranks``: the ranks of input that it takes.
    """

    _version = 2
    _ranks: tuple[int, ...]
    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        self._register_affine((num_features,), affine, bias, device=device, dtype=dtype)
        shapes = {
            "running_mean": ((num_features,), dtype),
            "running_var": ((num_features,), dtype),
            "num_batches_tracked": ((), torch.long),
        }
        for name, (shape, kind) in shapes.items():
            self.register_buffer(
                name, torch.empty(shape, device=device, dtype=kind) if track_running_stats else None
            )
        self.reset_parameters()

    def reset_running_stats(self) -> None:
        """Forget what was tracked: mean 0, variance 1, no batches."""
        if self.running_mean is not None and self.running_var is not None:
            self.running_mean.zero_()
            self.running_var.fill_(1)
        if self.num_batches_tracked is not None:
            self.num_batches_tracked.zero_()

    def reset_parameters(self) -> None:
        """Set gamma to one and beta to zero, and forget the running statistics."""
        self.reset_running_stats()
        super().reset_parameters()

    def _tracks(self) -> bool:
        """Whether this pass moves the running statistics: not where a batch is computed for a second time."""
        return self.training and self.track_running_stats and not is_recomputed()

    def _share(self) -> float | Tensor:
        """The share that the next batch gets in the running statistics."""
        if self.momentum is not None:
            return self.momentum
        if self.num_batches_tracked is None or self.running_mean is None:
            return 0.0
        # A tensor, not .item(): so that vmap over models and tracing go through.
        return (self.num_batches_tracked + 1).to(self.running_mean.dtype).reciprocal()

    def _count_batch(self) -> None:
        """Count a batch that was tracked."""
        if self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)

    def _check_rank(self, input: Tensor) -> None:
        refuse_symbols(type(self).__name__, input)
        if input.dim() not in self._ranks:
            ranks = " or ".join(f"{rank}D" for rank in self._ranks)
            raise ValueError(
                f"{type(self).__name__} takes {ranks} input, but got {input.dim()}D of shape "
                f"{tuple(input.shape)}: reshape it, or use the layer for that many spatial axes"
            )

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        # Checkpoints before version 2 do not have the counter: keep ours, so that strict loading passes.
        version = args[0].get("version")
        if (version is None or version < 2) and self.num_batches_tracked is not None:
            counter = self.num_batches_tracked
            fallback = torch.tensor(0) if counter.is_meta else counter
            state_dict.setdefault(prefix + "num_batches_tracked", fallback)
        super()._load_from_state_dict(state_dict, prefix, *args)

    def extra_repr(self) -> str:
        """Return the constructor's arguments, as torch's layers print them."""
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )
