"""Into a norm's view and back again."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from normcourse.reference._checks import Array
from normcourse.taxonomy import NormSpec

__all__ = ["View"]


@dataclass(frozen=True)
class View:
    """One norm looking at inputs of one shape.

    Args:
        spec: The norm's row of the taxonomy.
        shape: The input's shape.
        groups: Number of groups ``G``; read by an ``NGKS`` view only.
        axes: The normalized axes, ascending; a ``BF`` view moves them to the end.

    Example:
        >>> from normcourse.taxonomy import TAXONOMY
        >>> view = View(TAXONOMY["LayerNorm"], (2, 3, 5), axes=(1,))
        >>> view.sizes, view.parameter_shape, view.statistic_shape
        ((10, 3), (3,), (2, 5))
    """

    spec: NormSpec
    shape: tuple[int, ...]
    groups: int = 1
    axes: tuple[int, ...] = ()

    @property
    def order(self) -> tuple[int, ...]:
        """The input's axes with the normalized ones last."""
        return tuple(a for a in range(len(self.shape)) if a not in self.axes) + self.axes

    @property
    def sizes(self) -> tuple[int, ...]:
        """Sizes of the view, one per letter."""
        moved = [self.shape[a] for a in self.order]
        return self.spec.view_shape(moved, groups=self.groups, features=len(self.axes))

    @property
    def pool_size(self) -> int:
        """How many values each statistic is taken over."""
        return prod(self.sizes[a] for a in self.spec.pool_axes)

    @property
    def statistic_sizes(self) -> tuple[int, ...]:
        """Sizes of the statistics inside the view: the pooled letters have size 1."""
        return tuple(1 if a in self.spec.pool_axes else size for a, size in enumerate(self.sizes))

    @property
    def statistic_shape(self) -> tuple[int, ...]:
        """Shape of the statistics outside the view: the pooled axes are gone."""
        if self.axes:
            return tuple(size for a, size in enumerate(self.shape) if a not in self.axes)
        return tuple(size for a, size in enumerate(self.sizes) if a not in self.spec.pool_axes)

    @property
    def parameter_shape(self) -> tuple[int, ...]:
        """Shape of gamma and beta as the caller holds them."""
        return tuple(self.shape[a] for a in self.axes) if self.axes else (self.shape[1],)

    @property
    def shared_axes(self) -> tuple[int, ...]:
        """Axes of the view along which gamma and beta are shared, so that their gradients add up."""
        return tuple(a for a, letter in enumerate(self.spec.view) if letter not in self.spec.affine)

    def enter(self, x: Array) -> Array:
        """The input, of ``shape``, as the view, of ``sizes``."""
        return x.transpose(self.order).reshape(self.sizes)

    def leave(self, view: Array) -> Array:
        """The view, of ``sizes``, as an array of the input's ``shape``."""
        moved = [self.shape[a] for a in self.order]
        return view.reshape(moved).transpose(np.argsort(self.order))

    def enter_parameter(self, values: Array) -> Array:
        """Gamma or beta, so that it broadcasts against the view."""
        return values.reshape(self.spec.affine_shape(self.sizes))

    def enter_statistics(
        self, per_channel: Sequence[Array], dtype: np.dtype[np.floating]
    ) -> tuple[Array, ...]:
        """Copies of per-channel statistics of shape ``(C,)``, of ``statistic_sizes`` and this dtype."""
        return tuple(
            np.array(np.broadcast_to(values.reshape(1, -1, 1), self.statistic_sizes), dtype)
            for values in per_channel
        )
