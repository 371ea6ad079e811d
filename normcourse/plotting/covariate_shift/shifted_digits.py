"""Digits in another light than the network was trained in."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from normcourse.data import load_digits
from normcourse.experiments.covariate_shift.shifted_digits import SHIFTS, Result
from normcourse.experiments.engine.intervals import bootstrap
from normcourse.plotting.frame import Frame
from normcourse.plotting.style import COLOURS, new_figure

__all__ = ["shift_accuracy", "shift_frame", "shift_repairs", "shifted_grid"]

# The first example that the pictures show, and the only one of the grid: one that is easy to read.
_EXAMPLE = 0
# How pictures that are taken as they are are told from pictures that something is done to before.
_LOOKS = ((COLOURS["plain"], "--", "s"), (COLOURS["other"], "-", "o"))


def shifted_grid() -> Figure:
    """Draw one test digit under every change of `experiments.shifted_digits` and at every amount."""
    digit = load_digits().test.x[[_EXAMPLE]]
    columns = max(len(amounts) for _, amounts in SHIFTS.values())
    with new_figure(len(SHIFTS), columns, figsize=(5.0, 5.2)) as (figure, axes):
        for row, (name, (change, amounts)) in zip(axes, SHIFTS.items(), strict=True):
            for axis, amount in zip(row, amounts, strict=True):
                axis.imshow(change(digit, amount).reshape(8, 8), cmap="gray", vmin=0, vmax=1)
                axis.set(xticks=[], yticks=[])
                axis.set_title(f"{amount:g}", fontsize=9)
            row[0].set_ylabel(name.replace(" ", "\n"), rotation=0, ha="right", va="center", fontsize=9)
        figure.suptitle("How far do you still read a 4?")
    return figure


def shift_accuracy(result: Result) -> Figure:
    """Draw test accuracy against how far each change goes, mean and 95% interval over seeds."""
    markers = dict(zip(SHIFTS, "osD^v", strict=True))
    colours = dict(zip(SHIFTS, COLOURS.values(), strict=True))
    with new_figure(figsize=(5.0, 3.6)) as (figure, axis):
        for name, accuracy in result.accuracy.items():
            band = bootstrap(np.mean, accuracy)
            levels = np.arange(accuracy.shape[1])
            axis.fill_between(levels, band.low, band.high, color=colours[name], alpha=0.2, linewidth=0)
            axis.plot(levels, band.estimate, marker=markers[name], color=colours[name], label=name)
        _draw_chance(axis)
        axis.set(
            xlabel="how far the change goes (column of the grid)",
            ylabel="share named right\n(higher is better)",
            ylim=(0, 1.03),
        )
        axis.set_xticks(levels, ["none", *map(str, levels[1:])])
        figure.suptitle("Every change loses digits, and inversion falls below guessing")
        figure.legend(loc="outside lower center", ncols=3, fontsize=9)
    return figure


def shift_repairs(results: Mapping[str, Result]) -> Figure:
    """Draw a small panel for each change: test accuracy without a preparation of the pictures, and with it.

    Args:
        results: By name of the preparation, none first.
    """
    with new_figure(2, 3, figsize=(5.0, 3.6), sharey=True) as (figure, axes):
        for axis, (name, (_, amounts)) in zip(axes.flat, SHIFTS.items(), strict=False):
            for (prepared, result), look in zip(results.items(), _LOOKS, strict=True):
                _draw_curve(axis, amounts, result.accuracy[name], look, prepared)
            _draw_chance(axis)
            axis.set(title=name, ylim=(0, 1.03))
        for axis in axes[:, 0]:
            axis.set_ylabel("share named right\n(higher is better)", fontsize=9)
        last = axes.flat[len(SHIFTS)]
        last.axis("off")
        last.legend(*axes[0, 0].get_legend_handles_labels(), loc="center", title="the pictures", fontsize=9)
        figure.supxlabel("amount of the change, from none at the left", fontsize=10)
        figure.suptitle("Standardising undoes a positive scale and a shift, and no more")
    return figure


def shift_frame(results: Mapping[str, Result], change: str, column: int) -> Frame:
    """Draw a few changed digits, the same standardised, and the accuracy on all of them.

    Args:
        results: By name of what is done to the pictures: nothing first, then standardising.
        change: A name of `experiments.shifted_digits.SHIFTS`.
        column: Which of its amounts.
    """
    make, amounts = SHIFTS[change]
    images = make(load_digits().test.x[_EXAMPLE : _EXAMPLE + 9], amounts[column])
    ready = (images - images.mean(axis=1, keepdims=True)) / images.std(axis=1, keepdims=True)
    bands = {name: bootstrap(np.mean, result.accuracy[change]) for name, result in results.items()}
    with new_figure(1, 3, figsize=(5.0, 2.5), width_ratios=(1, 1, 1.25)) as (figure, (given, taken, curve)):
        for axis, shown, name, low, high in zip(
            (given, taken), (images, ready), results, (0, -1.5), (1, 2.5), strict=True
        ):
            axis.imshow(_tiles(shown, (low + high) / 2), cmap="gray", vmin=low, vmax=high)
            axis.set(xticks=[], yticks=[])
            axis.set_title(name, fontsize=9)
        for (name, result), look in zip(results.items(), _LOOKS, strict=True):
            _draw_curve(curve, amounts, result.accuracy[change], look, name)
        curve.axvline(amounts[column], color=COLOURS["muted"], linewidth=0.8, linestyle=":")
        curve.set(xlabel=change, ylabel="share named right", ylim=(-0.03, 1.03))
        figure.legend(*curve.get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize=9)
    said = {
        name: f"{band.estimate[column]:.1%} [{band.low[column]:.1%}, {band.high[column]:.1%}] {name}"
        for name, band in bands.items()
    }
    return Frame(
        figure,
        f"Left: nine digits with {change} {amounts[column]:g}. Middle: the same, each with mean 0 and "
        f"standard deviation 1. Right: the accuracy over all amounts, at this one "
        f"{' and '.join(f'{band.estimate[column]:.0%} {name}' for name, band in bands.items())}.",
        f"Named right with {change} {amounts[column]:g}: {' and '.join(said.values())}.",
    )


def _draw_curve(
    axis: Axes,
    amounts: tuple[float, ...],
    accuracy: NDArray[np.float64],
    look: tuple[str, str, str],
    label: str,
) -> None:
    """Draw mean and interval over the seeds, no change at the left."""
    colour, line, marker = look
    band = bootstrap(np.mean, accuracy)
    axis.fill_between(amounts, band.low, band.high, color=colour, alpha=0.2, linewidth=0)
    axis.plot(amounts, band.estimate, line, marker=marker, markersize=3.5, color=colour, label=label)
    pad = 0.05 * (amounts[-1] - amounts[0])
    axis.set_xlim(amounts[0] - pad, amounts[-1] + pad)


def _draw_chance(axis: Axes) -> None:
    axis.axhline(0.1, color=COLOURS["muted"], linewidth=0.8, linestyle=":")
    axis.annotate(
        "guessing", (0.02, 0.12), xycoords=("axes fraction", "data"), color=COLOURS["muted"], fontsize=8
    )


def _tiles(images: NDArray[np.float32], frame: float) -> NDArray[np.float32]:
    """Set nine pictures in a square, with a line of grey around each."""
    squares = images.reshape(3, 3, 8, 8)
    padded = np.pad(squares, ((0, 0), (0, 0), (0, 1), (0, 1)), constant_values=frame)
    tiles: NDArray[np.float32] = padded.swapaxes(1, 2).reshape(27, 27)
    return tiles
