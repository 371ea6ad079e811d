"""Statistics that follow the batches at inference: where that helps, and what one channel makes of it."""

from collections.abc import Mapping, Sequence
from math import inf

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from normcourse.experiments.inference.adaptation import WEIGHTS, Channel
from normcourse.plotting.frame import Frame
from normcourse.plotting.style import COLOURS, new_figure

__all__ = ["accuracy_maps", "adaptation_frame"]

_WRITTEN = ["\N{INFINITY}" if weight == inf else f"{weight:g}" for weight in WEIGHTS]


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
    """Draw one channel of changed images beside that of clean ones, and the accuracy at every source weight.

    Args:
        found: The channel's values at this shift and weight.
        accuracy: Fractions at this shift, shape ``(seeds, weights)``.
        shift: A name of `experiments.adaptation.SHIFTS`.
        weight: One of `experiments.adaptation.WEIGHTS`.
        size: Of the batches.
    """
    means, place = accuracy.mean(axis=0), WEIGHTS.index(weight)
    bins = np.linspace(-7, 7, 71)
    with new_figure(1, 2, figsize=(5.0, 2.8), width_ratios=(3, 2)) as (figure, (histogram, curve)):
        for values, look in (
            (found.clean, {"color": "#B6BDC8", "label": "clean, N = \N{INFINITY}"}),
            (found.adapted, {"color": COLOURS["plain"], "histtype": "step", "linewidth": 1.6}),
        ):
            share = np.full(values.shape, 1 / values.size)
            histogram.hist(np.clip(values, bins[0], bins[-1]), bins=bins, weights=share, **look)
        histogram.set(
            xlabel="output of one channel",
            ylabel="share of the values (log scale)",
            yscale="log",
            ylim=(3e-4, 1),
            title="grey: clean, running statistics",
        )
        curve.plot(range(len(WEIGHTS)), means, "-o", color=COLOURS["BatchNorm"], markersize=4)
        curve.plot(place, means[place], "D", color=COLOURS["plain"], markersize=8)
        curve.axhline(0.1, color=COLOURS["muted"], linewidth=0.8, linestyle=":")
        curve.set(xlabel="source weight N", ylabel="test accuracy", ylim=(0, 1.03))
        curve.set_xticks(range(len(WEIGHTS)), _WRITTEN)
    moved = round((found.adapted.mean() - found.clean.mean()) / found.clean.std(), 2) + 0.0  # no -0.00
    wide = found.adapted.std() / found.clean.std()
    counts = size / (weight + size)
    return Frame(
        figure,
        f"{shift.capitalize()}, N = {_WRITTEN[place]}. Left: a histogram of the channel's outputs, over that "
        f"of clean images in grey; its mean lies {moved:+.2f} grey deviations away, and its width is "
        f"{wide:.2f} of the grey one's. Right: accuracy over N, from {means[0]:.0%} at 0 to {means[-1]:.0%} "
        f"at infinity, with a diamond at N = {_WRITTEN[place]}.",
        f"{shift.capitalize()}, N = {_WRITTEN[place]}: a batch of {size} counts {counts:.0%}. The channel's "
        f"mean is off by {moved:+.2f} σ, its deviation is {wide:.2f} times the clean one. "
        f"{means[place]:.0%} of the answers are right.",
    )
