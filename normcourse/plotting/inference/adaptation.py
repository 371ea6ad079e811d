"""Statistics that follow the batches at inference: where that helps, and what one channel makes of it."""

from collections.abc import Mapping, Sequence
from math import inf
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from normcourse.experiments.inference.adaptation import WEIGHTS, Channel
from normcourse.plotting.frame import Frame
from normcourse.plotting.style import COLOURS, new_figure

__all__ = ["accuracy_maps", "adaptation_frame", "adapted_digits", "adapted_streams", "source_weights"]

_WRITTEN = ["\N{INFINITY}" if weight == inf else f"{weight:g}" for weight in WEIGHTS]

# How the two ends of the source weight are told apart: name, colour and marker.
_RUNNING = ("running statistics", COLOURS["plain"], "o")
_BATCH = ("the batch's", COLOURS["BatchNorm"], "s")

Pairs = Mapping[str, tuple[float, float]]


def _draw_pairs(axis: Axes, pairs: Pairs) -> None:
    """Draw a row for each pair of fractions, from the top, with its per cent beside each mark."""
    for row, ends in enumerate(pairs.values()):
        percent = [100 * end for end in ends]
        axis.plot(percent, (row, row), color=COLOURS["muted"], linewidth=1.2, zorder=1)
        for (_, colour, marker), value, other in zip((_RUNNING, _BATCH), percent, percent[::-1], strict=True):
            axis.plot(value, row, marker, color=colour, markersize=7)
            right = value > other or (value == other and marker == "s")
            axis.annotate(
                f"{value:.0f}",
                (value, row),
                xytext=(7 if right else -7, 0),
                textcoords="offset points",
                ha="left" if right else "right",
                va="center",
                fontsize=9,
            )
    axis.set_yticks(range(len(pairs)), list(pairs))
    axis.set(ylim=(len(pairs) - 0.45, -0.55), xticks=(0, 25, 50, 75, 100))
    axis.tick_params(axis="y", length=0)
    axis.grid(visible=False, axis="y")


def _name_pairs(figure: Figure) -> None:
    marks = [
        Line2D([], [], color=colour, marker=marker, linestyle="none", label=name)
        for name, colour, marker in (_RUNNING, _BATCH)
    ]
    figure.legend(handles=marks, loc="outside upper center", ncols=2)


def adapted_digits(pictures: Mapping[str, NDArray[np.float32]], pairs: Pairs) -> Figure:
    """Draw the accuracy on changed digits by either kind of statistics, a row for each change.

    Args:
        pictures: One changed digit of each kind, shape ``(side, side)``.
        pairs: Accuracy by the running statistics and by the batch's, as fractions, of the same kinds.
    """
    with new_figure(figsize=(5.0, 1.2 + 0.42 * len(pairs))) as (figure, axis):
        _draw_pairs(axis, pairs)
        for row, name in enumerate(pairs):
            place = (-22, -11, row + 0.42, row - 0.42)
            axis.imshow(pictures[name], cmap="gray", vmin=0, vmax=1, extent=place, aspect="auto")
        axis.set(xlim=(-23, 106), xlabel="test digits read, per cent (right: better)")
        axis.set_ylim(len(pairs) - 0.45, -0.55)  # imshow has its own idea of it
        _name_pairs(figure)
    return figure


def adapted_streams(panels: Mapping[str, Pairs]) -> Figure:
    """Draw the accuracy on streams of digits by either kind of statistics, a panel for each light.

    Args:
        panels: By title, and by the name of the stream: accuracy by the running statistics and by the
            batch's, as fractions.
    """
    rows = max(map(len, panels.values()))
    with new_figure(1, len(panels), figsize=(5.0, 1.4 + 0.42 * rows), sharey=True) as (figure, axes):
        for axis, (title, pairs) in zip(axes, panels.items(), strict=True):
            _draw_pairs(axis, pairs)
            axis.set(xlim=(-16, 117), title=title)
        figure.supxlabel("test digits read, per cent (right: better)", fontsize=10)
        _name_pairs(figure)
    return figure


def source_weights(panels: Mapping[str, Mapping[str, NDArray[np.float64]]]) -> Figure:
    """Draw mean accuracy against the source weight, a panel for each batch size and a line for each light.

    Args:
        panels: By title, and by light: fractions, shape ``(seeds, weights)``. At most two lights.
    """
    looks = ((COLOURS["other"], "D-"), (COLOURS["accent"], "s--"))
    with new_figure(1, len(panels), figsize=(5.0, 3.0), sharey=True) as (figure, axes):
        for axis, (title, lights) in zip(axes, panels.items(), strict=True):
            for (light, values), (colour, line) in zip(lights.items(), looks, strict=False):
                percent = 100 * values.mean(axis=0)
                axis.plot(range(len(WEIGHTS)), percent, line, color=colour, markersize=5, label=light)
            axis.set_xticks(range(len(WEIGHTS)), _WRITTEN)
            axis.set(title=title, ylim=(0, 104))
        axes[0].set_ylabel("digits read, per cent (up: better)")
        figure.supxlabel("source weight N (0: the batch alone, \N{INFINITY}: running alone)", fontsize=10)
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=2)
    return figure


def accuracy_maps(
    panels: Mapping[str, NDArray[np.float64]], rows: Sequence[int | str], *, ylabel: str = ""
) -> Figure:
    """Draw mean accuracies as heat maps with the per cent in each cell, a column for each source weight.

    Args:
        panels: Fractions by title, shape ``(rows, seeds, weights)``.
        rows: What the rows are.
        ylabel: What they are of.
    """
    deep = -(-len(panels) // 2)
    height = 0.75 + deep * (0.55 + 0.24 * len(rows))
    with new_figure(deep, 2, figsize=(5.0, height), sharex=True, sharey=True, squeeze=False) as (
        figure,
        axes,
    ):
        for axis, (title, values) in zip(axes.flat, panels.items(), strict=False):
            percent = 100 * values.mean(axis=1)
            # Cividis runs from dark blue to yellow, in even steps of lightness for every colour vision.
            axis.imshow(percent, cmap="cividis", vmin=0, vmax=100, aspect="auto")
            for (row, column), cell in np.ndenumerate(percent):
                ink = "white" if cell < 47 else "black"
                axis.text(column, row, f"{cell:.0f}", ha="center", va="center", color=ink, fontsize=9)
            axis.set_title(title)
            axis.set_xticks(range(len(WEIGHTS)), _WRITTEN)
            axis.set_yticks(range(len(rows)), [str(row) for row in rows])
            axis.tick_params(length=0, labelsize=9)
            axis.grid(visible=False)
        for axis in axes.flat[len(panels) :]:
            axis.set_axis_off()
        for axis in axes.flat[max(0, len(panels) - 2) : len(panels)]:
            axis.set_xlabel("source weight N")
            axis.tick_params(labelbottom=True)
        for axis in axes[:, 0]:
            axis.set_ylabel(ylabel)
    return figure


def adaptation_frame(
    found: Channel, accuracy: NDArray[np.float64], *, shift: str, weight: float, size: int
) -> Frame:
    """Draw what one channel makes of one changed digit, and the accuracy at every source weight.

    Args:
        found: The channel's maps at this shift and weight.
        accuracy: Fractions at this shift, shape ``(seeds, weights)``.
        shift: A name of `experiments.adaptation.SHIFTS`.
        weight: One of `experiments.adaptation.WEIGHTS`.
        size: Of the batches.
    """
    means, place = 100 * accuracy.mean(axis=0), WEIGHTS.index(weight)
    moved = round((found.adapted.mean() - found.clean.mean()) / found.clean.std(), 1) + 0.0  # no -0.0
    wide = found.adapted.std() / found.clean.std()
    pictures: tuple[tuple[str, NDArray[np.float64], dict[str, Any]], ...] = (
        ("the digit now", found.inputs[0], {"cmap": "gray", "vmin": 0, "vmax": 1}),
        (f"channel, N = {_WRITTEN[place]}", found.adapted[0], {"cmap": "cividis", "vmin": -4, "vmax": 4}),
        ("as it was learnt", found.clean[0], {"cmap": "cividis", "vmin": -4, "vmax": 4}),
    )
    with new_figure(2, 1, figsize=(5.0, 4.3), height_ratios=(1.1, 1)) as (figure, (upper, curve)):
        upper.set_axis_off()
        for column, (title, values, look) in enumerate(pictures):
            inset = upper.inset_axes((column / 3 + 0.02, 0, 0.29, 1))
            inset.imshow(values, **look)
            inset.set(title=title, xticks=(), yticks=())
        curve.plot(range(len(WEIGHTS)), means, "-o", color=COLOURS["BatchNorm"], markersize=4)
        curve.plot(place, means[place], "D", color=COLOURS["plain"], markersize=8)
        curve.set(
            xlabel="source weight N (0: the batch alone, \N{INFINITY}: running alone)",
            ylabel="per cent read\n(up: better)",
            ylim=(0, 104),
        )
        curve.set_xticks(range(len(WEIGHTS)), _WRITTEN)
    counts = size / (weight + size)
    return Frame(
        figure,
        f"{shift.capitalize()}, N = {_WRITTEN[place]}. Above, a changed digit, what one channel makes of it, "
        f"and what the channel made of the clean digit by the running statistics. Over many digits its mean "
        f"lies {moved:+.1f} clean deviations away, and its width is {wide:.1f} times the clean one. Below, "
        f"accuracy over N, from {means[0]:.0f}% at 0 to {means[-1]:.0f}% at infinity, with a diamond at "
        f"N = {_WRITTEN[place]}.",
        f"{shift.capitalize()}, N = {_WRITTEN[place]}: a batch of {size} counts {counts:.0%}. The channel's "
        f"mean is off by {moved:+.1f} of its deviations, its width is {wide:.1f} times the clean one. "
        f"{means[place]:.0f}% of the digits are read.",
    )
