"""A batch of points before and after a norm."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from normcourse.plotting.style import COLOURS, new_figure

__all__ = ["before_and_after"]


def before_and_after(stages: Mapping[str, ArrayLike]) -> Figure:
    """Scatter the same batch of two features at each stage, side by side on equal axes.

    Args:
        stages: A title and points of shape ``(N, 2)`` for each panel, with one ``N``. The first point
            keeps its own colour and shape, so that it can be followed.
    """
    points = {title: np.asarray(batch) for title, batch in stages.items()}
    reach = max(np.abs(batch).max() for batch in points.values()) * 1.15
    with new_figure(1, len(points), figsize=(5.0, 2.3), sharex=True, sharey=True) as (figure, axes):
        for axis, (title, batch) in zip(axes, points.items(), strict=True):
            axis.axhline(0, color=COLOURS["muted"], linewidth=0.8)
            axis.axvline(0, color=COLOURS["muted"], linewidth=0.8)
            axis.scatter(*batch[1:].T, s=22, color=COLOURS["BatchNorm"])
            axis.scatter(*batch[0], s=40, color=COLOURS["plain"], marker="D", zorder=3)
            axis.set(
                title=title, xlabel="feature 0", xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal"
            )
        axes[0].set_ylabel("feature 1")
    return figure
