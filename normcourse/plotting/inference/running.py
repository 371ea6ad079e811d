"""Running statistics as figures: their first steps, which variance they keep, and what their lag costs."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray

from normcourse.experiments.engine.intervals import bootstrap
from normcourse.plotting.style import COLOURS, new_figure

__all__ = ["evaluation_curves", "first_steps", "lagging_accuracy", "variance_losses"]

_LINES = (
    (COLOURS["BatchNorm"], "-"),
    (COLOURS["plain"], "--"),
    (COLOURS["other"], "-."),
    (COLOURS["accent"], ":"),
)

# Colour, line with marker of each estimate of the statistics, the same in every figure.
_ESTIMATES = {
    "0.9": (COLOURS["accent"], "^-"),
    "0.1": (COLOURS["BatchNorm"], "o-"),
    "0.01": (COLOURS["other"], "D-"),
    "0.001": (COLOURS["plain"], "v-"),
    "all batches": (COLOURS["muted"], "x:"),
    "recalibrated": ("black", "s--"),
}
_LABELS = {"all batches": "momentum=None", "recalibrated": "recalibrated"}


def evaluation_curves(steps: Sequence[int], curves: Mapping[str, Sequence[float]], *, title: str) -> Figure:
    """Draw the test accuracy of one network in training, a line for each way to get its statistics.

    Args:
        steps: Training steps at which it was read.
        curves: Fractions by name, each of shape ``(steps,)``; up to four.
        title: A sentence above.
    """
    with new_figure(figsize=(5.0, 3.0)) as (figure, axis):
        marks = ("o", "s", "^", "D")
        for (name, accuracy), (colour, style), mark in zip(curves.items(), _LINES, marks, strict=False):
            axis.plot(steps, accuracy, style, color=colour, marker=mark, markersize=4, label=name)
        axis.axhline(0.1, color=COLOURS["muted"], linewidth=0.8, linestyle=":")
        axis.text(max(steps), 0.115, "guessing", ha="right", va="bottom", fontsize=9)
        axis.set(xlabel="training step", ylabel="test accuracy (up is better)", ylim=(0, 1.02))
        axis.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        figure.legend(*axis.get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize=9)
        figure.suptitle(title)
    return figure


def first_steps(
    panels: Mapping[str, Mapping[str, NDArray[np.float64]]], truths: Sequence[float], *, title: str = ""
) -> Figure:
    """Draw how running statistics leave the values that they start from, a panel for each statistic.

    Args:
        panels: By the label of the panel's axis, values after each batch by name, of shape ``(batches,)``; up
            to four names a panel.
        truths: What each panel's statistic is in truth, drawn as a dotted line.
        title: A sentence above.
    """
    with new_figure(1, len(panels), figsize=(5.0, 2.9)) as (figure, axes):
        for axis, (label, lines), truth in zip(np.atleast_1d(axes), panels.items(), truths, strict=True):
            axis.axhline(truth, color=COLOURS["muted"], linewidth=1, linestyle=":")
            for (name, values), (colour, style) in zip(lines.items(), _LINES, strict=False):
                axis.plot(np.arange(1, len(values) + 1), values, style, color=colour, label=name)
            axis.set(xlabel="batches seen", ylabel=label)
        figure.legend(
            *np.atleast_1d(axes)[0].get_legend_handles_labels(),
            loc="outside lower center",
            ncols=2,
            fontsize=9,
        )
        figure.suptitle(title)
    return figure


def variance_losses(
    sizes: Sequence[int], unbiased: NDArray[np.float64], biased: NDArray[np.float64], *, title: str = ""
) -> Figure:
    """Draw test losses with either running variance against the batch size, with 95% intervals over seeds.

    Args:
        sizes: Of the training's batches.
        unbiased: Losses in nats with the variance that PyTorch keeps, shape ``(sizes, seeds)``.
        biased: With the biased one.
        title: A sentence above.
    """
    arms = (
        ("unbiased, as PyTorch keeps it", unbiased, COLOURS["plain"], "s--"),
        ("biased", biased, COLOURS["BatchNorm"], "o-"),
    )
    with new_figure(figsize=(5.0, 3.0)) as (figure, axis):
        for label, losses, colour, line in arms:
            mean = bootstrap(np.mean, losses.T)
            axis.fill_between(sizes, mean.low, mean.high, color=colour, alpha=0.2, linewidth=0)
            axis.plot(sizes, mean.estimate, line, color=colour, label=label, markersize=5)
        axis.set(
            xlabel="batch size in training (log scale)", ylabel="test loss, nats, log scale\n(down is better)"
        )
        axis.set(xscale="log", yscale="log")
        axis.set_xticks(sizes, [str(size) for size in sizes])
        axis.minorticks_off()
        axis.set_yticks([0.05, 0.1, 0.2, 0.5, 1, 2], ["0.05", "0.1", "0.2", "0.5", "1", "2"])
        axis.legend(title="running variance", fontsize=9, title_fontsize=9)
        figure.suptitle(title)
    return figure


def lagging_accuracy(
    readings: Sequence[int], panels: Mapping[str, Mapping[str, NDArray[np.float64]]], *, title: str = ""
) -> Figure:
    """Draw the accuracy in inference mode during trainings, for each estimate of the statistics.

    Args:
        readings: Steps at which it was read.
        panels: By title, accuracies (fractions) of shape ``(seeds, readings)`` by the estimate: ``"0.9"``,
            ``"0.1"``, ``"0.01"`` or ``"0.001"`` for the running ones, ``"all batches"`` for the plain mean,
            or ``"recalibrated"``. Lines are means over seeds; their 95% intervals are drawn as bars.
        title: A sentence above.
    """
    with new_figure(1, len(panels), figsize=(5.0, 3.2), sharey=True) as (figure, axes):
        for axis, (panel, estimates) in zip(np.atleast_1d(axes), panels.items(), strict=True):
            for name, accuracy in estimates.items():
                colour, line = _ESTIMATES[name]
                mean = bootstrap(np.mean, accuracy)
                label = _LABELS.get(name, f"momentum {name}")
                axis.plot(readings, mean.estimate, line, color=colour, markersize=4, label=label)
                axis.vlines(readings, mean.low, mean.high, color=colour, linewidth=1.2)
            axis.axhline(0.1, color=COLOURS["muted"], linewidth=0.8, linestyle=":")
            axis.set(xlabel="training step", title=panel, ylim=(0, 1.02), xlim=(0, 1.08 * max(readings)))
            axis.set_xticks(readings)
        first = np.atleast_1d(axes)[0]
        first.set_ylabel("test accuracy (up is better)")
        first.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        figure.legend(*first.get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize=9)
        figure.suptitle(title)
    return figure
