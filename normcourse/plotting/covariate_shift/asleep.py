"""Results of ``experiments.asleep`` as figures: what each layer hands on, and what comes back to it."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from normcourse.experiments.covariate_shift.asleep import Layers, Result
from normcourse.plotting.frame import Frame
from normcourse.plotting.style import COLOURS, new_figure

__all__ = ["asleep_frame", "layer_histograms", "layer_signals", "losses_by_step"]

_EDGES = np.linspace(-1.2, 1.2, 97)


def layer_histograms(looks: Mapping[str, Layers], *, title: str = "", rows: int | None = None) -> Figure:
    """Draw a small histogram for each layer, one column for each network, all on one axis.

    A histogram counts how far a unit's output for an example lies from that unit's mean output, over all
    units and examples of the layer; each is drawn to the same height. The spread is written beside it.

    Args:
        looks: By name of the network; one whose name speaks of BatchNorm has that colour.
        title: A sentence above all columns.
        rows: Layers that there is room for; by default those of the deepest network.
    """
    rows = rows or max(len(look.spread) for look in looks.values())
    with new_figure(rows, len(looks), figsize=(5.0, 1.1 + 0.36 * rows), sharex=True, squeeze=False) as (
        figure,
        axes,
    ):
        # Room at the right, because a page may draw the letters in a wider font.
        figure.set_layout_engine("constrained", hspace=0, h_pad=0.01, rect=(0, 0, 0.97, 1))
        for column, (name, look) in zip(axes.T, looks.items(), strict=True):
            for layer, axis in enumerate(column):
                there = layer < len(look.spread)
                _bare(axis, line=there, last=layer == rows - 1)
                if there:
                    _histogram(axis, look.outputs[layer], _colour(name))
                    axis.text(1.27, 0.3, f"±{_digits(look.spread[layer])}", fontsize=9)
            column[0].set_title(name)
        deepest = max(len(look.spread) for look in looks.values())
        for layer, axis in enumerate(axes[:deepest, 0], 1):
            axis.set_ylabel(f"layer {layer}", rotation=0, ha="right", va="center", fontsize=9)
        figure.supxlabel("a unit's output, from its own mean (wide: pictures differ)", fontsize=10)
        if title:
            figure.suptitle(title)
    return figure


def layer_signals(looks: Mapping[str, Layers], *, factor: float | None = None, title: str = "") -> Figure:
    """Draw by layer how far the outputs spread and how long the gradient is that returns, on log axes.

    Args:
        looks: By name of the network; one whose name speaks of BatchNorm has that colour.
        factor: Draws what a loss by this factor at every layer predicts for the first network, from the layer
            that the signal meets first.
        title: A sentence above.
    """
    deepest = max(len(look.spread) for look in looks.values())
    with new_figure(1, 2, figsize=(5.0, 3.4)) as (figure, (going, coming)):
        for name, look in looks.items():
            line, marker = ("-", "s") if _has_batch_norm(name) else ("--", "o")
            for axis, values in ((going, look.spread), (coming, look.returning)):
                numbers = np.arange(1, len(values) + 1)
                axis.plot(numbers, values, line, marker=marker, markersize=4, color=_colour(name), label=name)
        if factor is not None:
            look = next(iter(looks.values()))
            steps = np.arange(len(look.spread))
            label = f"times {factor:.2f} a layer"
            for axis, values in (
                (going, look.spread[0] * factor**steps),
                (coming, look.returning[-1] * factor ** steps[::-1]),
            ):
                axis.plot(steps + 1, values, ":", color=COLOURS["muted"], linewidth=1, label=label)
        going.set(title="going up →\nspread of the outputs", ylabel="higher: more to learn from")
        coming.set(title="← coming back\nlength of the gradient")
        for axis in (going, coming):
            axis.set(xlabel="layer", yscale="log", xticks=range(1, deepest + 1))
            axis.yaxis.set_major_formatter("{x:g}")
        figure.legend(*going.get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=9)
        if title:
            figure.suptitle(title)
    return figure


def losses_by_step(losses: Mapping[str, Sequence[float]], *, title: str = "") -> Figure:
    """Draw the loss of each step's batch, a line for each network, and the loss of guessing among ten.

    Args:
        losses: Nats, by name of the network; one whose name speaks of BatchNorm has that colour.
        title: A sentence above.
    """
    spare = iter(((COLOURS["plain"], "--"), (COLOURS["other"], "-."), (COLOURS["accent"], ":")))
    with new_figure(figsize=(5.0, 2.9)) as (figure, axis):
        for name, values in losses.items():
            colour, line = (COLOURS["BatchNorm"], "-") if _has_batch_norm(name) else next(spare)
            steps = np.arange(1, len(values) + 1)
            axis.plot(steps, values, line, color=colour, label=name, linewidth=1.3)
        axis.axhline(np.log(10), color=COLOURS["muted"], linewidth=0.8, linestyle=":")
        axis.text(len(steps), np.log(10) + 0.05, "guessing", ha="right", fontsize=9)
        axis.set(xlabel="training step", ylabel="loss of the batch\n(lower is better)", ylim=(0, 2.7))
        axis.legend(loc="center right")
        if title:
            figure.suptitle(title)
    return figure


def asleep_frame(results: Sequence[Result], layers: int, norm: str, *, trained: bool = False) -> Frame:
    """Draw the histograms of one of several networks, with room for the deepest of them.

    Args:
        results: Networks that differ in ``config.layers`` or ``config.norm``.
        layers: Of the network to draw.
        norm: Its norm, ``"none"`` or ``"batch"``.
        trained: Whether to show it after its last step, in place of before its first.
    """
    [result] = [each for each in results if (each.config.layers, each.config.norm) == (layers, norm)]
    look, steps = result.first(trained=trained), result.config.steps
    norms = {each.config.norm for each in results}
    name = {"batch": " with BatchNorm", "none": " without BatchNorm" if "batch" in norms else ""}[norm]
    when = f"after {steps} steps" if trained else "before the first step"
    count = "1 layer" if layers == 1 else f"{layers} layers"
    spreads = [f"±{_digits(spread)}" for spread in look.spread]
    figure = layer_histograms({f"{count}{name}": look}, rows=max(each.config.layers for each in results))
    return Frame(
        figure,
        f"A histogram for each layer of a network of {count}{name}, one under the other on one axis: what "
        f"its units hand on for {look.outputs.shape[1]} digits {when}. Their spread, from the first layer to "
        f"the last: {', '.join(spreads)}.",
        f"{count}{name}: {when}, what layer {layers} hands on differs by {spreads[-1]} from picture to "
        f"picture. {'The network then' if trained else f'After {steps} steps it'} reads "
        f"{result.accuracy[0]:.0%} of new digits right.",
    )


def _colour(name: str) -> str:
    return COLOURS["BatchNorm" if _has_batch_norm(name) else "plain"]


def _has_batch_norm(name: str) -> bool:
    """Whether a network's name says that it has BatchNorm, not that it is without."""
    return "BatchNorm" in name and "without" not in name


def _digits(value: float) -> str:
    """Two digits that count, the second one also if it is a zero."""
    return f"{value:.2f}" if value >= 0.1 else f"{value:#.2g}"


def _bare(axis: Axes, *, line: bool, last: bool) -> None:
    axis.set(xlim=(_EDGES[0], _EDGES[-1]), ylim=(0, 1.05), yticks=[], xticks=[-1, -0.5, 0, 0.5, 1])
    axis.grid(visible=False)
    axis.spines["left"].set_visible(False)
    axis.spines["bottom"].set(color="black" if last else COLOURS["muted"], linewidth=0.8)
    axis.spines["bottom"].set_visible(line or last)
    axis.tick_params(bottom=last, labelbottom=last)
    axis.xaxis.set_major_formatter("{x:g}")


def _histogram(axis: Axes, outputs: NDArray[np.float64], colour: str) -> None:
    centred = np.clip(outputs - outputs.mean(axis=0), _EDGES[0], _EDGES[-1])
    counts, _ = np.histogram(centred, _EDGES)
    axis.stairs(counts / counts.max(), _EDGES, fill=True, color=colour)
