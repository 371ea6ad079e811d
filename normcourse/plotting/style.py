"""The course's figure style."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
from matplotlib.figure import Figure

__all__ = ["COLOURS", "SIDES", "new_figure"]

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
