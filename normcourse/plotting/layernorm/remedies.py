"""What a step does to transformers with a remedy."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from normcourse.plotting.style import COLOURS, new_figure

__all__ = ["answers_by_depth"]


def answers_by_depth(
    layers: Sequence[int], answers: Mapping[str, NDArray[np.float64]], *, title: str = ""
) -> Figure:
    """Draw how strongly new models of two depths answer a small step, a row for each.

    Points are means over seeds, thin bars hold all seeds, and a line joins the two depths.

    Args:
        layers: The two depths.
        answers: By model, of shape ``(2, seeds)``.
        title: A sentence.
    """
    looks = ((COLOURS["BatchNorm"], "o", 0.1), (COLOURS["plain"], "s", -0.1))
    rows = np.arange(len(answers))[::-1]
    with new_figure(figsize=(5.0, 1.1 + 0.36 * len(answers))) as (figure, axis):
        for row, values in zip(rows, answers.values(), strict=True):
            axis.plot(values.mean(axis=1), (row, row), color=COLOURS["muted"], linewidth=1)
            for seeds, (colour, marker, aside) in zip(values, looks, strict=True):
                axis.plot((seeds.min(), seeds.max()), [row + aside] * 2, color=colour, linewidth=1.2)
                axis.plot(seeds.mean(), row, marker, color=colour, markersize=6)
        for depth, (colour, marker, _) in zip(layers, looks, strict=True):
            axis.plot([], [], marker, color=colour, label=f"{depth} layers")
        axis.set(xscale="log", xlabel="change of the logits over the size of the move (left: less)")
        axis.set_xticks((10, 20, 50, 100, 200), ("10", "20", "50", "100", "200"))
        axis.minorticks_off()
        axis.set_yticks(rows, list(answers))
        axis.grid(visible=False, axis="y")
        axis.set_title(title)
        axis.legend(fontsize=9, loc="lower right")
    return figure
