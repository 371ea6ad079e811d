"""Trainings of transformers that were opened on their way."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from normcourse.experiments.layernorm.opened_run import Opened
from normcourse.plotting.style import COLOURS, new_figure

__all__ = ["opened_places", "opened_runs"]

_LINES = (("plain", "o--"), ("accent", "^-."), ("BatchNorm", "s-"))


def opened_runs(runs: Mapping[str, Opened], *, window: int = 10, title: str = "") -> Figure:
    """Draw the loss of trainings and how far tokens differ at the end of the stream, by step.

    Args:
        runs: At most three, by name.
        window: Steps that the loss is averaged over.
        title: A sentence over both panels.
    """
    with new_figure(1, 2, figsize=(5.0, 3.0)) as (figure, (left, right)):
        for (name, run), (colour, line) in zip(runs.items(), _LINES, strict=False):
            smooth = np.convolve(run.training, np.full(window, 1 / window), mode="valid")
            steps = np.arange(len(smooth)) + window
            left.plot(steps, smooth, line.strip("o^s"), color=COLOURS[colour])
            ends = [reading.spread[-1] for reading in run.readings]
            right.plot(run.steps, ends, line, color=COLOURS[colour], markersize=4, label=name)
        left.set(xlabel="step", ylabel="training loss (lower is better)")
        right.set(xlabel="step", ylabel="how far tokens differ", yscale="log")
        right.set_xscale("symlog", linthresh=1, linscale=0.5)
        right.set_xticks((0, 1, 4, 16, 64), ("0", "1", "4", "16", "64"))
        right.set_xlim(-0.4, 1.5 * max(max(run.steps) for run in runs.values()))
        right.minorticks_off()
        figure.legend(*right.get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=9)
        figure.suptitle(title)
    return figure


def opened_places(runs: Mapping[str, Opened], *, step: int, title: str = "") -> Figure:
    """Draw by place of the stream how far tokens differ, and the gradient that comes back, at one reading.

    The gradient is drawn as a multiple of that at the end of the stream.

    Args:
        runs: At most three, by name.
        step: Of the reading.
        title: A sentence over both panels.
    """
    with new_figure(1, 2, figsize=(5.0, 3.0)) as (figure, (left, right)):
        for (name, run), (colour, line) in zip(runs.items(), _LINES, strict=False):
            reading = run.readings[run.steps.index(step)]
            places = np.arange(len(reading.spread))
            left.plot(places, reading.spread, line, color=COLOURS[colour], markersize=4, label=name)
            right.plot(
                places, reading.gradient / reading.gradient[-1], line, color=COLOURS[colour], markersize=4
            )
        left.set(xlabel="branches passed", ylabel="how far tokens differ", yscale="log")
        right.set(xlabel="branches passed", ylabel="gradient (end = 1)", yscale="log")
        for axis in (left, right):
            axis.set_xticks(range(0, len(places), 4))
            axis.minorticks_off()
        left.set_title("forward: read to the right", loc="left", fontsize=10)
        right.set_title("backward: read to the left", loc="left", fontsize=10)
        figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=9)
        figure.suptitle(title)
    return figure
