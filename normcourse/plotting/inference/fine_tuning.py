"""The record of ``experiments.fine_tuning`` as figures."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from normcourse.experiments.engine.intervals import bootstrap
from normcourse.experiments.engine.sweeps import Record
from normcourse.experiments.inference.fine_tuning import ARMS, REPORT
from normcourse.plotting.style import COLOURS, new_figure

__all__ = ["tuning_curves"]

# How each arm is drawn: colour, line with marker.
_LOOKS = dict(
    zip(
        ARMS,
        ((COLOURS["BatchNorm"], "o-"), (COLOURS["plain"], "s--"), (COLOURS["other"], "D-.")),
        strict=True,
    )
)


def tuning_curves(record: Record) -> Figure:
    """Draw the test accuracy against the learning rate, a panel per target and batch size, a line per arm.

    Lines are means over the seeds that are reported on, bands their 95% intervals. Horizontal lines are the
    network as it was, and recalibrated without a step.

    Args:
        record: Of `fine_tuning.SWEEP`, or of another one with the same names.
    """
    targets, sizes, rates = (record.axes[name] for name in ("target", "batch_size", "rate"))
    shape = (len(targets), len(sizes))
    with new_figure(*shape, figsize=(5.0, 4.6), sharex=True, sharey=True, squeeze=False) as (figure, axes):
        for (row, column), axis in np.ndenumerate(axes):
            where = {"target": targets[row], "batch_size": sizes[column]}
            for arm, (colour, line) in _LOOKS.items():
                seeds = record.get("test", arm=arm, seed=REPORT, **where)
                mean = bootstrap(np.mean, seeds.T)
                axis.fill_between(rates, mean.low, mean.high, color=colour, alpha=0.15, linewidth=0)
                axis.plot(rates, mean.estimate, line, color=colour, label=arm, markersize=4)
            for arm, dashes, name in zip(
                ARMS[1:], (":", (0, (6, 2))), ("no step", "recalibrated, no step"), strict=True
            ):
                start = record.get("start", arm=arm, seed=REPORT, **where).mean()
                axis.axhline(start, color=COLOURS["muted"], linestyle=dashes, linewidth=1.2, label=name)
            axis.set(title=f"{targets[row]}, batches of {sizes[column]}", xscale="log", ylim=(0, 1.03))
            axis.minorticks_off()
        for axis in axes[-1]:
            axis.set_xlabel("learning rate (log scale)")
        for axis in axes[:, 0]:
            axis.set_ylabel("test accuracy")
            axis.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        handles = axes[0, 0].get_legend_handles_labels()
        figure.legend(*handles, loc="outside upper center", ncols=2, fontsize=9)
    return figure
