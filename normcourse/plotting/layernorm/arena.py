"""The arena's differences, with the margin below which none counts."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from normcourse.experiments.engine.intervals import Interval
from normcourse.plotting.style import COLOURS, new_figure

__all__ = ["counted_gaps"]


def counted_gaps(gaps: Mapping[str, Interval], *, margin: float, title: str = "") -> Figure:
    """Draw differences of test loss with their intervals, filled where they count.

    A difference counts if its interval leaves out all from minus the margin to the margin, which is shaded.

    Args:
        gaps: Differences in nats per character, by competitor.
        margin: Of what counts, in nats.
        title: A sentence above.
    """
    rows = np.arange(len(gaps))[::-1]
    with new_figure(figsize=(5.0, 1.35 + 0.34 * len(gaps))) as (figure, axis):
        axis.axvspan(-margin, margin, color=COLOURS["muted"], alpha=0.25, linewidth=0)
        axis.axvline(0, color=COLOURS["muted"], linewidth=0.8, linestyle=":")
        for row, found in zip(rows, gaps.values(), strict=True):
            counts = found.low > margin or found.high < -margin
            axis.plot((found.low, found.high), (row, row), color=COLOURS["BatchNorm"], linewidth=1.4)
            face = COLOURS["BatchNorm"] if counts else "white"
            axis.plot(found.estimate, row, "o", color=COLOURS["BatchNorm"], markerfacecolor=face)
        axis.set_xlabel("test loss less LayerNorm's, nats per character\n← better            worse →")
        axis.set_ylim(-0.6, len(gaps) - 0.4)
        axis.set_yticks(rows, list(gaps))
        axis.grid(visible=False, axis="y")
        figure.suptitle(title)
    return figure
