"""Norms in practice: what fine-tuning a part of a model gains, and what lengths do to neighbours."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray

from normcourse.experiments.engine.intervals import Interval, bootstrap
from normcourse.plotting.style import COLOURS, new_figure

__all__ = ["neighbour_precision", "tuned_losses"]

_MARKS = (("plain", "o"), ("BatchNorm", "s"))


def neighbour_precision(
    precision: Mapping[str, Mapping[str, Interval]], *, chance: float, title: str
) -> Figure:
    """Draw how many neighbours are of the same topic, a row for each score.

    Args:
        precision: By kind of vectors (at most two), then by score: a share and its interval.
        chance: The share among neighbours that are drawn at random.
        title: What the figure shows, in a sentence.
    """
    with new_figure(figsize=(5.0, 3.1)) as (figure, axis):
        scores = list(next(iter(precision.values())))
        for place, (kind, rows) in enumerate(precision.items()):
            _intervals(axis, place, kind, [rows[score] for score in scores])
        axis.set_yticks(range(len(scores)), [score.replace(" after ", "\nafter ") for score in scores])
        axis.margins(y=0.15)
        axis.invert_yaxis()
        axis.axvline(chance, color=COLOURS["muted"], linestyle=":", linewidth=1.4, label="by chance")
        axis.set(xlabel="neighbours of the same topic (right is better)", xlim=(0, None))
        figure.suptitle(title)
        axis.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        figure.legend(loc="outside lower center", ncols=3, fontsize=9)
    return figure


def tuned_losses(
    losses: Mapping[str, Mapping[str, NDArray[np.float64]]],
    marks: Mapping[str, Mapping[str, float]],
    title: str,
) -> Figure:
    """Draw losses after fine-tuning, a panel for each start and a row for each part that was trained.

    Args:
        losses: By start (two), then by part: losses in nats, of shape ``(seeds,)``.
        marks: By start, losses to compare with (at most three in all), drawn as lines and named in a legend.
        title: What the figure shows, in a sentence.
    """
    with new_figure(columns=2, sharey=True, figsize=(5.0, 3.0)) as (figure, axes):
        styles = dict(
            zip({name: 0 for found in marks.values() for name in found}, ("-", "--", ":"), strict=False)
        )
        named = {}
        for axis, (start, rows) in zip(axes, losses.items(), strict=True):
            _intervals(axis, 0.5, "", [bootstrap(np.mean, row) for row in rows.values()])
            for name, value in marks[start].items():
                named[name] = axis.axvline(
                    value, color=COLOURS["muted"], linestyle=styles[name], linewidth=1.4
                )
            axis.set_yticks(range(len(rows)), rows)
            axis.set(title=start, xlabel="test loss (left is better)")
            axis.margins(x=0.15, y=0.2)
        axes[0].invert_yaxis()
        figure.suptitle(title)
        figure.legend(named.values(), named, loc="outside lower center", ncols=len(named), fontsize=9)
    return figure


def _intervals(axis: Axes, place: float, label: str, intervals: Sequence[Interval]) -> None:
    """Draw an interval on each row; those at place 1 lie below those at place 0."""
    colour, marker = _MARKS[int(place)]
    middle = np.array([interval.estimate for interval in intervals])
    ends = np.array([(interval.low, interval.high) for interval in intervals]).T
    axis.errorbar(
        middle,
        np.arange(len(intervals)) + 0.22 * place - 0.11,
        xerr=np.abs(ends - middle),
        fmt=marker,
        color=COLOURS[colour],
        capsize=3,
        label=label,
    )
