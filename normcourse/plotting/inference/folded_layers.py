"""Results of ``experiments.folded_layers`` as figures."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from normcourse.experiments.inference.folded_layers import Rounding
from normcourse.plotting.style import COLOURS, new_figure

__all__ = ["border_errors", "folding_errors"]


def border_errors(panels: Mapping[str, NDArray[np.float64]]) -> Figure:
    """Draw where a folded layer is wrong, a map for each kind of layer, on one scale.

    Args:
        panels: By title: the largest error at each place, shape ``(height, width)``.
    """
    top = max(float(values.max()) for values in panels.values())
    with new_figure(1, len(panels), figsize=(5.0, 2.7), squeeze=False) as (figure, axes):
        for axis, (title, values) in zip(axes.flat, panels.items(), strict=True):
            image = axis.imshow(values, cmap="cividis", vmin=0, vmax=top)
            axis.set(title=title, xticks=(), yticks=())
            axis.grid(visible=False)
        bar = figure.colorbar(image, ax=axes, shrink=0.9)
        bar.set_label("largest error (0: right)")
    return figure


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
        axis.plot(line, (bound / magnitudes)[0] / line, "--", color=COLOURS["plain"], label="the bound")
        unit = float(np.finfo(np.float32).eps) / 2
        axis.axhline(unit, color=COLOURS["muted"], linestyle=":", label="one rounding, u")
        axis.set(xscale="log", yscale="log", xlim=line)
        axis.set(
            xlabel="what is left of the terms: |output| / A (left: they cancel)",
            ylabel="error / |output| (down: better)",
        )
        axis.legend(loc="upper right")
    return figure
