"""Results of ``experiments.sequences`` as figures."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from normcourse.experiments.engine.intervals import bootstrap
from normcourse.plotting.style import COLOURS, new_figure

__all__ = ["leak_by_position", "losses_by_count", "losses_by_mode"]

# How the arms of a figure are told apart, in order: colour and line with marker.
_LOOKS = (
    (COLOURS["BatchNorm"], "o-"),
    (COLOURS["plain"], "s--"),
    (COLOURS["other"], "D:"),
    (COLOURS["muted"], "v-."),
)


def leak_by_position(changes: Mapping[str, NDArray[np.float64]], *, title: str = "") -> Figure:
    """Draw how far the logits before the last token move when that token is replaced.

    Args:
        changes: The largest change of a logit, shape ``(seeds, positions)``, by what was asked. Lines are
            means over seeds and bands hold all seeds.
        title: A sentence above.
    """
    with new_figure() as (figure, axis):
        for (name, moved), (colour, line) in zip(changes.items(), _LOOKS, strict=False):
            positions = np.arange(1, moved.shape[1] + 1)
            low, high = moved.min(axis=0), moved.max(axis=0)
            axis.fill_between(positions, low, high, color=colour, alpha=0.2, linewidth=0)
            axis.plot(positions, moved.mean(axis=0), line, color=colour, label=name, markersize=4)
        axis.set_yscale("symlog", linthresh=1e-3)
        axis.set_yticks([0, 1e-3, 1e-2, 1e-1, 1, 10], ["0", "0.001", "0.01", "0.1", "1", "10"])
        axis.minorticks_off()
        axis.set(ylim=(-3e-4, None), xlabel="position in the text, whose last token is replaced")
        axis.set(ylabel="largest change of a logit\n(a causal model: 0)")
        figure.legend(loc="outside lower center", ncols=2, fontsize=9)
        if title:
            figure.suptitle(title)
    return figure


def losses_by_count(
    counts: Sequence[int], losses: Mapping[str, NDArray[np.float64]], *, xlabel: str, title: str = ""
) -> Figure:
    """Draw losses against a count of tokens, with 95% intervals of the mean over seeds.

    Args:
        counts: Of tokens; drawn at even distances.
        losses: Nats per character, shape ``(seeds, counts)``, by what was asked.
        xlabel: What is counted.
        title: A sentence above.
    """
    places = np.arange(len(counts))
    with new_figure() as (figure, axis):
        for (name, values), (colour, line) in zip(losses.items(), _LOOKS, strict=False):
            band = bootstrap(np.mean, values)
            axis.fill_between(places, band.low, band.high, color=colour, alpha=0.2, linewidth=0)
            axis.plot(places, band.estimate, line, color=colour, label=name, markersize=5)
        axis.set(xlabel=xlabel, ylabel="loss (nats per character)\n(lower is better)")
        axis.set_xticks(places, [str(count) for count in counts])
        figure.legend(loc="outside lower center", ncols=2, fontsize=9)
        if title:
            figure.suptitle(title)
    return figure


def losses_by_mode(losses: Mapping[str, Mapping[str, NDArray[np.float64]]], *, title: str = "") -> Figure:
    """Draw losses on a log axis, a row for each model and a mark for each mode; a thin line holds all seeds.

    Args:
        losses: Nats per character, shape ``(seeds,)``, by the mode and by the model; the same models for
            every mode.
        title: A sentence above.
    """
    models = list(next(iter(losses.values())))
    with new_figure(figsize=(5.0, 1.3 + 0.45 * len(models))) as (figure, axis):
        for place, ((mode, by_model), (colour, line)) in enumerate(zip(losses.items(), _LOOKS, strict=False)):
            rows = np.arange(len(models))[::-1] + 0.12 - 0.24 * place
            for row, model in zip(rows, models, strict=True):
                ends = by_model[model].min(), by_model[model].max()
                axis.plot(ends, (row, row), color=colour, linewidth=1.2)
            means = [by_model[model].mean() for model in models]
            axis.plot(means, rows, line[0], color=colour, label=mode)
        axis.set(
            xscale="log",
            xlabel="loss (nats per character, log scale; lower is better)",
            ylim=(-0.6, len(models) - 0.4),
        )
        axis.set_xticks([2, 3, 5, 10, 20], ["2", "3", "5", "10", "20"])
        axis.minorticks_off()
        axis.set_yticks(range(len(models))[::-1], models)
        axis.grid(visible=False, axis="y")
        figure.legend(loc="outside lower center", ncols=2, fontsize=9)
        if title:
            figure.suptitle(title)
    return figure
