"""What somebody sees whose script is wrong: a row of seeds for each thing that they measured."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from normcourse.plotting.style import COLOURS, new_figure

__all__ = ["Symptom", "symptoms", "width_by_layer"]

# In the order of the rows of a panel: colour and marker.
_ROWS = ((COLOURS["BatchNorm"], "o"), (COLOURS["plain"], "s"), (COLOURS["other"], "^"))
_HEIGHTS = 0.26, 0.72  # inches of a row, and of a panel's title and axis


@dataclass(frozen=True)
class Symptom:
    """A panel of `symptoms`.

    Attributes:
        title: What it is about, in a line.
        unit: What the numbers are, with their unit, and which way is better.
        rows: Numbers of shape ``(seeds,)`` by what was measured: at most three.
    """

    title: str
    unit: str
    rows: Mapping[str, ArrayLike]


def symptoms(panels: Sequence[Symptom], title: str) -> Figure:
    """Draw each measurement as a row: a sign for each seed, and a line at their mean.

    Args:
        panels: From top to bottom.
        title: A sentence over all.

    Raises:
        ValueError: A panel has more than three rows; the message names it.
    """
    for panel in panels:
        if len(panel.rows) > len(_ROWS):
            raise ValueError(
                f"a panel has {len(_ROWS)} rows at most, but {panel.title!r} has {len(panel.rows)}: make "
                "two of it"
            )
    rows = [len(panel.rows) for panel in panels]
    heights = [_HEIGHTS[0] * count + _HEIGHTS[1] for count in rows]
    with new_figure(len(panels), figsize=(5.0, sum(heights) + 0.3), height_ratios=heights, squeeze=False) as (
        figure,
        axes,
    ):
        for axis, panel in zip(axes[:, 0], panels, strict=True):
            _rows(axis, panel)
        figure.suptitle(title, fontsize=11, fontweight="bold")
    return figure


def _rows(axis: Axes, panel: Symptom) -> None:
    for row, (values, (colour, marker)) in enumerate(zip(panel.rows.values(), _ROWS, strict=False)):
        seeds = np.asarray(values, dtype=float)
        axis.plot(
            seeds, np.full(len(seeds), row), marker, color=colour, alpha=0.55, markersize=6, markeredgewidth=0
        )
        axis.plot([seeds.mean()] * 2, [row - 0.32, row + 0.32], "-", color=colour, linewidth=2.2)
    axis.set_yticks(range(len(panel.rows)), list(panel.rows))
    axis.set_ylim(len(panel.rows) - 0.45, -0.55)
    axis.set_title(panel.title, loc="left")
    axis.set_xlabel(panel.unit)
    axis.grid(axis="y", visible=False)


def width_by_layer(widths: ArrayLike, names: Sequence[str], title: str) -> Figure:
    """Draw how wide the norms' inputs come out when their running statistics standardise them.

    Args:
        widths: Standard deviations, of which 1 is right, shape ``(seeds, norms)``.
        names: Of the norms, from the input on.
        title: A sentence.
    """
    widths = np.asarray(widths, dtype=float)
    places = np.arange(widths.shape[1])
    with new_figure(figsize=(5.0, 2.9)) as (figure, axis):
        axis.plot(places, widths.T, "-", color=COLOURS["muted"], linewidth=0.8, alpha=0.7)
        axis.plot(places, widths.mean(0), "s-", color=COLOURS["plain"])
        axis.axhline(1, color=COLOURS["muted"], linestyle=":", linewidth=1.2)
        axis.annotate("they fit", (places[-1], 1), xytext=(0, -12), textcoords="offset points", ha="right")
        axis.set(yscale="log", xlabel="norm, from the input on", ylim=(0.8 * widths.min(), 1.3))
        axis.set_ylabel("width, standardised by\nrunning statistics (log scale)")
        axis.set_xticks(places, list(names))
        ticks = [tick for tick in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1) if tick >= 0.7 * widths.min()]
        axis.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
        axis.minorticks_off()
        axis.set_title(title, fontsize=11, fontweight="bold")
    return figure
