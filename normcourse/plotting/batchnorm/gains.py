"""What BatchNorm gains or costs, in one figure."""

from collections.abc import Mapping

from matplotlib.figure import Figure

from normcourse.experiments.engine.intervals import Interval
from normcourse.plotting.style import COLOURS, new_figure

__all__ = ["times_better"]


def times_better(groups: Mapping[str, Mapping[str, Interval]]) -> Figure:
    """Draw how many times better a network with BatchNorm is, a panel for each question, on one log axis.

    Args:
        groups: By question, then by setting: a ratio with its interval, above 1 where BatchNorm is ahead.
    """
    heights = [len(rows) + 0.6 for rows in groups.values()]
    ends = [interval for found in groups.values() for interval in found.values()]
    reach = min(0.1, 0.9 * min(i.low for i in ends)), max(30, 1.1 * max(i.high for i in ends))
    with new_figure(
        len(groups),
        1,
        figsize=(5.0, 1.4 + 0.3 * sum(heights)),
        sharex=True,
        squeeze=False,
        height_ratios=heights,
    ) as (figure, axes):
        for axis, (question, found) in zip(axes[:, 0], groups.items(), strict=True):
            for row, interval in enumerate(found.values()):
                ahead, behind = interval.low > 1, interval.high < 1
                colour = COLOURS["BatchNorm" if ahead else "plain" if behind else "muted"]
                marker = "o" if ahead else "X" if behind else "D"
                axis.plot((interval.low, interval.high), (row, row), color=colour, linewidth=1.4)
                axis.plot(interval.estimate, row, marker, color=colour, markersize=6)
            axis.axvline(1, color="black", linewidth=0.8)
            axis.set_title(f"times {question}", loc="left", fontweight="bold")
            axis.set_yticks(range(len(found)), list(found))
            axis.set(ylim=(len(found) - 0.5, -0.6), xscale="log", xlim=reach)
            axis.grid(visible=False, axis="y")
        axes[-1, 0].set_xticks(*zip(*((x, f"{x:g}") for x in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20)), strict=True))
        axes[-1, 0].minorticks_off()
        axes[-1, 0].set_xlabel("times, log scale (right of 1: BatchNorm is ahead)")
    return figure
