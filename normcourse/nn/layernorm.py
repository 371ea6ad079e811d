"""The norms over trailing axes as layers: layer normalization and RMS normalization."""

from collections.abc import Sequence

import torch
from torch import Tensor

from normcourse import functional
from normcourse.nn._base import AffineNorm

__all__ = ["LayerNorm", "RMSNorm"]


class _TrailingNorm(AffineNorm):
    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float | None,
        elementwise_affine: bool,
        bias: bool,
        device: torch.device | str | None,
        dtype: torch.dtype | None,
    ) -> None:
        super().__init__()
        shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
        self.normalized_shape: tuple[int, ...] = shape
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        self._register_affine(shape, elementwise_affine, bias, device=device, dtype=dtype)
        self.reset_parameters()

    def extra_repr(self) -> str:
        """Return the constructor's arguments, as torch's layers print them."""
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"


class LayerNorm(_TrailingNorm):
    r"""Layer normalization of ``(*leading, *normalized_shape)``: the drop-in for ``torch.nn.LayerNorm``.

    .. math:: y = \gamma \, \frac{x - \mu}{\sqrt{\sigma^2 + \varepsilon}} + \beta

    View B F, pooled over F, affine over F, with the biased variance. Training and evaluation are alike.

    Args:
        normalized_shape: Sizes of the trailing axes to pool; a number means one axis.
        eps: Added to the variance.
        elementwise_affine: Whether there is a gamma, ``weight``, of ``normalized_shape``.
        bias: Whether there is also a beta, ``bias``, of that shape.
        device: Where the parameters live.
        dtype: Their dtype.

    Raises:
        RuntimeError: The input does not end in ``normalized_shape``, or has another dtype than the layer.

    Source:
        Ba et al. 2016, arXiv 1607.06450.

    Example:
        >>> LayerNorm(2)(torch.tensor([[1.0, 3.0], [10.0, 30.0]])).detach().round(decimals=3)
        tensor([[-1.,  1.],
                [-1.,  1.]])
    """

    eps: float

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(normalized_shape, eps, elementwise_affine, bias, device, dtype)

    def forward(self, input: Tensor) -> Tensor:
        """Normalize each position over the trailing axes."""
        return functional.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """Return the constructor's arguments, as torch's layer prints them."""
        return f"{super().extra_repr()}, bias={self.bias is not None}"


class RMSNorm(_TrailingNorm):
    r"""RMS normalization of ``(*leading, *normalized_shape)``: the drop-in for ``torch.nn.RMSNorm``.

    .. math:: y = \gamma \, \frac{x}{\sqrt{\mathrm{mean}(x^2) + \varepsilon}}

    View B F, pooled over F, affine over F, not centred, no beta. Training and evaluation are alike.

    Args:
        normalized_shape: Sizes of the trailing axes to pool; a number means one axis.
        eps: Added to the mean of squares; None means the machine epsilon of the dtype that computes.
        elementwise_affine: Whether there is a gamma, ``weight``, of ``normalized_shape``.
        device: Where it lives.
        dtype: Its dtype.

    Raises:
        RuntimeError: The input does not end in ``normalized_shape``.

    Source:
        Zhang and Sennrich 2019, arXiv 1910.07467.

    Example:
        >>> RMSNorm(2)(torch.tensor([[3.0, 4.0]])).detach().round(decimals=3)
        tensor([[0.8490, 1.1310]])
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(normalized_shape, eps, elementwise_affine, False, device, dtype)

    def forward(self, input: Tensor) -> Tensor:
        """Divide each position by its root mean square over the trailing axes."""
        return functional.rms_norm(input, self.normalized_shape, self.weight, self.eps)
