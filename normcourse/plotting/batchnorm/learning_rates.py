"""Accuracy over learning rates, and how wide the range of usable ones is."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from normcourse.experiments.engine.intervals import Interval, bootstrap
from normcourse.experiments.engine.sweeps import Record
from normcourse.plotting.style import COLOURS, SIDES, new_figure

__all__ = ["part_curves", "rate_curves", "rate_windows"]

# Of a network with BatchNorm: colour, line and marker of each part whose rate is varied.
_PARTS = (
    ("all", "every parameter", COLOURS["muted"], "--", "o"),
    ("hidden weights", "the weights before BatchNorm", COLOURS["BatchNorm"], "-", "s"),
    ("others", "γ, β and the last layer", COLOURS["plain"], ":", "^"),
)


def part_curves(rates: Sequence[float], parts: Mapping[str, NDArray[np.float64]]) -> Figure:
    """Draw test accuracy against the learning rate of a part of the network, mean and range over seeds.

    Args:
        rates: Of that part, shape ``(rates,)``.
        parts: For each of `experiments.learning_rates.PARTS` the accuracy, shape ``(seeds, rates)``.
    """
    with new_figure(figsize=(5.0, 3.8)) as (figure, axis):
        for part, name, colour, line, marker in _PARTS:
            low, high = parts[part].min(axis=0), parts[part].max(axis=0)
            axis.fill_between(rates, low, high, color=colour, alpha=0.2, linewidth=0)
            axis.plot(
                rates, parts[part].mean(axis=0), line, marker=marker, color=colour, markersize=5, label=name
            )
        axis.set(
            xscale="log",
            ylim=(0, 0.6),
            xlabel="learning rate of these parameters (log scale)",
            ylabel="test accuracy (up is better)",
        )
        axis.set_title("Weights before BatchNorm bear even a rate of 1000")
        figure.legend(loc="outside lower center", title="at this rate, the rest at 0.1:", fontsize=9)
    return figure


def rate_curves(record: Record, networks: Sequence[str]) -> Figure:
    """Draw test accuracy against the learning rate, a panel per network, mean and 95% interval over seeds.

    Args:
        record: Of `experiments.learning_rates`.
        networks: Which networks, at most six.
    """
    rates = np.array(record.axes["rate"])
    rows = -(-len(networks) // 2)
    with new_figure(rows, 2, figsize=(5.0, 0.6 + 1.55 * rows), sharex=True, sharey=True) as (figure, axes):
        for axis, network in zip(axes.flat, networks, strict=False):
            for norm, name, colour, line, marker in SIDES:
                band = bootstrap(np.mean, record.get("accuracy", network=network, norm=norm).T)
                axis.fill_between(rates, band.low, band.high, color=colour, alpha=0.25, linewidth=0)
                axis.plot(rates, band.estimate, line, marker=marker, color=colour, markersize=3.5, label=name)
            axis.set(xscale="log", ylim=(0, 0.72))
            axis.set_title(network)
            axis.tick_params(labelbottom=True)
        for axis in axes.flat[len(networks) :]:
            axis.set_axis_off()
        figure.supylabel("test accuracy (up is better)", fontsize=10)
        for axis in axes.flat[max(0, len(networks) - 2) : len(networks)]:
            axis.set_xlabel("learning rate")
        handles = axes[0, 0].get_legend_handles_labels()
        figure.legend(*handles, loc="outside lower center", ncols=2, fontsize=9)
        figure.suptitle("Without BatchNorm, deeper ReLU networks bear less")
    return figure


def rate_windows(windows: Mapping[str, Mapping[str, NDArray[np.float64]]]) -> Figure:
    """Draw the width of the window of usable learning rates, mean and 95% interval over seeds.

    Args:
        windows: For each network, decades for ``"none"`` and for ``"batch"``, shape ``(seeds,)`` each.
    """
    rows = np.arange(len(windows))[::-1]
    with new_figure(figsize=(5.0, 1.1 + 0.42 * len(windows))) as (figure, axis):
        for offset, (norm, name, colour, _, marker) in zip((0.13, -0.13), SIDES, strict=True):
            found: list[Interval] = [bootstrap(np.mean, sides[norm]) for sides in windows.values()]
            reach = np.array([(i.estimate - i.low, i.high - i.estimate) for i in found]).T
            axis.errorbar(
                [i.estimate for i in found],
                rows + offset,
                xerr=reach,
                fmt=marker,
                color=colour,
                capsize=3,
                label=name,
            )
        axis.set(
            xlabel="decades of usable learning rates (more is better)",
            xlim=(0, None),
            ylim=(-0.6, len(windows) - 0.4),
        )
        axis.set_yticks(rows, list(windows))
        axis.grid(visible=False, axis="y")
        axis.set_title("The window widens most for twelve ReLU layers")
        figure.legend(loc="outside upper center", ncols=2, fontsize=9)
    return figure
