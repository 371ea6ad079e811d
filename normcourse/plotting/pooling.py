"""Which cells of a batch a norm pools, drawn as cubes."""

from collections.abc import Iterable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Polygon
from numpy.typing import NDArray

from normcourse.plotting.style import COLOURS, new_figure
from normcourse.taxonomy import TAXONOMY, NormSpec

__all__ = ["pooled_cells", "pooling_cubes"]

# Where one step along N, C and S leads on paper: N to the right, C into the page, S upwards.
_STEPS = np.array([[1.0, -0.12], [0.42, 0.42], [0.0, 1.0]])


def pooled_cells(spec: NormSpec, shape: tuple[int, int, int]) -> NDArray[np.bool_]:
    """Mark the cells of an ``(N, C, S)`` batch that share one mean and variance.

    The set that holds the first example and the first channel is marked. GroupNorm has two groups;
    LayerNorm and RMSNorm normalize ``(C, S)``.

    Args:
        spec: A row of the taxonomy.
        shape: ``(N, C, S)``; ``C`` even.

    Returns:
        A mask of this shape.

    Example:
        >>> mask = pooled_cells(TAXONOMY["BatchNorm"], (4, 6, 5))
        >>> mask[:, 0, :].all(), mask[:, 1:, :].any()
        (np.True_, np.False_)
    """
    view = np.arange(np.prod(shape)).reshape(spec.view_shape(shape, groups=2, features=2))
    first = tuple(slice(None) if letter in spec.pool else 0 for letter in spec.view)
    mask = np.zeros(np.prod(shape), dtype=bool)
    mask[view[first].ravel()] = True
    return mask.reshape(shape)


def pooling_cubes(
    specs: Iterable[NormSpec] = tuple(TAXONOMY.values()), *, shape: tuple[int, int, int] = (4, 6, 5)
) -> Figure:
    """Draw a batch as a cube of ``N`` by ``C`` by ``S`` cells for each norm, one pooled set in colour."""
    specs = tuple(specs)
    columns = min(len(specs), 3)
    rows = -(-len(specs) // columns)
    with new_figure(rows, columns, figsize=(5.0, 2.3 * rows), squeeze=False) as (figure, axes):
        for axis in axes.flat:
            axis.set_axis_off()
        for axis, spec in zip(axes.flat, specs, strict=False):
            _draw_cube(axis, pooled_cells(spec, shape))
            axis.set_title(spec.name)
    return figure


def _draw_cube(axes: Axes, mask: NDArray[np.bool_]) -> None:
    """Draw the three faces that are seen: the first channel, the last position, the last example."""
    size = np.array(mask.shape)
    faces = (
        (mask[:, 0, :], (0, 2), np.zeros(3)),
        (mask[:, :, -1], (0, 1), np.array([0, 0, size[2]])),
        (mask[-1, :, :], (1, 2), np.array([size[0], 0, 0])),
    )
    for cells, (first, second), origin in faces:
        a, b = _STEPS[first], _STEPS[second]
        for (i, j), pooled in np.ndenumerate(cells):
            corner = origin @ _STEPS + i * a + j * b
            colour = COLOURS["BatchNorm"] if pooled else "#EEF1F5"
            axes.add_patch(
                Polygon([corner, corner + a, corner + a + b, corner + b], facecolor=colour, edgecolor="white")
            )
    labels = (
        ("N", size * (0.5, 0, 0), (0, -0.9)),
        ("C", size * (1, 0.5, 0), (0.8, -0.5)),
        ("S", size * (0, 0, 0.5), (-0.7, 0)),
    )
    for letter, place, shift in labels:
        x, y = place @ _STEPS + shift
        axes.text(x, y, letter, ha="center", va="center", color="#374151")
    axes.set_aspect("equal")
    axes.autoscale_view()
