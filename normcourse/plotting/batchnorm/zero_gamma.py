"""Residual branches that start at gamma = 1 and at gamma = 0."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator, PercentFormatter
from numpy.typing import NDArray

from normcourse.experiments.engine.intervals import bootstrap
from normcourse.plotting.style import COLOURS, new_figure

__all__ = ["gamma_curves", "stream_growth"]

_LOOKS = {1.0: ("plain", "--", "s"), 0.0: ("BatchNorm", "-", "o")}


def stream_growth(sizes: Mapping[float, NDArray[np.float64]]) -> Figure:
    """Draw the size of the stream of new networks after each block.

    Args:
        sizes: By gamma (1 and 0), what `experiments.zero_gamma.stream_sizes` returns.
    """
    with new_figure(figsize=(5.0, 2.8)) as (figure, axis):
        for gamma, runs in sizes.items():
            colour, line, _ = _LOOKS[gamma]
            blocks = np.arange(runs.shape[1])
            axis.fill_between(
                blocks, runs.min(axis=0), runs.max(axis=0), color=COLOURS[colour], alpha=0.25, linewidth=0
            )
            axis.plot(blocks, runs.mean(axis=0), line, color=COLOURS[colour], label=f"γ = {gamma:g}")
        axis.plot(blocks, np.sqrt(1 + 2 * blocks), ":", color=COLOURS["muted"], label="√(1 + 2 · block)")
        axis.set(
            title="From γ = 1 every block adds to the stream, from γ = 0 none",
            xlabel="block",
            ylabel="size of the stream\n(1: as it entered)",
            ylim=(0, None),
        )
        axis.legend(fontsize=9)
    return figure


def gamma_curves(
    steps: tuple[int, ...], accuracy: Mapping[int, Mapping[float, NDArray[np.float64]]]
) -> Figure:
    """Draw mean test accuracy at some steps, a panel for each depth, with 95% intervals over seeds.

    Args:
        steps: When the readings were taken.
        accuracy: By number of blocks, then by gamma (1 and 0): fractions of shape ``(seeds, readings)``.
    """
    with new_figure(1, len(accuracy), figsize=(5.0, 2.9), sharey=True, squeeze=False) as (figure, [axes]):
        for axis, (blocks, arms) in zip(axes, accuracy.items(), strict=True):
            for gamma, runs in arms.items():
                colour, line, marker = _LOOKS[gamma]
                band = bootstrap(np.mean, runs)
                reach = (band.estimate - band.low, band.high - band.estimate)
                axis.errorbar(
                    steps,
                    band.estimate,
                    yerr=reach,
                    fmt=line + marker,
                    color=COLOURS[colour],
                    label=f"γ = {gamma:g}",
                    markersize=4,
                    capsize=2,
                    linewidth=1.4,
                )
            axis.set(title=f"{blocks} blocks", xlabel="training step", xscale="log")
            axis.set_xticks([20, 100, 400], ["20", "100", "400"])
            axis.xaxis.set_minor_locator(NullLocator())
        axes[0].set_ylabel("test accuracy (higher is better)")
        axes[0].yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        figure.suptitle("Starting from γ = 0 helps the deep networks")
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize=9)
    return figure
