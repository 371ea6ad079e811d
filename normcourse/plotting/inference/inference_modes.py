"""Results of ``experiments.inference_modes`` as figures."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray

from normcourse.experiments.engine.intervals import bootstrap
from normcourse.plotting.style import COLOURS, new_figure

__all__ = ["forgotten_eval"]

# How each order is drawn, and where its name stands: colour, line with marker.
_ORDERS = {
    "shuffled": (COLOURS["BatchNorm"], "o-"),
    "by class": (COLOURS["plain"], "s--"),
}


def forgotten_eval(
    sizes: Sequence[int],
    training: Mapping[str, NDArray[np.float64]],
    after: Mapping[str, NDArray[np.float64]],
    inference: NDArray[np.float64],
) -> Figure:
    """Draw the accuracy in training mode against the batch size, and that in inference mode afterwards.

    Lines are means over networks with their 95% intervals as bands; a dotted line is inference mode before.

    Args:
        sizes: The batch sizes.
        training: Accuracies in training mode, fractions of shape ``(sizes, seeds)``, by the order of the
            examples, a name of `inference_modes.ORDERS`.
        after: Accuracies in inference mode of the networks that were asked so.
        inference: Accuracies in inference mode, shape ``(seeds,)``.
    """
    titles = ("In training mode,\nthe order decides", "Back in inference mode,\ndamage has stayed")
    with new_figure(1, 2, figsize=(5.0, 3.1), sharey=True) as (figure, axes):
        for axis, title, orders in zip(axes, titles, (training, after), strict=True):
            _curves(axis, sizes, orders)
            axis.axhline(
                inference.mean(), color=COLOURS["muted"], linestyle=":", label="inference mode before"
            )
            axis.set(title=title, xlabel="batch size (log scale)", xscale="log", ylim=(0, 1.03))
            axis.set_xticks(sizes, [str(size) for size in sizes])
            axis.minorticks_off()
        axes[0].set_ylabel("right answers (up: better)")
        axes[0].yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=3, fontsize=9)
    return figure


def _curves(axis: Axes, sizes: Sequence[int], orders: Mapping[str, NDArray[np.float64]]) -> None:
    for name, seeds in orders.items():
        colour, line = _ORDERS[name]
        mean = bootstrap(np.mean, seeds.T)
        axis.fill_between(sizes, mean.low, mean.high, color=colour, alpha=0.2, linewidth=0)
        axis.plot(sizes, mean.estimate, line, color=colour, label=name, markersize=4)
