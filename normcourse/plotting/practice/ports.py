"""How far a port's layers are from the original's."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from normcourse.plotting.style import COLOURS, new_figure

__all__ = ["layer_differences"]

# In the order in which rounds are drawn: colour, line and marker; the last is the right port.
_ROUNDS = (("plain", "--", "o"), ("accent", "-.", "^"), ("muted", ":", "D"), ("other", "-", "v"))
_RIGHT = ("BatchNorm", "-", "s")
_LOWEST = 1e-9  # of a largest value: below float32's rounding, where no difference at all is drawn


def layer_differences(
    rounds: Mapping[str, ArrayLike], layers: Sequence[str], tolerance: float, title: str
) -> Figure:
    """Draw the difference of each layer's output from the original's, after each mend.

    Args:
        rounds: Largest differences as shares of a layer's largest value, shape ``(layers,)``, by what has
            been mended so far: at most five, of which the last is right.
        layers: Their names, in the order of the calls.
        tolerance: What counts as no difference, drawn as a line.
        title: A sentence.

    Raises:
        ValueError: There are more than five rounds.
    """
    if len(rounds) > len(_ROUNDS) + 1:
        raise ValueError(f"at most {len(_ROUNDS) + 1} rounds can be told apart, but got {len(rounds)}")
    looks = (*_ROUNDS[: len(rounds) - 1], _RIGHT)
    with new_figure(figsize=(5.0, 4.2)) as (figure, axis):
        for (label, shares), (colour, line, marker) in zip(rounds.items(), looks, strict=True):
            axis.semilogy(
                np.maximum(np.asarray(shares, dtype=float), _LOWEST),
                linestyle=line,
                marker=marker,
                markersize=5,
                color=COLOURS[colour],
                label=label,
            )
        axis.axhline(tolerance, color="black", linewidth=0.8)
        axis.text(len(layers) - 0.9, 1.3 * tolerance, "tolerance", ha="right", fontsize=9)
        axis.set_xticks(range(len(layers)), list(layers), rotation=40, ha="right")
        axis.set(ylabel="difference / largest value\n(lower: nearer to the original)", ylim=(_LOWEST / 2, 20))
        axis.set_title(title, fontsize=11, fontweight="bold")
        axis.legend(loc="upper center", bbox_to_anchor=(0.45, -0.3), ncols=2, fontsize=9)
    return figure
