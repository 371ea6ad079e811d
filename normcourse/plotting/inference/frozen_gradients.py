"""Results of ``experiments.frozen_gradients`` as figures."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from normcourse.experiments.engine.intervals import bootstrap
from normcourse.experiments.inference.frozen_gradients import Result
from normcourse.plotting.style import COLOURS, new_figure

__all__ = ["fixed_gradients"]


def fixed_gradients(results: Mapping[str, Result]) -> Figure:
    """Draw what fixed statistics do to the gradient of each convolution: its length, and its direction.

    Points are means over networks, bars their 95% intervals.

    Args:
        results: By what the networks are, such as ``"trained"``; one or two.
    """
    looks = ((COLOURS["plain"], "s", -0.08), (COLOURS["BatchNorm"], "o", 0.08))
    with new_figure(1, 2, figsize=(5.0, 3.0)) as (figure, axes):
        for (name, result), (colour, marker, aside) in zip(results.items(), looks, strict=False):
            for axis, values in zip(axes, (result.length, result.cosine), strict=True):
                mean = bootstrap(np.mean, values)
                layers = np.arange(1, values.shape[1] + 1) + aside
                axis.vlines(layers, mean.low, mean.high, color=colour, linewidth=1.4)
                axis.plot(layers, mean.estimate, marker, color=colour, label=name, markersize=5)
        for axis, same in zip(axes, (1, 1), strict=True):
            axis.axhline(same, color=COLOURS["muted"], linestyle=":")
            axis.set(xlabel="convolution", xlim=(0.5, 3.5), xticks=(1, 2, 3))
            axis.grid(visible=False, axis="x")
        axes[0].set(ylabel="length, frozen / batch's", ylim=(0, None))
        axes[1].set(ylabel="cosine (1: no turn)", ylim=(0, 1.05))
        figure.suptitle("Frozen at the batch's own statistics, gradients\nare longer and point elsewhere")
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize=9)
    return figure
