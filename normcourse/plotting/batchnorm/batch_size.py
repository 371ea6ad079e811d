"""Results of ``experiments.batch_size`` and ``experiments.few_examples`` as figures."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray

from normcourse.experiments.engine.intervals import Interval, bootstrap
from normcourse.plotting.style import COLOURS, draw_differences, new_figure

__all__ = ["accuracy_gains", "error_by_size"]

# How each kind of network is drawn, the same in every figure: label, colour and line with marker.
_ARMS = {
    "none": ("no normalization", COLOURS["plain"], "s--"),
    "batch": ("BatchNorm", COLOURS["BatchNorm"], "o-"),
    "renorm": ("Batch Renorm", COLOURS["accent"], "^-."),
    "layer": ("LayerNorm", COLOURS["muted"], "v:"),
    "group": ("GroupNorm", COLOURS["other"], "D:"),
    "ghost": ("Ghost BatchNorm", COLOURS["accent"], "D--"),
}


def error_by_size(
    sizes: Sequence[int],
    errors: Mapping[str, NDArray[np.float64]],
    *,
    xlabel: str = "batch size",
    ylim: tuple[float, float] = (0.01, 0.4),
) -> Figure:
    """Draw mean test errors against a size, both on log scales, with 95% intervals of the mean over seeds.

    Args:
        sizes: The batch sizes, or those of ghost batches.
        errors: Shares of wrong answers, shape ``(sizes, seeds)``, by the name of the norm; ``"ghost"`` is
            Ghost BatchNorm.
        xlabel: What the sizes are of.
        ylim: The smallest and the largest error that the axis holds.
    """
    steps = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 0.6, 0.7, 0.8)
    ticks = [step for step in steps if ylim[0] <= step <= ylim[1]]
    with new_figure(figsize=(5.0, 3.4)) as (figure, axis):
        for name, seeds in errors.items():
            label, colour, line = _ARMS[name]
            mean = bootstrap(np.mean, seeds.T)
            axis.fill_between(sizes, mean.low, mean.high, color=colour, alpha=0.15, linewidth=0)
            axis.plot(sizes, mean.estimate, line, color=colour, label=label, markersize=5)
        axis.set(xlabel=f"{xlabel} (log scale)", ylabel="test error (log scale; down: better)", ylim=ylim)
        axis.set(xscale="log", yscale="log")
        axis.set_xticks(sizes, [str(size) for size in sizes])
        axis.set_yticks(ticks)
        axis.minorticks_off()
        axis.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        figure.legend(loc="outside upper center", ncols=3, fontsize=9)
    return figure


def accuracy_gains(gains: Mapping[str, Interval]) -> Figure:
    """Draw differences of test accuracy, a row for each comparison, with intervals and a line at zero.

    Args:
        gains: Differences of fractions, by what they compare.
    """
    points = {name: Interval(*(100 * value for value in gain)) for name, gain in gains.items()}
    return draw_differences(points, "gain in test accuracy, points (right: better)")
