"""Digits in another light than the network was trained in."""

import numpy as np
from matplotlib.figure import Figure

from normcourse.data import load_digits
from normcourse.experiments.covariate_shift import shifted_digits
from normcourse.experiments.covariate_shift.shifted_digits import SHIFTS
from normcourse.experiments.engine.intervals import bootstrap
from normcourse.plotting.frame import Frame
from normcourse.plotting.style import COLOURS, new_figure

__all__ = ["shift_accuracy", "shift_frame", "shifted_grid"]

# The first example that the pictures show, and the only one of the grid: one that is easy to read.
_EXAMPLE = 0


def shifted_grid() -> Figure:
    """Draw one test digit under every change of `experiments.shifted_digits` and at every amount."""
    digit = load_digits().test.x[[_EXAMPLE]]
    columns = max(len(amounts) for _, amounts in SHIFTS.values())
    with new_figure(len(SHIFTS), columns, figsize=(5.0, 5.0)) as (figure, axes):
        for row, (name, (change, amounts)) in zip(axes, SHIFTS.items(), strict=True):
            for axis, amount in zip(row, amounts, strict=True):
                axis.imshow(change(digit, amount).reshape(8, 8), cmap="gray", vmin=0, vmax=1)
                axis.set(xticks=[], yticks=[])
                axis.set_title(f"{amount:g}", fontsize=9)
            row[0].set_ylabel(name.replace(" ", "\n"), rotation=0, ha="right", va="center", fontsize=9)
    return figure


def shift_accuracy(result: shifted_digits.Result) -> Figure:
    """Draw test accuracy against how far each change goes, mean and 95% interval over seeds."""
    markers = dict(zip(SHIFTS, "osD^v", strict=True))
    colours = dict(zip(SHIFTS, COLOURS.values(), strict=True))
    with new_figure(figsize=(5.0, 3.4)) as (figure, axis):
        for name, accuracy in result.accuracy.items():
            band = bootstrap(np.mean, accuracy)
            levels = np.arange(accuracy.shape[1])
            axis.fill_between(levels, band.low, band.high, color=colours[name], alpha=0.2, linewidth=0)
            axis.plot(levels, band.estimate, marker=markers[name], color=colours[name], label=name)
        axis.axhline(0.1, color=COLOURS["muted"], linewidth=0.8, linestyle=":")
        axis.annotate("chance", (0, 0.11), color=COLOURS["muted"], fontsize=9)
        axis.set(xlabel="column of the grid of changed digits", ylabel="test accuracy", ylim=(0, 1.03))
        axis.set_xticks(levels, ["none", *map(str, levels[1:])])
        figure.legend(loc="outside upper center", ncols=3, fontsize=9)
    return figure


def shift_frame(result: shifted_digits.Result, change: str, column: int) -> Frame:
    """Draw a few changed digits beside the accuracy on all of them.

    Args:
        result: The trained networks' answers.
        change: A name of `experiments.shifted_digits.SHIFTS`.
        column: Which of its amounts.
    """
    make, amounts = SHIFTS[change]
    images = make(load_digits().test.x[_EXAMPLE : _EXAMPLE + 9], amounts[column]).reshape(3, 3, 8, 8)
    tiles = (
        np.pad(images, ((0, 0), (0, 0), (0, 1), (0, 1)), constant_values=0.5).swapaxes(1, 2).reshape(27, 27)
    )
    band = bootstrap(np.mean, result.accuracy[change])
    with new_figure(1, 2, figsize=(5.0, 2.6), width_ratios=(1, 1.2)) as (figure, (picture, curve)):
        picture.imshow(tiles, cmap="gray", vmin=0, vmax=1)
        picture.set(xticks=[], yticks=[], title="nine test digits")
        curve.plot(amounts, band.estimate, "-o", color=COLOURS["BatchNorm"], markersize=4)
        curve.plot(amounts[column], band.estimate[column], "D", color=COLOURS["plain"], markersize=9)
        curve.set(xlabel=change, ylabel="test accuracy", ylim=(-0.03, 1.03))
        if amounts[0] > amounts[-1]:
            curve.invert_xaxis()
    mean, low, high = (values[column] for values in band)
    return Frame(
        figure,
        f"Left: nine digits with {change} {amounts[column]:g}. Right: the accuracy over all amounts of it, "
        f"with a diamond at {mean:.0%}.",
        f"With {change} {amounts[column]:g}, the networks name {mean:.1%} of the test digits "
        f"[{low:.1%}, {high:.1%}].",
    )
