"""What each choice of a chapter gains or costs, in one figure."""

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from normcourse.experiments.engine.intervals import Interval
from normcourse.plotting.style import interval_panels

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
    with interval_panels(groups, 0, height=1.0) as (figure, axes):
        for axis in axes:
            axis.set_xscale("symlog", linthresh=linear)
            axis.set_xlim(1.4 * min(ticks), 1.4 * max(ticks))
        axes[-1].set_xticks(ticks, [f"{tick:g}".replace("-", "\N{MINUS SIGN}") for tick in ticks])
        axes[-1].minorticks_off()
        axes[-1].set_xlabel(xlabel)
    return figure
