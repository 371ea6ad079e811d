"""Pictures of BatchNorm's gradient."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from normcourse.plotting.style import COLOURS, new_figure

__all__ = ["difference_error", "gradient_parts"]


def gradient_parts(parts: Mapping[str, ArrayLike]) -> Figure:
    """Draw one feature's gradient for each example of a batch as bars, one panel per stage.

    Args:
        parts: A title and values of shape ``(N,)`` for each panel.
    """
    with new_figure(len(parts), 1, figsize=(5.0, 1.35 * len(parts)), sharex=True, sharey=True) as (
        figure,
        axes,
    ):
        for axis, (title, values) in zip(axes, parts.items(), strict=True):
            examples = np.arange(np.size(values))
            axis.bar(examples, values, color=COLOURS["BatchNorm"])
            axis.axhline(0, color=COLOURS["muted"], linewidth=0.8)
            axis.set_title(title, loc="left")
            axis.grid(visible=False, axis="x")
        axes[-1].set(xlabel="example in the batch", xticks=examples)
        figure.supylabel("gradient", fontsize=10)
    return figure


def difference_error(steps: ArrayLike, errors: Mapping[str, ArrayLike]) -> Figure:
    """Draw how far a finite difference lies from the derived gradient, for each step size.

    Args:
        steps: Step sizes ``τ``, shape ``(K,)``.
        errors: A label and the relative errors, shape ``(K,)``, for each line.
    """
    looks = (("BatchNorm", "o-"), ("plain", "s--"))
    with new_figure() as (figure, axis):
        for (label, values), (colour, line) in zip(errors.items(), looks, strict=False):
            axis.loglog(steps, values, line, color=COLOURS[colour], markersize=4, label=label)
        axis.set(xlabel="step τ of the finite difference", ylabel="relative error (lower is better)")
        axis.legend()
    return figure
