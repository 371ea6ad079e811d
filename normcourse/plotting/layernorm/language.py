"""The losses of small language models."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from normcourse.experiments.engine.intervals import bootstrap
from normcourse.plotting.style import COLOURS, new_figure

__all__ = ["losses_by_steps"]


def losses_by_steps(steps: Sequence[int], losses: NDArray[np.float64], levels: Mapping[str, float]) -> Figure:
    """Draw a model's loss against the steps that it was trained for, and the losses of others as levels.

    Args:
        steps: Each budget of steps.
        losses: Nats per token, shape ``(budgets, seeds)``.
        levels: Nats per token, by name.
    """
    with new_figure() as (figure, axis):
        band = bootstrap(np.mean, losses.T)
        axis.fill_between(steps, band.low, band.high, color=COLOURS["BatchNorm"], alpha=0.25, linewidth=0)
        axis.plot(steps, band.estimate, "-o", color=COLOURS["BatchNorm"])
        for name, level in levels.items():
            axis.axhline(level, color=COLOURS["muted"], linestyle=":")
            axis.annotate(
                name, (0.2, level), xycoords=axis.get_yaxis_transform(), ha="center", va="bottom", fontsize=9
            )
        axis.set(xscale="log", xlabel="training steps", ylabel="test loss (nats per character)")
        axis.set_xticks(steps, [f"{count}" for count in steps])
        axis.minorticks_off()
    return figure
