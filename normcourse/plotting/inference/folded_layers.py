"""Results of ``experiments.folded_layers`` as figures."""

import numpy as np
from matplotlib.figure import Figure

from normcourse.experiments.inference.folded_layers import Rounding
from normcourse.plotting.style import COLOURS, new_figure

__all__ = ["folding_errors"]


def folding_errors(result: Rounding, *, points: int = 2000) -> Figure:
    """Draw the error of each output relative to the output, against how much of its terms cancel.

    Args:
        result: Of one layer.
        points: How many outputs to draw, evenly picked among those with an error.
    """
    seen = np.flatnonzero((result.errors > 0) & (result.outputs != 0))
    seen = seen[:: max(1, len(seen) // points)]
    outputs, errors, magnitudes, bound = (
        np.abs(values).ravel()[seen]
        for values in (result.outputs, result.errors, result.magnitudes, result.bound)
    )
    rest = outputs / magnitudes
    line = np.array([rest.min() / 2, 1.0])
    with new_figure(figsize=(5.0, 3.2)) as (figure, axis):
        axis.plot(rest, errors / outputs, ".", color=COLOURS["BatchNorm"], markersize=2, rasterized=True)
        axis.plot(line, (bound / magnitudes)[0] / line, "--", color=COLOURS["plain"], label="bound")
        eps = float(np.finfo(np.float32).eps)
        axis.axhline(eps, color=COLOURS["muted"], linestyle=":", label="machine epsilon")
        axis.set(xscale="log", yscale="log", xlim=line)
        axis.set(xlabel="|output| / sum of its terms' magnitudes", ylabel="error / |output|")
        axis.legend(loc="upper right")
    return figure
