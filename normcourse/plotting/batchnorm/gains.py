"""What BatchNorm gains or costs, in one figure."""

from collections.abc import Mapping

from matplotlib.figure import Figure

from normcourse.experiments.engine.intervals import Interval
from normcourse.plotting.style import interval_panels

__all__ = ["times_better"]


def times_better(groups: Mapping[str, Mapping[str, Interval]]) -> Figure:
    """Draw how many times better a network with BatchNorm is, a panel for each question, on one log axis.

    Args:
        groups: By question, then by setting: a ratio with its interval, above 1 where BatchNorm is ahead.
    """
    ends = [interval for found in groups.values() for interval in found.values()]
    reach = min(0.1, 0.9 * min(i.low for i in ends)), max(30, 1.1 * max(i.high for i in ends))
    titled = {f"times {question}": found for question, found in groups.items()}
    with interval_panels(titled, 1, height=1.4, xscale="log", xlim=reach) as (figure, axes):
        axes[-1].set_xticks(*zip(*((x, f"{x:g}") for x in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20)), strict=True))
        axes[-1].minorticks_off()
        axes[-1].set_xlabel("times, log scale (right of 1: BatchNorm is ahead)")
    return figure
