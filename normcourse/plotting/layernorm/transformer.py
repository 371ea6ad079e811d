"""Where the norms of a transformer stand, and which learning rates it trains at."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from normcourse.experiments.engine.intervals import Interval, bootstrap
from normcourse.experiments.layernorm.norm_placement import Gradients
from normcourse.plotting.style import COLOURS, draw_differences, new_figure

__all__ = ["attention_logits", "gradients_by_depth", "loss_gaps", "rate_map", "stream_sizes"]

_PLACES = {
    "post": ("post-norm", COLOURS["plain"], "--", "o"),
    "pre": ("pre-norm", COLOURS["BatchNorm"], "-", "s"),
}


def gradients_by_depth(gradients: Mapping[str, Gradients], *, depth: int) -> Figure:
    """Draw the gradient of the last layer against the depth, and of every layer at one depth.

    Args:
        gradients: By place, ``"post"`` and ``"pre"``.
        depth: Of the right panel, one of those measured.
    """
    with new_figure(1, 2, sharey=True, figsize=(5.0, 2.9)) as (figure, (left, right)):
        for place, found in gradients.items():
            name, colour, line, marker = _PLACES[place]
            sizes = found.feed_forward[found.layers.index(depth)]
            for axis, x, values, size in (
                (left, found.layers, found.last.T, 5),
                (right, np.arange(1, depth + 1), sizes, 3.5),
            ):
                band = bootstrap(np.mean, values)
                axis.fill_between(x, band.low, band.high, color=colour, alpha=0.25, linewidth=0)
                axis.plot(x, band.estimate, line, marker=marker, markersize=size, color=colour, label=name)
        layers = np.array(gradients["pre"].layers)
        start = gradients["pre"].last[0].mean()
        left.plot(
            layers,
            start * (layers[0] / layers) ** 0.5,
            ":",
            color=COLOURS["muted"],
            label=r"$\propto 1/\sqrt{L}$",
        )
        left.set(xscale="log", yscale="log", xlabel="layers L of the model", ylabel="size of the gradient")
        left.set_xticks(layers, [str(count) for count in layers])
        left.set_yticks((0.25, 0.5, 1, 2), ("0.25", "0.5", "1", "2"))
        left.set_title("the last layer")
        right.set(xlabel="layer", xticks=np.linspace(0, depth, 4)[1:].astype(int))
        right.set_title(f"every layer, L = {depth}")
        for axis in (left, right):
            axis.minorticks_off()
        handles = left.get_legend_handles_labels()
        figure.legend(*handles, loc="outside upper center", ncols=3, fontsize=9)
    return figure


def rate_map(
    rates: Sequence[float],
    losses: Mapping[str, NDArray[np.float64]],
    *,
    success: float,
    worst: float,
    title: str = "",
) -> Figure:
    """Draw for each model and rate how many trainings succeeded, and the mean loss of all.

    Args:
        rates: The learning rates.
        losses: Nats per token, shape ``(rates, seeds)``, by model. Infinite or no number: broken down.
        success: A training succeeded if its loss is below this.
        worst: A mean loss above this is written as ``> worst``.
        title: A sentence over the map.
    """
    shape = (len(losses), len(rates))
    shares = np.array([(values < success).mean(axis=1) for values in losses.values()])
    with new_figure(figsize=(5.0, 0.9 + 0.42 * len(losses))) as (figure, axis):
        axis.imshow(shares, cmap="Blues", vmin=0, vmax=1.25, aspect="auto")
        for row, values in enumerate(losses.values()):
            for column, seeds in enumerate(values):
                mean = np.nan_to_num(seeds, nan=np.inf).mean()
                loss = f"{mean:.2f}" if mean <= worst else f"> {worst:g}"
                text = f"{(seeds < success).sum()}/{len(seeds)}\n{loss}"
                colour = "white" if shares[row, column] > 0.7 else "black"
                axis.text(column, row, text, ha="center", va="center", color=colour, fontsize=8.5)
        axis.set_xticks(range(shape[1]), [f"{rate:g}" for rate in rates])
        axis.set_yticks(range(shape[0]), list(losses))
        axis.set(xlabel="learning rate", title=title)
        axis.grid(visible=False)
        axis.tick_params(length=0)
        for side in axis.spines.values():
            side.set_visible(False)
    return figure


def loss_gaps(gaps: Mapping[str, Interval]) -> Figure:
    """Draw differences of test loss, a row for each comparison, with intervals and a line at zero.

    A difference whose interval holds zero is drawn hollow.

    Args:
        gaps: Differences in nats per character, by what they compare.
    """
    return draw_differences(gaps, "difference of test loss (nats per character)")


def attention_logits(rates: Sequence[float], sizes: Mapping[str, NDArray[np.float64]]) -> Figure:
    """Draw the largest attention logit of trained models against the rate, both on log scales.

    Lines are medians over seeds, bands hold all seeds. An infinite logit is not drawn.

    Args:
        rates: The learning rates.
        sizes: Largest logits, shape ``(rates, seeds)``, by model; at most four.
    """
    looks = zip(("o-", "s--", "^-.", "D:"), ("BatchNorm", "plain", "accent", "other"), strict=True)
    with new_figure(figsize=(5.0, 3.0)) as (figure, axis):
        for (name, values), (line, colour) in zip(sizes.items(), looks, strict=False):
            drawn = np.where(np.isfinite(values), values, np.nan)
            low, high = drawn.min(axis=1), drawn.max(axis=1)
            axis.fill_between(rates, low, high, color=COLOURS[colour], alpha=0.2, linewidth=0)
            axis.plot(rates, np.median(drawn, axis=1), line, color=COLOURS[colour], markersize=5, label=name)
        axis.set(xscale="log", yscale="log", xlabel="learning rate", ylabel="largest attention logit")
        axis.set_xticks(rates, [f"{rate:g}" for rate in rates])
        axis.minorticks_off()
        figure.legend(loc="outside upper center", ncols=2, fontsize=9)
    return figure


def stream_sizes(sizes: Mapping[str, NDArray[np.float64]]) -> Figure:
    """Draw the size of the residual stream after each branch of a model, on a log scale.

    Args:
        sizes: Root mean squares, shape ``(branches + 1,)``, by name; the first is of the embeddings.
    """
    lines = zip(("o-", "s--", "^-.", "D:"), ("BatchNorm", "plain", "accent", "other"), strict=True)
    with new_figure(figsize=(5.0, 2.9)) as (figure, axis):
        for (name, values), (line, colour) in zip(sizes.items(), lines, strict=False):
            axis.plot(np.arange(len(values)), values, line, color=COLOURS[colour], markersize=4, label=name)
        axis.set(xlabel="branches passed", ylabel="size of the stream", yscale="log")
        ticks = [
            tick for tick in (1, 2, 5, 10, 20, 50, 100) if tick <= 1.1 * max(map(np.max, sizes.values()))
        ]
        axis.set_yticks(ticks, [str(tick) for tick in ticks])
        axis.minorticks_off()
        figure.legend(loc="outside upper center", ncols=2, fontsize=9)
    return figure
