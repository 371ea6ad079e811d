"""Where norms stand around a branch, drawn from the table of placements."""

from collections.abc import Mapping

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from normcourse.models import PLACEMENTS
from normcourse.plotting.style import COLOURS, new_figure

__all__ = ["placement_diagrams"]

_STREAM, _BRANCH = 0.22, 0.72  # across, of the two lines
_HEIGHTS = {"on_input": 0.30, "branch": 0.48, "on_output": 0.66, "on_sum": 0.93}
_SPLIT, _SUM, _TOP = 0.12, 0.80, 1.06


def placement_diagrams(titles: Mapping[str, str]) -> Figure:
    """Draw one residual branch for each placement: the stream upwards, the branch beside it.

    Args:
        titles: By name of `normcourse.models.PLACEMENTS`, what stands over its diagram.
    """
    with new_figure(1, len(titles), figsize=(5.0, 3.3), squeeze=False) as (figure, [axes]):
        for axis, (placement, title) in zip(axes, titles.items(), strict=True):
            axis.set_axis_off()
            axis.set(xlim=(0, 1), ylim=(0, 1.1))
            axis.set_title(title, fontsize=9)
            _draw(axis, PLACEMENTS[placement])
    return figure


def _draw(axes: Axes, places: tuple[str, ...]) -> None:
    arrow = {"arrowstyle": "-|>", "color": "black", "linewidth": 1.2, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", (_STREAM, _TOP), (_STREAM, 0), arrowprops=arrow)
    axes.plot([_STREAM, _BRANCH, _BRANCH], [_SPLIT, _SPLIT, _SUM], color="black", linewidth=1.2)
    axes.annotate("", (_STREAM + 0.08, _SUM), (_BRANCH, _SUM), arrowprops=arrow)
    axes.plot(_STREAM, _SPLIT, "o", color="black", markersize=4)
    axes.plot(_STREAM, _SUM, "o", markersize=13, color="white", markeredgecolor="black")
    axes.text(_STREAM, _SUM, "+", ha="center", va="center_baseline", fontsize=11)
    _box(axes, _BRANCH, _HEIGHTS["branch"], "f", "white", "black")
    for place in places:
        across = _STREAM if place == "on_sum" else _BRANCH
        _box(axes, across, _HEIGHTS[place], "norm", COLOURS["BatchNorm"], "white")


def _box(axes: Axes, x: float, y: float, text: str, ground: str, ink: str) -> None:
    width, height = 0.42, 0.09
    corner = (x - width / 2, y - height / 2)
    style = "round,pad=0,rounding_size=0.03"
    axes.add_patch(
        FancyBboxPatch(corner, width, height, style, facecolor=ground, edgecolor="black", zorder=3)
    )
    axes.text(x, y, text, ha="center", va="center_baseline", color=ink, fontsize=9, zorder=4)
