"""Group normalization as a layer."""

import torch
from torch import Tensor

from normcourse import functional
from normcourse.nn._base import AffineNorm

__all__ = ["GroupNorm"]


class GroupNorm(AffineNorm):
    r"""Group normalization of ``(N, C, *spatial)``: the drop-in for ``torch.nn.GroupNorm``.

    .. math:: y = \gamma \, \frac{x - \mu}{\sqrt{\sigma^2 + \varepsilon}} + \beta

    View N G K S with G x K = C, pooled over K S, affine over G K, with the biased variance. Training and
    evaluation are alike.

    Args:
        num_groups: The groups G; G divides C.
        num_channels: The channels C.
        eps: Added to the variance.
        affine: Whether there is a gamma, ``weight``, and a beta, ``bias``, both ``(C,)``.
        device: Where the parameters live.
        dtype: Their dtype.
        bias: Whether the affine has a beta.

    Raises:
        ValueError: The groups do not divide the channels.
        RuntimeError: The input has another number of channels, or another dtype, than the layer.

    Source:
        Wu and He 2018, arXiv 1803.08494.

    Example:
        >>> GroupNorm(2, 4)(torch.tensor([[1.0, 3.0, 10.0, 30.0]])).detach().round(decimals=3)
        tensor([[-1.,  1., -1.,  1.]])
    """

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        if num_groups < 1 or num_channels % num_groups:
            raise ValueError(
                f"GroupNorm needs num_groups >= 1 that divides num_channels, but got num_groups={num_groups} "
                f"and num_channels={num_channels}"
            )
        self.num_groups = num_groups
        self.num_channels = num_channels
        self.eps = eps
        self.affine = affine
        self._register_affine((num_channels,), affine, bias, device=device, dtype=dtype)
        self.reset_parameters()

    def forward(self, input: Tensor) -> Tensor:
        """Normalize each group of channels of each example."""
        return functional.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """Return the constructor's arguments, as torch's layer prints them."""
        return (
            f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, "
            f"bias={self.bias is not None}"
        )
