"""The length of the weights before a BatchNorm."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Wedge

from normcourse.experiments.batchnorm import weight_plane
from normcourse.experiments.batchnorm.weight_scale import Result
from normcourse.plotting.frame import Frame
from normcourse.plotting.style import COLOURS, new_figure

__all__ = ["effective_rates", "length_gains", "weight_plane_frame"]

_LOOKS = (("BatchNorm", "o"), ("plain", "s"), ("other", "^"))
_REACH = 5.0  # half the width of the plane


def length_gains(results: Mapping[str, Result], *, layer: int = 0) -> Figure:
    """Draw how much the squared length of a layer's weights has grown, and the sum of its squared steps.

    Args:
        results: Up to three runs by name.
        layer: Which hidden layer. Lines are means over seeds.
    """
    with new_figure() as (figure, axis):
        for (name, result), (colour, marker) in zip(results.items(), _LOOKS, strict=False):
            measured = (result.squared - result.squared[:, :1])[:, :, layer].mean(axis=0)
            gained = result.gained[:, :, layer].mean(axis=0)
            sparse = slice(1, None, max(1, len(result.steps) // 12))
            axis.plot(result.steps[1:], measured[1:], color=COLOURS[colour], label=name)
            axis.plot(
                result.steps[sparse], gained[sparse], marker, color=COLOURS[colour], markerfacecolor="white"
            )
        axis.plot([], [], "o", color=COLOURS["muted"], markerfacecolor="white", label="sum of squared steps")
        axis.set(xlabel="training step", ylabel="growth of ‖W‖² (log scale)", yscale="log")
        axis.set_title("The weights grow by exactly their squared steps")
        figure.legend(loc="outside upper center", ncols=2, fontsize=9)
    return figure


def effective_rates(
    without: Mapping[str, Result], decayed: Mapping[str, Result], *, layer: int = 0
) -> Figure:
    """Draw the learning rate over the squared length of the weights against steps, with and without decay.

    Args:
        without: Up to three runs without weight decay, by name.
        decayed: The same with it.
        layer: Which hidden layer. Lines are means over seeds, bands hold all seeds.
    """
    with new_figure() as (figure, axis):
        for runs, line, says in ((without, "--", ""), (decayed, "-", ", decay")):
            for (name, result), (colour, _) in zip(runs.items(), _LOOKS, strict=False):
                rate = result.effective_rate[:, :, layer]
                axis.fill_between(
                    result.steps,
                    rate.min(axis=0),
                    rate.max(axis=0),
                    color=COLOURS[colour],
                    alpha=0.2,
                    linewidth=0,
                )
                axis.plot(result.steps, rate.mean(axis=0), line, color=COLOURS[colour], label=f"{name}{says}")
        axis.set(xlabel="training step", ylabel="effective rate (log scale)", yscale="log")
        axis.set_title("With decay, every start ends at one effective rate")
        figure.legend(loc="outside upper center", ncols=2, fontsize=9)
    return figure


def weight_plane_frame(length: float, learning_rate: float) -> Frame:
    """Draw a walk of gradient descent over the loss of one unit with two weights.

    Args:
        length: Of the weight vector at the start.
        learning_rate: Of the walk.
    """
    result = weight_plane.run(weight_plane.Config(length=length, learning_rate=learning_rate))
    steps, turned, size = result.config.steps, result.turned, result.length
    with new_figure(figsize=(5.0, 4.0)) as (figure, axis):
        _ground(axis)
        circle = np.linspace(0, 2 * np.pi, 90)
        axis.plot(length * np.cos(circle), length * np.sin(circle), ":", color=COLOURS["muted"], linewidth=1)
        axis.plot(*result.weights.T, "-o", color=COLOURS["plain"], markersize=3, linewidth=1.2)
        axis.plot(*result.weights[0], "D", color=COLOURS["BatchNorm"], markersize=8, label="start")
        axis.plot(
            *np.clip(result.weights[-1], -_REACH, _REACH),
            "*",
            color=COLOURS["plain"],
            markersize=13,
            label=f"after {steps} steps",
        )
        axis.set_title("Each step is at a right angle, so the weights grow")
        axis.set(
            xlabel="$w_1$ (lighter ground: lower loss)",
            ylabel="$w_2$",
            xlim=(-_REACH, _REACH),
            ylim=(-_REACH, _REACH),
            aspect=1,
        )
        axis.grid(visible=False)
        figure.legend(loc="outside upper center", ncols=2, fontsize=9)
    return Frame(
        figure,
        f"A plane of two weights, shaded like a fan: the loss depends on the direction. The walk starts "
        f"at length {length:g}; with learning rate {learning_rate:g} its first step turns the weights by "
        f"{turned[1]:.1f} degrees. After {steps} steps they have turned by {turned[-1]:.1f} degrees, and "
        f"their length is {size[-1]:.2f}.",
        f"Length {length:g} → {size[-1]:.2f}. First step: {turned[1]:.1f}°; all {steps} steps: "
        f"{turned[-1]:.1f}°. Effective rate {learning_rate / size[0] ** 2:.3g} → "
        f"{learning_rate / size[-1] ** 2:.3g}. Loss {result.loss[0]:.3f} → {result.loss[-1]:.3f}.",
    )


def _ground(axis: Axes, wedges: int = 48) -> None:
    """Shade the plane by the loss in each direction: the darker, the higher."""
    edges = np.linspace(-180, 180, wedges + 1)
    loss = weight_plane.landscape(np.radians((edges[1:] + edges[:-1]) / 2))
    shades = 0.97 - 0.45 * (loss - loss.min()) / np.ptp(loss)
    for low, high, shade in zip(edges[:-1], edges[1:], shades, strict=True):
        axis.add_patch(Wedge((0, 0), 2 * _REACH, low, high, color=str(round(shade, 3)), linewidth=0))
