"""The course's figure style."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from normcourse.experiments.engine.intervals import Interval

__all__ = ["COLOURS", "SIDES", "draw_differences", "interval_panels", "new_figure"]

# Okabe and Ito's colours, which stay apart under every common colour blindness.
COLOURS = {
    "plain": "#D55E00",
    "BatchNorm": "#0072B2",
    "accent": "#E69F00",
    "other": "#009E73",
    "muted": "#6B7280",
}

# How a network with a norm is told from one without: key, name, colour, line and marker.
SIDES = (
    ("none", "without", COLOURS["plain"], "--", "o"),
    ("batch", "with BatchNorm", COLOURS["BatchNorm"], "-", "s"),
)

# 5 inches at 10 points: on a phone 360 points wide the text keeps its size.
_STYLE: dict[Any, Any] = {
    "figure.figsize": (5.0, 3.2),
    "figure.dpi": 200,
    "figure.constrained_layout.use": True,
    "figure.facecolor": "white",
    "font.size": 10,
    "axes.titlesize": 10,
    "figure.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E5E7EB",
    "legend.frameon": False,
    "lines.linewidth": 1.8,
}


@contextmanager
def new_figure(rows: int = 1, columns: int = 1, **settings: Any) -> Iterator[tuple[Figure, Any]]:
    """Open a figure as ``plt.subplots`` does, in the course's style; pyplot forgets it at the end."""
    with mpl.rc_context(_STYLE):
        figure, axes = plt.subplots(rows, columns, **settings)
        yield figure, axes
        plt.close(figure)


def draw_differences(
    differences: Mapping[str, Interval], xlabel: str, *, margin: float = 0.0, title: str = ""
) -> Figure:
    """Draw a row for each difference, with its interval and a line at zero; filled if it surely is one.

    Args:
        differences: By row.
        xlabel: What they are, and their unit.
        margin: Up to this size nothing counts as a difference, which is shaded.
        title: A sentence above.
    """
    rows = np.arange(len(differences))[::-1]
    above = 0.9 + 0.25 * bool(title) + 0.2 * xlabel.count("\n")
    with new_figure(figsize=(5.0, above + 0.36 * len(differences))) as (figure, axis):
        if margin:
            axis.axvspan(-margin, margin, color=COLOURS["muted"], alpha=0.25, linewidth=0)
        for row, found in zip(rows, differences.values(), strict=True):
            clear = found.low > margin or found.high < -margin
            axis.plot((found.low, found.high), (row, row), color=COLOURS["BatchNorm"], linewidth=1.4)
            face = COLOURS["BatchNorm"] if clear else "white"
            axis.plot(found.estimate, row, "o", color=COLOURS["BatchNorm"], markerfacecolor=face)
        axis.axvline(0, color=COLOURS["muted"], linewidth=0.8, linestyle=":")
        axis.set(xlabel=xlabel, ylim=(-0.6, len(differences) - 0.4))
        axis.set_yticks(rows, list(differences))
        axis.grid(visible=False, axis="y")
        if title:
            figure.suptitle(title)
    return figure


@contextmanager
def interval_panels(
    groups: Mapping[str, Mapping[str, Interval]], origin: float, *, height: float, **settings: Any
) -> Iterator[tuple[Figure, Any]]:
    """Open a figure with a panel for each group and a row for each of its intervals, on one axis.

    Blue dots lie above the origin, orange crosses below it, and of grey diamonds the interval contains it.

    Args:
        groups: By panel, then by row.
        origin: Of no difference, where a line stands.
        height: Of what stands above and below the panels, in inches.
        settings: Of each axis, as its ``set`` takes them.
    """
    heights = [len(rows) + 0.6 for rows in groups.values()]
    size = (5.0, height + 0.3 * sum(heights))
    with new_figure(len(groups), 1, figsize=size, sharex=True, squeeze=False, height_ratios=heights) as (
        figure,
        axes,
    ):
        for axis, (title, found) in zip(axes[:, 0], groups.items(), strict=True):
            for row, interval in enumerate(found.values()):
                ahead, behind = interval.low > origin, interval.high < origin
                colour = COLOURS["BatchNorm" if ahead else "plain" if behind else "muted"]
                marker = "o" if ahead else "X" if behind else "D"
                axis.plot((interval.low, interval.high), (row, row), color=colour, linewidth=1.4)
                axis.plot(interval.estimate, row, marker, color=colour, markersize=6)
            axis.axvline(origin, color="black", linewidth=0.8)
            axis.set_title(title, loc="left", fontweight="bold")
            axis.set_yticks(range(len(found)), list(found))
            axis.set(ylim=(len(found) - 0.5, -0.6), **settings)
            axis.grid(visible=False, axis="y")
        yield figure, axes[:, 0]
