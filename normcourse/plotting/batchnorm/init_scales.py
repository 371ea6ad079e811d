"""Accuracy over scales of the initial weights."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from normcourse.experiments.engine.intervals import bootstrap
from normcourse.plotting.style import SIDES, new_figure

__all__ = ["scale_curves"]


def scale_curves(
    scales: Sequence[float], panels: Mapping[str, Mapping[str, NDArray[np.float64]]], *, title: str = ""
) -> Figure:
    """Draw test accuracy against the scale of the initial weights, mean and 95% interval over seeds.

    Args:
        scales: Factors on the usual initial weights, shape ``(scales,)``.
        panels: For each panel's title, the accuracies of ``"none"`` and of ``"batch"``, ``(seeds, scales)``.
        title: Of the whole figure.
    """
    with new_figure(1, len(panels), figsize=(5.0, 3.0), sharey=True) as (figure, axes):
        for axis, (panel, arms) in zip(axes, panels.items(), strict=True):
            for norm, name, colour, line, marker in SIDES:
                band = bootstrap(np.mean, arms[norm])
                axis.fill_between(scales, band.low, band.high, color=colour, alpha=0.25, linewidth=0)
                axis.plot(scales, band.estimate, line, marker=marker, color=colour, markersize=4, label=name)
            axis.set(xscale="log", ylim=(0, 1.03), xlabel="initial weights times (log)")
            axis.set_xticks([0.01, 0.1, 1, 10], ["0.01", "0.1", "1", "10"])
            axis.set_title(panel)
        axes[0].set_ylabel("test accuracy (up is better)")
        handles = axes[0].get_legend_handles_labels()
        figure.legend(*handles, loc="outside lower center", ncols=2, fontsize=9)
        figure.suptitle(title)
    return figure
