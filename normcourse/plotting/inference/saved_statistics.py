"""Results of ``experiments.saved_statistics`` as figures."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray

from normcourse.experiments.engine.intervals import bootstrap
from normcourse.plotting.style import COLOURS, new_figure

__all__ = ["saved_accuracy"]

# In the order in which they are drawn: colour, line with marker.
_LINES = (
    (COLOURS["BatchNorm"], "o-"),
    (COLOURS["plain"], "s--"),
    (COLOURS["other"], "^:"),
)


def saved_accuracy(
    shares: Sequence[int], panels: Mapping[str, Mapping[str, NDArray[np.float64]]], title: str
) -> Figure:
    """Draw the test accuracy of what is saved against the examples on each worker, a panel for each case.

    Args:
        shares: Examples of each worker.
        panels: By title, then by the name of a line, of at most three: fractions of shape
            ``(shares, seeds)``. Lines are means over the seeds, with 95% intervals as bands.
        title: A sentence over all panels.
    """
    with new_figure(1, len(panels), figsize=(5.0, 3.4), sharey=True, squeeze=False) as (figure, axes):
        for axis, (name, lines) in zip(axes[0], panels.items(), strict=True):
            for (label, seeds), (colour, line) in zip(lines.items(), _LINES, strict=False):
                mean = bootstrap(np.mean, np.asarray(seeds).T)
                axis.fill_between(shares, mean.low, mean.high, color=colour, alpha=0.2, linewidth=0)
                axis.plot(shares, mean.estimate, line, color=colour, label=label, markersize=5)
            axis.set(title=name, xlabel="examples on each worker\n(log scale)", xscale="log")
            axis.set_xticks(shares, [str(share) for share in shares])
            axis.minorticks_off()
        axes[0, 0].set_ylabel("test accuracy (up is better)")
        axes[0, 0].yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        figure.suptitle(title, fontsize=11, fontweight="bold")
        figure.legend(
            *axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=9
        )
    return figure
