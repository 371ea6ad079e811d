"""The one table of the course: what each norm pools, and what its affine spans.

Every norm here is the same four steps: look at the input through a *view*, pool over some letters
of that view, standardise, then scale and shift along some letters. The letters are:

====== ==========================================================================
letter meaning
====== ==========================================================================
``N``  examples in the batch
``C``  channels (features, for a plain fully connected layer)
``S``  spatial positions, flattened to one axis (of length 1 if there are none)
``G``  groups of channels
``K``  channels inside a group, so ``G * K == C``
``B``  everything that is not normalized: the batch and any leading axes, flattened
``F``  the normalized features (``normalized_shape`` in PyTorch), flattened
====== ==========================================================================

The NumPy reference and the torch functions both read this table and share nothing else.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod

__all__ = ["TAXONOMY", "NormSpec", "Taxonomy"]


@dataclass(frozen=True)
class NormSpec:
    """One row of the table: a norm as a view, the letters it pools and the letters of its affine.

    Args:
        name: PyTorch's class name, without a dimension suffix.
        view: The letters of the view, in axis order, such as ``"NCS"``.
        pool: The letters that the statistics are taken over; each is in ``view``.
        affine: The letters that gamma and beta span; each is in ``view``.
        centred: Whether the mean is subtracted (RMSNorm does not).

    Example:
        >>> spec = TAXONOMY["BatchNorm"]
        >>> spec.view, spec.pool_axes, spec.affine_shape((8, 3, 49))
        ('NCS', (0, 2), (1, 3, 1))
    """

    name: str
    view: str
    pool: str
    affine: str
    centred: bool = True

    @property
    def pool_axes(self) -> tuple[int, ...]:
        """Axes of the view that the statistics are taken over."""
        return tuple(self.view.index(letter) for letter in self.pool)

    @property
    def pools_batch(self) -> bool:
        """Whether one example's output depends on the other examples in the batch."""
        return "N" in self.pool

    def view_shape(self, shape: Sequence[int], *, groups: int = 1, features: int = 1) -> tuple[int, ...]:
        """Sizes of the view of an input of this shape.

        Args:
            shape: The input's shape: ``(N, C, *spatial)``, or ``(*leading, *normalized_shape)`` for a
                ``BF`` view.
            groups: Number of groups ``G``; read by ``NGKS`` only. Must divide ``C``.
            features: How many trailing axes are normalized; read by ``BF`` only.

        Returns:
            One size per letter of ``view``.

        Example:
            >>> TAXONOMY["GroupNorm"].view_shape((8, 6, 7, 7), groups=2)
            (8, 2, 3, 49)
            >>> TAXONOMY["LayerNorm"].view_shape((8, 512, 768), features=1)
            (4096, 768)
        """
        if self.view == "BF":
            split = len(shape) - features
            return prod(shape[:split]), prod(shape[split:])
        sizes = {"N": shape[0], "C": shape[1], "S": prod(shape[2:]), "G": groups, "K": shape[1] // groups}
        return tuple(sizes[letter] for letter in self.view)

    def affine_shape(self, view_shape: Sequence[int]) -> tuple[int, ...]:
        """Shape in which gamma and beta broadcast against a view of these sizes."""
        return tuple(
            size if letter in self.affine else 1 for letter, size in zip(self.view, view_shape, strict=True)
        )


class Taxonomy(Mapping[str, NormSpec]):
    """The rows by name; printing it gives the taxonomy at one glance.

    Example:
        >>> print(TAXONOMY)
        norm          view     pools  affine  mean subtracted  pools the batch
        BatchNorm     N C S    N S    C       yes              yes
        InstanceNorm  N C S    S      C       yes              no
        GroupNorm     N G K S  K S    G K     yes              no
        LayerNorm     B F      F      F       yes              no
        RMSNorm       B F      F      F       no               no
    """

    def __init__(self, *specs: NormSpec) -> None:
        self._specs = {spec.name: spec for spec in specs}

    def __getitem__(self, name: str) -> NormSpec:
        return self._specs[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._specs)

    def __len__(self) -> int:
        return len(self._specs)

    def __str__(self) -> str:
        head = ("norm", "view", "pools", "affine", "mean subtracted", "pools the batch")
        rows = [head] + [
            (
                spec.name,
                " ".join(spec.view),
                " ".join(spec.pool),
                " ".join(spec.affine),
                "yes" if spec.centred else "no",
                "yes" if spec.pools_batch else "no",
            )
            for spec in self.values()
        ]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in rows
        )


#: The five norms of the course, by name.
TAXONOMY = Taxonomy(
    NormSpec("BatchNorm", view="NCS", pool="NS", affine="C"),
    NormSpec("InstanceNorm", view="NCS", pool="S", affine="C"),
    NormSpec("GroupNorm", view="NGKS", pool="KS", affine="GK"),
    NormSpec("LayerNorm", view="BF", pool="F", affine="F"),
    NormSpec("RMSNorm", view="BF", pool="F", affine="F", centred=False),
)
