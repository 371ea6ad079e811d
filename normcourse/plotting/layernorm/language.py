"""The losses of small language models."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from normcourse.experiments.engine.intervals import bootstrap
from normcourse.plotting.style import COLOURS, new_figure

__all__ = ["losses_by_steps"]


def losses_by_steps(
    steps: Sequence[int],
    losses: NDArray[np.float64],
    levels: Mapping[str, float],
    *,
    training: Sequence[float] = (),
    title: str = "",
) -> Figure:
    """Draw a model's loss against the steps that it was trained for, and the losses of others as levels.

    Args:
        steps: Each budget of steps.
        losses: Nats per token, shape ``(budgets, seeds)``.
        levels: Nats per token, by name.
        training: The loss of each step of one run, drawn as means of 30 steps.
        title: What the figure shows, a sentence.
    """
    with new_figure() as (figure, axis):
        if len(training):
            means = np.convolve(training, np.ones(30) / 30, mode="valid")
            places = np.arange(30, len(training) + 1)
            axis.plot(places, means, "--", color=COLOURS["plain"], label="training, mean of 30 steps")
        band = bootstrap(np.mean, losses.T)
        axis.fill_between(steps, band.low, band.high, color=COLOURS["BatchNorm"], alpha=0.25, linewidth=0)
        axis.plot(steps, band.estimate, "-o", color=COLOURS["BatchNorm"], label="test")
        for name, level in levels.items():
            axis.axhline(level, color=COLOURS["muted"], linestyle=":")
            axis.annotate(
                name, (0.1, level), xycoords=axis.get_yaxis_transform(), ha="left", va="bottom", fontsize=9
            )
        axis.set(xscale="log", xlabel="training steps", ylabel="loss (nats per character)\n(lower is better)")
        axis.set_xticks(steps, [f"{count}" for count in steps])
        axis.minorticks_off()
        if title:
            axis.set_title(title)
        if len(training):
            axis.legend(fontsize=9)
    return figure
