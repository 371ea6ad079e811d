"""BatchNorm before and after the activation."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator, PercentFormatter
from numpy.typing import NDArray

from normcourse.experiments.engine.intervals import bootstrap
from normcourse.plotting.style import COLOURS, new_figure

__all__ = ["placement_curves", "unit_skewness"]

_LOOKS = {
    "none": ("no BatchNorm", "plain", "--s"),
    "before": ("before", "BatchNorm", "-o"),
    "after": ("after", "other", "-.^"),
}


def placement_curves(
    rates: tuple[float, ...], accuracy: Mapping[str, Mapping[str, NDArray[np.float64]]]
) -> Figure:
    """Draw test accuracy against the learning rate, a panel per activation, with 95% intervals over seeds.

    Args:
        rates: The learning rates.
        accuracy: By activation, then by place (none, before, after): fractions, shape ``(rates, seeds)``.
    """
    with new_figure(1, len(accuracy), figsize=(5.0, 2.9), sharey=True, squeeze=False) as (figure, [axes]):
        for axis, (activation, places) in zip(axes, accuracy.items(), strict=True):
            for place, runs in places.items():
                name, colour, form = _LOOKS[place]
                band = bootstrap(np.mean, runs.T)
                reach = (band.estimate - band.low, band.high - band.estimate)
                axis.errorbar(
                    rates,
                    band.estimate,
                    yerr=reach,
                    fmt=form,
                    color=COLOURS[colour],
                    label=name,
                    markersize=4,
                    capsize=2,
                    linewidth=1.4,
                )
            axis.set(title=activation, xlabel="learning rate", xscale="log", ylim=(0, 0.65))
            axis.set_xticks([0.1, 1, 10], ["0.1", "1", "10"])
            axis.xaxis.set_minor_locator(NullLocator())
        axes[0].set_ylabel("test accuracy")
        axes[0].yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=3, fontsize=9)
    return figure


def unit_skewness(
    new: Mapping[str, NDArray[np.float64]], trained: Mapping[str, NDArray[np.float64]]
) -> Figure:
    """Draw the absolute skewness of a unit's values before and after the activation: mean over seeds.

    Args:
        new: By activation, of new networks, shape ``(seeds, 2)``: before the activation and after it.
        trained: The same after training.
    """
    rows = np.arange(len(new))[::-1]
    with new_figure(figsize=(5.0, 1.3 + 0.45 * len(new))) as (figure, axis):
        for place, name in enumerate(("before", "after")):
            _, colour, form = _LOOKS[name]
            for when, runs, fill in (("new", new, "white"), ("trained", trained, COLOURS[colour])):
                axis.plot(
                    [values[:, place].mean() for values in runs.values()],
                    rows + (0.13 if place == 0 else -0.13),
                    form[-1],
                    color=COLOURS[colour],
                    markerfacecolor=fill,
                    label=f"{name} the activation, {when}",
                )
        axis.set(xlabel="absolute skewness (median unit)", xlim=(0, None), ylim=(-0.5, len(new) - 0.5))
        axis.set_yticks(rows, list(new))
        axis.grid(visible=False, axis="y")
        figure.legend(loc="outside upper center", ncols=2, fontsize=9)
    return figure
