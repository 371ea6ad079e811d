"""The record of ``experiments.fine_tuning`` as figures."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import PercentFormatter

from normcourse.experiments.engine.intervals import Interval, bootstrap
from normcourse.experiments.engine.sweeps import Record
from normcourse.experiments.inference.fine_tuning import ARMS, REPORT
from normcourse.plotting.style import COLOURS, new_figure

__all__ = ["tuning_curves", "tuning_gains"]

# How each arm is drawn: colour, line with marker.
_LOOKS = dict(
    zip(
        ARMS,
        ((COLOURS["BatchNorm"], "o-"), (COLOURS["plain"], "s--"), (COLOURS["other"], "D-.")),
        strict=True,
    )
)
# How each batch size is drawn, the smallest first: colour, marker, how far above its row.
_SIZES = ((COLOURS["plain"], "s", 0.13), (COLOURS["BatchNorm"], "o", -0.13))


def tuning_gains(gains: Mapping[str, Mapping[str, Mapping[int, Interval]]], title: str) -> Figure:
    """Draw what each arm has over training mode, a panel per target, a row per arm, a marker per batch size.

    Bars are 95% intervals; a marker is hollow where its interval holds 0.

    Args:
        gains: Percentage points by target, arm and batch size; every target has the same arms and sizes.
        title: What the figure shows, in a sentence.
    """
    arms = list(next(iter(gains.values())))
    with new_figure(1, len(gains), figsize=(5.0, 2.2 + 0.45 * len(arms)), sharey=True, squeeze=False) as (
        figure,
        axes,
    ):
        for axis, (target, by_arm) in zip(axes[0], gains.items(), strict=True):
            for row, by_size in enumerate(by_arm.values()):
                for gain, (colour, marker, above) in zip(by_size.values(), _SIZES, strict=True):
                    clear = gain.low > 0 or gain.high < 0
                    axis.plot((gain.low, gain.high), (row - above,) * 2, color=colour, linewidth=1.4)
                    axis.plot(
                        gain.estimate,
                        row - above,
                        marker,
                        color=colour,
                        markerfacecolor=colour if clear else "white",
                        markersize=5,
                    )
            axis.axvline(0, color=COLOURS["muted"], linestyle=":", linewidth=1.2)
            axis.set(title=target, xlabel="points over training\nmode (right: better)")
            axis.grid(visible=False, axis="y")
        axes[0, 0].set_yticks(range(len(arms)), arms)
        axes[0, 0].set_ylim(len(arms) - 0.55, -0.45)
        figure.suptitle(title)
        marks = [
            Line2D([], [], color=colour, marker=marker, markersize=5, label=f"batches of {size}")
            for size, (colour, marker, _) in zip(next(iter(by_arm.values())), _SIZES, strict=True)
        ]
        figure.legend(handles=marks, loc="outside lower center", ncols=2, fontsize=9)
    return figure


def tuning_curves(record: Record, target: str, title: str, *, lowest: float = 0.0) -> Figure:
    """Draw the test accuracy on a target against the learning rate, a panel per batch size, a line per arm.

    Lines are means over the seeds that are reported on, bands their 95% intervals. Horizontal lines are the
    network as it was, and recalibrated without a step.

    Args:
        record: Of `fine_tuning.SWEEP`, or of another one with the same names.
        target: One of the record's.
        title: What the figure shows, in a sentence.
        lowest: Where the axis of the accuracy begins; what lies below is not drawn.
    """
    sizes, rates = (record.axes[name] for name in ("batch_size", "rate"))
    with new_figure(1, len(sizes), figsize=(5.0, 3.5), sharey=True, squeeze=False) as (figure, axes):
        for axis, size in zip(axes[0], sizes, strict=True):
            where = {"target": target, "batch_size": size}
            for arm, (colour, line) in _LOOKS.items():
                seeds = record.get("test", arm=arm, seed=REPORT, **where)
                mean = bootstrap(np.mean, seeds.T)
                axis.fill_between(rates, mean.low, mean.high, color=colour, alpha=0.15, linewidth=0)
                axis.plot(rates, mean.estimate, line, color=colour, label=arm, markersize=4)
            for arm, dashes, name in zip(
                ARMS[1:], (":", (0, (6, 2))), ("no step", "recalibrated, no step"), strict=True
            ):
                start = record.get("start", arm=arm, seed=REPORT, **where).mean()
                if start >= lowest:
                    axis.axhline(start, color=COLOURS["muted"], linestyle=dashes, linewidth=1.2, label=name)
            axis.set(title=f"batches of {size}", xscale="log", ylim=(lowest, 1.03 - 0.03 * lowest))
            axis.set_xlabel("learning rate (log scale)")
            axis.minorticks_off()
        axes[0, 0].set_ylabel("right answers (up: better)")
        axes[0, 0].yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        figure.suptitle(title)
        handles, names = axes[0, 0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside lower center", ncols=2, fontsize=9)
    return figure
