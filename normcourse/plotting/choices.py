"""What each choice of a chapter gains or costs, in one figure."""

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from normcourse.experiments.engine.intervals import Interval
from normcourse.plotting.style import COLOURS, new_figure

__all__ = ["choices_ahead"]


def choices_ahead(
    groups: Mapping[str, Mapping[str, Interval]], xlabel: str, *, ticks: Sequence[float], linear: float
) -> Figure:
    """Draw how far the choice that a panel names first is ahead, a row for each situation.

    Args:
        groups: By panel, then by row: a difference with its interval, above 0 where the first is ahead.
        xlabel: What the difference is of, and its unit.
        ticks: On the axis, from least to most; it ends a little beyond them.
        linear: Up to this size the axis is linear, beyond it logarithmic.
    """
    heights = [len(rows) + 0.6 for rows in groups.values()]
    with new_figure(
        len(groups),
        1,
        figsize=(5.0, 1.0 + 0.3 * sum(heights)),
        sharex=True,
        squeeze=False,
        height_ratios=heights,
    ) as (figure, axes):
        for axis, (question, found) in zip(axes[:, 0], groups.items(), strict=True):
            for row, interval in enumerate(found.values()):
                ahead, behind = interval.low > 0, interval.high < 0
                colour = COLOURS["BatchNorm" if ahead else "plain" if behind else "muted"]
                marker = "o" if ahead else "X" if behind else "D"
                axis.plot((interval.low, interval.high), (row, row), color=colour, linewidth=1.4)
                axis.plot(interval.estimate, row, marker, color=colour, markersize=6)
            axis.axvline(0, color="black", linewidth=0.8)
            axis.set_title(question, loc="left", fontweight="bold")
            axis.set_yticks(range(len(found)), list(found))
            axis.set_ylim(len(found) - 0.5, -0.6)
            axis.set_xscale("symlog", linthresh=linear)
            axis.set_xlim(1.4 * min(ticks), 1.4 * max(ticks))
            axis.grid(visible=False, axis="y")
        axes[-1, 0].set_xticks(ticks, [f"{tick:g}".replace("-", "\N{MINUS SIGN}") for tick in ticks])
        axes[-1, 0].minorticks_off()
        axes[-1, 0].set_xlabel(xlabel)
    return figure
