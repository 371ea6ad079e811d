"""Norms in practice: what fine-tuning a part of a model gains, and what lengths do to neighbours."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray

from normcourse.experiments.intervals import Interval, bootstrap
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
        for place, ((kind, rows), (colour, marker)) in enumerate(
            zip(precision.items(), _MARKS, strict=False)
        ):
            heights = np.arange(len(scores)) + 0.24 * place - 0.12
            middle = np.array([rows[score].estimate for score in scores])
            ends = np.array([(rows[score].low, rows[score].high) for score in scores]).T
            axis.errorbar(
                middle,
                heights,
                xerr=np.abs(ends - middle),
                fmt=marker,
                color=COLOURS[colour],
                capsize=3,
                label=kind,
            )
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
        for place, (name, (colour, marker)) in enumerate(zip(("new text", "old text"), _MARKS, strict=True)):
            bands = [bootstrap(np.mean, both[place]) for both in losses.values()]
            middle = np.array([band.estimate for band in bands])
            ends = np.array([(band.low, band.high) for band in bands]).T
            axis.errorbar(
                middle,
                np.arange(len(losses)) + 0.2 * place - 0.1,
                xerr=np.abs(ends - middle),
                fmt=marker,
                color=COLOURS[colour],
                capsize=3,
                label=name,
            )
        axis.set_yticks(range(len(losses)), losses)
        axis.margins(y=0.15)
        axis.invert_yaxis()
        axis.set_xlabel("test loss in nats per character")
        figure.legend(loc="outside upper center", ncols=2, fontsize=9)
    return figure
