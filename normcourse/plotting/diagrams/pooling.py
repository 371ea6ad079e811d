"""Which cells of a batch a norm pools, drawn as cubes."""

from collections.abc import Iterable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Polygon
from numpy.typing import NDArray

from normcourse.plotting.diagrams.statistics import counted, pooled_places
from normcourse.plotting.frame import Frame
from normcourse.plotting.style import COLOURS, new_figure
from normcourse.taxonomy import TAXONOMY, NormSpec

__all__ = ["pooled_cells", "pooling_cubes", "pooling_frame", "token_frame"]

# Where one step along N, C and S leads on paper: N to the right, C into the page, S upwards.
_STEPS = np.array([[1.0, -0.12], [0.42, 0.42], [0.0, 1.0]])


def pooled_cells(
    spec: NormSpec,
    shape: tuple[int, int, int],
    *,
    cell: tuple[int, int, int] = (0, 0, 0),
    features: int = 2,
) -> NDArray[np.bool_]:
    """Mark the cells of an ``(N, C, S)`` batch that share one mean and variance with a given cell.

    GroupNorm has two groups.

    Args:
        spec: A row of the taxonomy.
        shape: ``(N, C, S)``; ``C`` even.
        cell: Example, channel and position of the given cell.
        features: How many trailing axes LayerNorm and RMSNorm normalize.

    Returns:
        A mask of this shape.

    Example:
        >>> mask = pooled_cells(TAXONOMY["BatchNorm"], (4, 6, 5))
        >>> mask[:, 0, :].all(), mask[:, 1:, :].any()
        (np.True_, np.False_)
    """
    mask = np.zeros(np.prod(shape), dtype=bool)
    mask[pooled_places(spec, shape, cell, features=features)] = True
    return mask.reshape(shape)


def pooling_frame(norm: str, example: int, channel: int, *, shape: tuple[int, int, int] = (4, 6, 5)) -> Frame:
    """Draw every cell of a batch, and in colour those that one cell is normalized with.

    Args:
        norm: A name of the taxonomy.
        example: The cell's example, counted from 0.
        channel: The cell's channel, counted from 0. Its position is the topmost one.
        shape: ``(N, C, S)``; ``C`` even.
    """
    spec, cell = TAXONOMY[norm], (example, channel, shape[2] - 1)
    mask = pooled_cells(spec, shape, cell=cell)
    with new_figure(figsize=(5.0, 3.2)) as (figure, axis):
        axis.set_axis_off()
        _draw_cells(axis, mask, cell, ("N: examples", "C: channels", "S: positions"))
    examples, channels = mask.any(axis=(1, 2)).sum(), mask.any(axis=(0, 2)).sum()
    reach = (
        f"{counted(examples, shape[0], 'example')}, {counted(channels, shape[1], 'channel')} and "
        f"all {shape[2]} positions"
    )
    return Frame(
        figure,
        f"A block of {shape[0]} examples by {shape[1]} channels by {shape[2]} positions, its cells drawn "
        f"apart. A diamond marks a cell of example {example} and channel {channel}. In colour for {norm}: "
        f"{reach}.",
        f"For example {example}, channel {channel}, {norm} takes {_statistics(spec)} over {reach}: "
        f"{mask.sum()} of {mask.size} cells. "
        + ("Other examples change this cell's output." if examples > 1 else "Other examples do not matter."),
    )


def token_frame(norm: str, text: int, token: int, *, shape: tuple[int, int, int] = (3, 5, 4)) -> Frame:
    """Draw every cell of a batch of texts, and in colour those that one cell is normalized with.

    A text's features are what the other norms call channels, and its tokens are their positions.

    Args:
        norm: A name of the taxonomy. ``" over T and F"`` after LayerNorm or RMSNorm pools a text's tokens as
            well as the features.
        text: The cell's text, counted from 0.
        token: The cell's token, counted from 0. Its feature is the topmost one.
        shape: ``(B, T, F)``, texts, tokens and features; ``F`` even.
    """
    name, _, more = norm.partition(" over ")
    spec, feature = TAXONOMY[name], shape[2] - 1
    if spec.view == "BF":
        mask = pooled_cells(spec, shape, cell=(text, token, feature), features=2 if more else 1)
    else:
        channels_first = pooled_cells(spec, (shape[0], shape[2], shape[1]), cell=(text, feature, token))
        mask = channels_first.swapaxes(1, 2)
    with new_figure(figsize=(5.0, 3.2)) as (figure, axis):
        axis.set_axis_off()
        _draw_cells(
            axis, mask.swapaxes(0, 1), (token, text, feature), ("T: tokens", "B: texts", "F: features")
        )
        axis.margins(x=0.2)  # for the names
    texts, tokens, features = (mask.any(axis=axes).sum() for axes in ((1, 2), (0, 2), (0, 1)))
    reach = (
        f"{counted(texts, shape[0], 'text')}, {counted(tokens, shape[1], 'token')} and "
        f"{counted(features, shape[2], 'feature')}"
    )
    others, beside = ("Yes" if count > 1 else "No" for count in (texts, tokens))
    return Frame(
        figure,
        f"A block of {shape[0]} texts by {shape[1]} tokens by {shape[2]} features, its cells drawn apart. A "
        f"diamond marks a cell of text {text} and token {token}. In colour for {norm}: {reach}.",
        f"For text {text}, token {token}, {norm} takes {_statistics(spec)} over {reach}: {mask.sum()} of "
        f"{mask.size} cells. Do other texts change this cell's output? {others}. Do other tokens? {beside}.",
    )


def _statistics(spec: NormSpec) -> str:
    return "one mean and variance" if spec.centred else "one mean square"


def _draw_cells(
    axes: Axes, mask: NDArray[np.bool_], cell: tuple[int, int, int], names: tuple[str, str, str]
) -> None:
    """Draw each cell as a small cube, from the back to the front; those outside the mask as ghosts.

    The mask's axes lead to the right, into the page and upwards; ``names`` are theirs.
    """
    apart, side = np.array([1.5, 1.9, 1.0]), 0.8
    a, b, c = _STEPS * side
    faces = ((0 * a, a, c, 1.0), (a, b, c, 0.72), (c, a, b, 0.86))  # front, right, top, and their light
    outlines, colours, edges = [], [], []
    for at in sorted(np.ndindex(mask.shape), key=lambda at: (-at[1], at[0], at[2])):
        corner = (np.array(at) * apart) @ _STEPS
        for origin, first, second, light in faces:
            outlines.append([corner + origin + shift for shift in (0 * a, first, first + second, second)])
            colours.append(light * np.array(to_rgb(COLOURS["BatchNorm"] if mask[at] else "#F6F8FA")))
            edges.append("white" if mask[at] else "#CBD1DA")
    axes.add_collection(PolyCollection(outlines, facecolors=colours, edgecolors=edges, linewidths=0.5))
    place = (np.array(cell) * apart) @ _STEPS + c + (a + b) / 2
    axes.plot(*place, "D", color=COLOURS["accent"], markeredgecolor="black", markersize=6)
    size = np.array(mask.shape) * apart
    labels = (
        (size * (0.5, 0, 0), (0.2, -1.0), "center"),
        (size * (1, 0.5, 0), (0.6, -0.6), "left"),
        (size * (0, 0, 0.5), (-0.6, 0), "right"),
    )
    for text, (corner, shift, side_of) in zip(names, labels, strict=True):
        x, y = corner @ _STEPS + shift
        axes.text(x, y, text, ha=side_of, va="center", color="#374151")
    axes.set_aspect("equal")
    axes.autoscale_view()


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
