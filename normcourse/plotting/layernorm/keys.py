"""Which keys of attention some query can put first."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator, PercentFormatter
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import ConvexHull

from normcourse.plotting.style import COLOURS, new_figure

__all__ = ["key_hulls", "winning_shares"]


def key_hulls(keys: Mapping[str, ArrayLike]) -> Figure:
    """Draw keys of two features with the hull that holds them: filled where some query puts them first.

    Args:
        keys: Panels side by side: a title, and points of shape ``(N, 2)``.
    """
    with new_figure(1, len(keys), figsize=(5.0, 2.9), squeeze=False) as (figure, axes):
        for axis, (title, points) in zip(axes.flat, keys.items(), strict=True):
            array = np.asarray(points, dtype=float)
            corners = ConvexHull(array).vertices
            inside = np.delete(array, corners, axis=0)
            axis.fill(*array[corners].T, facecolor="#DCE8F2", edgecolor=COLOURS["BatchNorm"], linewidth=1)
            axis.plot(*inside.T, "o", color=COLOURS["accent"], markerfacecolor="none", markersize=5)
            axis.plot(*array[corners].T, "o", color=COLOURS["BatchNorm"], markersize=5)
            axis.set_title(f"{title}:\n{len(corners)} of {len(array)} can win", fontsize=10)
            axis.set(xticks=[], yticks=[], xlabel="first feature of the key")
            axis.set_aspect("equal", adjustable="datalim")
            axis.set_box_aspect(1)
        axes.flat[0].set_ylabel("second")
    return figure


def winning_shares(widths: Sequence[int], shares: Mapping[str, NDArray[np.float64]]) -> Figure:
    """Draw which share of the keys can win against the features of a key.

    Args:
        widths: Features of a key.
        shares: Up to four names with values of shape ``(widths, seeds)``: lines are means, bands hold all
            seeds.
    """
    looks = (("plain", "--o"), ("BatchNorm", "-s"), ("other", "-.^"), ("accent", ":D"))
    with new_figure(figsize=(5.0, 3.3)) as (figure, axis):
        for (name, share), (colour, mark) in zip(shares.items(), looks, strict=False):
            low, high = share.min(axis=1), share.max(axis=1)
            axis.fill_between(widths, low, high, color=COLOURS[colour], alpha=0.2, linewidth=0)
            axis.plot(widths, share.mean(axis=1), mark, color=COLOURS[colour], markersize=5, label=name)
        axis.set(
            xscale="log",
            xlabel="features of a key (log scale)",
            ylabel="share of keys that can win\n(higher: more can be chosen)",
            ylim=(0, 1.05),
        )
        axis.set_xticks(widths, [str(width) for width in widths])
        axis.xaxis.set_minor_locator(NullLocator())
        axis.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        figure.legend(loc="outside upper center", ncols=2, fontsize=9)
    return figure
