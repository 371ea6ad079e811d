"""Statistics of feature maps, over the batch and over space."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray

from normcourse.experiments.batchnorm.convolution import Noise
from normcourse.experiments.engine.intervals import bootstrap
from normcourse.plotting.style import COLOURS, new_figure

__all__ = ["map_noise", "pool_accuracy"]

_LOOKS = {"batch": ("at each position", "plain", "s"), "batch and space": ("over space", "BatchNorm", "o")}


def map_noise(noise: Noise) -> Figure:
    """Draw the spread of a batch's mean against the batch size, at one position and over all of them."""
    sizes, positions = noise.batch_sizes, 64
    with new_figure() as (figure, axis):
        for values, pool, count in (
            (noise.position, "batch", sizes),
            (noise.pooled, "batch and space", sizes * positions),
        ):
            name, colour, marker = _LOOKS[pool]
            axis.loglog(sizes, values, marker, color=COLOURS[colour], label=f"pooled {name}")
            line = "--" if pool == "batch" else ":"
            says = "1/√N" if pool == "batch" else "1/√(64 N)"
            axis.loglog(sizes, count**-0.5, line, color=COLOURS["muted"], linewidth=1.2, label=says)
        axis.set(xlabel="batch size N", ylabel="std of the mean / σ")
        axis.set_xticks(sizes, [str(size) for size in sizes])
        axis.minorticks_off()
        figure.legend(loc="outside upper center", ncols=2, fontsize=9)
    return figure


def pool_accuracy(accuracy: Mapping[str, Mapping[str, NDArray[np.float64]]]) -> Figure:
    """Draw accuracies with 95% intervals over seeds, a row per setting.

    Args:
        accuracy: By row, then by pool (``"batch and space"``, ``"batch"``): fractions, shape ``(seeds,)``.
    """
    rows = np.arange(len(accuracy))[::-1]
    with new_figure(figsize=(5.0, 1.1 + 0.42 * len(accuracy))) as (figure, axis):
        for pool, offset in (("batch and space", 0.13), ("batch", -0.13)):
            name, colour, marker = _LOOKS[pool]
            found = [bootstrap(np.mean, arms[pool]) for arms in accuracy.values()]
            axis.errorbar(
                [interval.estimate for interval in found],
                rows + offset,
                xerr=np.array([(i.estimate - i.low, i.high - i.estimate) for i in found]).T,
                fmt=marker,
                color=COLOURS[colour],
                capsize=3,
                label=f"pooled {name}",
            )
        axis.set(xlabel="test accuracy", xlim=(0, 1.02), ylim=(-0.5, len(accuracy) - 0.5))
        axis.set_yticks(rows, list(accuracy))
        axis.xaxis.set_major_formatter(PercentFormatter(1))
        axis.grid(visible=False, axis="y")
        figure.legend(loc="outside upper center", ncols=2, fontsize=9)
    return figure
