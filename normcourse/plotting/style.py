"""The course's figure style."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from normcourse.experiments.engine.intervals import Interval

__all__ = ["COLOURS", "SIDES", "draw_differences", "new_figure"]

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


def draw_differences(differences: Mapping[str, Interval], xlabel: str) -> Figure:
    """Draw a row for each difference, with its interval and a line at zero; hollow if it may be zero."""
    rows = np.arange(len(differences))[::-1]
    with new_figure(figsize=(5.0, 0.9 + 0.36 * len(differences))) as (figure, axis):
        for row, found in zip(rows, differences.values(), strict=True):
            clear = found.low > 0 or found.high < 0
            axis.plot((found.low, found.high), (row, row), color=COLOURS["BatchNorm"], linewidth=1.4)
            face = COLOURS["BatchNorm"] if clear else "white"
            axis.plot(found.estimate, row, "o", color=COLOURS["BatchNorm"], markerfacecolor=face)
        axis.axvline(0, color=COLOURS["muted"], linewidth=0.8, linestyle=":")
        axis.set(xlabel=xlabel, ylim=(-0.6, len(differences) - 0.4))
        axis.set_yticks(rows, list(differences))
        axis.grid(visible=False, axis="y")
    return figure
