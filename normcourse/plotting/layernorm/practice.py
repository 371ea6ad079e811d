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


def neighbour_precision(precision: Mapping[str, Mapping[str, Interval]]) -> Figure:
    """Draw how many neighbours are of the same topic, a row for each score.

    Args:
        precision: By kind of vectors (at most two), then by score: a share and its interval.
    """
    with new_figure(figsize=(5.0, 2.9)) as (figure, axis):
        scores = list(next(iter(precision.values())))
        for place, (kind, rows) in enumerate(precision.items()):
            _intervals(axis, place, kind, [rows[score] for score in scores])
        axis.set_yticks(range(len(scores)), scores)
        axis.margins(y=0.15)
        axis.invert_yaxis()
        axis.set(xlabel="neighbours of the same topic", xlim=(0, None))
        axis.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        figure.legend(loc="outside upper center", ncols=2, fontsize=9)
    return figure


def tuned_losses(losses: Mapping[str, tuple[NDArray[np.float64], NDArray[np.float64]]]) -> Figure:
    """Draw the losses on the new and the old text, a row for each part that was trained.

    Args:
        losses: By part, losses on the new and on the old text, in nats, of shape ``(seeds,)``.
    """
    with new_figure(figsize=(5.0, 2.7)) as (figure, axis):
        for place, name in enumerate(("new text", "old text")):
            _intervals(axis, place, name, [bootstrap(np.mean, both[place]) for both in losses.values()])
        axis.set_yticks(range(len(losses)), losses)
        axis.margins(y=0.15)
        axis.invert_yaxis()
        axis.set_xlabel("test loss in nats per character")
        figure.legend(loc="outside upper center", ncols=2, fontsize=9)
    return figure


def _intervals(axis: Axes, place: int, label: str, intervals: Sequence[Interval]) -> None:
    """Draw an interval on each row; those of the second kind lie below those of the first."""
    colour, marker = _MARKS[place]
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
