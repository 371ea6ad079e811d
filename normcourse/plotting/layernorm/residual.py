"""The size of a residual stream."""

from collections.abc import Mapping

import numpy as np

from normcourse.experiments.layernorm.residual_growth import PLACES, Result
from normcourse.plotting.frame import Frame
from normcourse.plotting.style import COLOURS, new_figure

__all__ = ["residual_frame"]

_LOOKS = dict(zip(PLACES, (("BatchNorm", "-"), ("other", "--"), ("plain", "-.")), strict=True))


def residual_frame(results: Mapping[float, Result], gain: float, layer: int) -> Frame:
    """Draw the stream's size and each branch's share of it against depth, with one layer marked.

    Lines are medians over seeds; the band holds all seeds.

    Args:
        results: A result for each gain, of one depth.
        gain: Which result.
        layer: After which layer the readings are taken, from 1.
    """
    result = results[gain]
    stream, branch = np.median(result.stream, axis=1), np.median(result.branch, axis=1)
    depth = np.arange(result.config.layers + 1)
    with new_figure(1, 2, figsize=(5.0, 2.9)) as (figure, (left, right)):
        for row, (place, (colour, line)) in enumerate(_LOOKS.items()):
            for axis, values, drawn in (
                (left, result.stream[row], stream[row]),
                (right, result.branch[row], branch[row]),
            ):
                steps = depth[-len(drawn) :]
                axis.fill_between(
                    steps,
                    values.min(axis=0),
                    values.max(axis=0),
                    color=COLOURS[colour],
                    alpha=0.2,
                    linewidth=0,
                )
                axis.plot(steps, drawn, line, color=COLOURS[colour], label=place)
                axis.plot(layer, drawn[layer - len(depth)], "D", color=COLOURS[colour], markersize=5)
        left.set(xlabel="branch", ylabel="size of the stream (rms)", yscale="log", ylim=(0.5, 1e3))
        right.set(xlabel="branch", ylabel="branch / stream", yscale="log", ylim=(0.05, 4))
        figure.legend(*left.get_legend_handles_labels(), loc="outside upper center", ncols=3, fontsize=9)
    sizes = ", ".join(
        f"{value:.3g} with {place}" if place != "no norm" else f"{value:.3g} without"
        for place, value in zip(PLACES, stream[:, layer], strict=True)
    )
    shares = ", ".join(f"{value:.2f}" for value in branch[:, layer - 1])
    return Frame(
        figure,
        f"Left: the stream's size against depth on a log scale: flat with post-norm, growing ever more "
        f"slowly with pre-norm, and along a straight line without a norm. Right: what a branch adds relative "
        f"to the stream: falling with pre-norm, level for the others. Diamonds mark branch {layer}; the gain "
        f"is {gain:g}.",
        f"After branch {layer} the stream's size is {sizes}. What this branch added, relative to the stream: "
        f"{shares} in the same order.",
    )
