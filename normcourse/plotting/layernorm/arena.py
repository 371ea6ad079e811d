"""The arena's differences, with the margin below which none counts."""

from collections.abc import Mapping

from matplotlib.figure import Figure

from normcourse.experiments.engine.intervals import Interval
from normcourse.plotting.style import draw_differences

__all__ = ["counted_gaps"]


def counted_gaps(gaps: Mapping[str, Interval], *, margin: float, title: str = "") -> Figure:
    """Draw differences of test loss with their intervals, filled where they count.

    A difference counts if its interval leaves out all from minus the margin to the margin, which is shaded.

    Args:
        gaps: Differences in nats per character, by competitor.
        margin: Of what counts, in nats.
        title: A sentence above.
    """
    xlabel = "test loss less LayerNorm's, nats per character\n← better            worse →"
    return draw_differences(gaps, xlabel, margin=margin, title=title)
