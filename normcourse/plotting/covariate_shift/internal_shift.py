"""Results of ``experiments.internal_shift`` as figures, and ratios of its measures."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from normcourse import probes
from normcourse.experiments.covariate_shift.internal_shift import Arm, Result
from normcourse.experiments.engine.intervals import Interval, bootstrap
from normcourse.plotting.frame import Frame
from normcourse.plotting.style import COLOURS, new_figure

__all__ = ["shift_measures", "shift_ratios", "unit_frame", "unit_histograms"]

# What each measure of `Arm` is called on an axis, and what its curves say.
_LABELS = {
    "moments": ("mean and spread\nmove in a step (σ)", "Mean and spread move less with BatchNorm"),
    "distribution": (
        "distribution, moved\nfrom its start (σ)",
        "Without BatchNorm the distribution drifts away",
    ),
    "gradient": ("gradient changes\nin a step (share)", "At first gradients change more with BatchNorm"),
    "paired": ("one example moves\nin a step (σ)", "At first examples move more with BatchNorm"),
}


def _arms(result: Result) -> tuple[tuple[str, Arm, str, str, str], ...]:
    """Name, arm, colour, line and marker of both networks, the same in every figure."""
    return (
        ("without BatchNorm", result.plain, COLOURS["plain"], "--", "s"),
        ("with BatchNorm", result.batch_norm, COLOURS["BatchNorm"], "-", "o"),
    )


def shift_measures(
    result: Result, *, measures: Sequence[str] = ("moments", "distribution", "gradient")
) -> Figure:
    """Draw measures of shift against training steps: mean over layers, with the 95% interval over seeds.

    Args:
        result: Both networks.
        measures: Names of `Arm`'s attributes that have a value for each layer.
    """
    steps = result.config.readings
    with new_figure(
        len(measures), 1, figsize=(5.0, 0.8 + 1.6 * len(measures)), sharex=True, squeeze=False
    ) as (
        figure,
        axes,
    ):
        for axis, measure in zip(axes[:, 0], measures, strict=True):
            for name, arm, colour, line, marker in _arms(result):
                band = bootstrap(np.mean, getattr(arm, measure).mean(axis=2))
                axis.fill_between(steps, band.low, band.high, color=colour, alpha=0.25, linewidth=0)
                axis.plot(steps, band.estimate, line, marker=marker, markersize=4, color=colour, label=name)
            label, title = _LABELS[measure]
            axis.set(ylabel=label, xscale="log", yscale="log")
            axis.set_title(title, loc="left", fontweight="bold")
            axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axis.yaxis.set_major_formatter("{x:g}")
            axis.minorticks_off()
        axes[-1, 0].set_xlabel("training step (log scale)")
        axes[-1, 0].set_xticks(steps, [f"{step}" for step in steps])
        figure.legend(
            *axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize=9
        )
        figure.align_ylabels()
    return figure


def unit_histograms(result: Result, layer: int) -> Figure:
    """Draw how one unit's outputs are distributed before the first step and the last, in both networks.

    Args:
        result: Both networks.
        layer: Which layer's input, from 2.
    """
    edges = np.linspace(-1, 1, 26)
    with new_figure(1, 2, figsize=(5.0, 2.7), sharey=True) as (figure, axes):
        for axis, (name, arm, colour, _, _) in zip(axes, _arms(result), strict=True):
            start, now = (np.histogram(arm.inputs[at, layer - 2], edges)[0] for at in (0, -1))
            axis.stairs(start, edges, fill=True, color=COLOURS["muted"], alpha=0.45, label="at the start")
            axis.stairs(
                now, edges, color=colour, linewidth=1.8, label=f"before step {result.config.readings[-1]}"
            )
            axis.set(title=name, xlabel="what the unit hands on")
            axis.legend(loc="upper center", fontsize=8)
            axis.margins(y=0.35)
        axes[0].set_ylabel("number of examples")
        figure.suptitle("A unit's outputs move without BatchNorm and stay with it")
    return figure


def unit_frame(result: Result, step: int, layer: int) -> Frame:
    """Draw one unit's output for each example, before the first step and before another, in both networks.

    Outputs are counted from the unit's mean at the start, in its standard deviations at the start.

    Args:
        result: Both networks.
        step: One of the steps that were measured.
        layer: Which layer's input, from 2.
    """
    at, row = result.config.readings.index(step), layer - 2
    seen, read = [], []
    with new_figure(1, 2, figsize=(5.0, 3.0), sharey=True) as (figure, axes):
        for axis, (name, arm, colour, _, marker) in zip(axes, _arms(result), strict=True):
            start, now = arm.inputs[0, row], arm.inputs[at, row]
            axis.axline((0, 0), slope=1, color=COLOURS["muted"], linewidth=0.8, linestyle=":")
            mean, sigma = start.mean(), start.std()
            axis.plot(
                (start - mean) / sigma, (now - mean) / sigma, marker, color=colour, markersize=2.5, alpha=0.5
            )
            axis.set(title=name, xlabel="at the start (σ)", xlim=(-3, 3), ylim=(-3, 3))
            old, new = start[:, None], now[:, None]
            moved, paired = probes.distribution_shift(old, new)[0], probes.paired_shift(old, new)[0]
            seen.append(
                f"{name} the mean went from {_signless(start.mean())} to {_signless(now.mean())} and the "
                f"standard deviation from {start.std():.2f} to {now.std():.2f}"
            )
            read.append(
                f"{name} the distribution moved by {moved:.2f} σ, and single examples by {paired:.2f} σ"
            )
        axes[0].set_ylabel(f"before step {step} (σ of the start)")
        figure.suptitle("Off the dotted line, an example has moved")
    return Frame(
        figure,
        f"Two scatter plots of the first input of layer {layer}: a point for each example, its value at the "
        f"start against that before step {step}, in σ of the start, and the diagonal of no change; "
        f"{'; '.join(seen)}.",
        f"This unit, input of layer {layer}, before step {step}: {'; '.join(read)}.",
    )


def shift_ratios(ratios: Mapping[str, Mapping[str, Interval]], *, xlabel: str) -> Figure:
    """Draw ratios with their intervals on a log axis, one row per setting, a mark for each of two periods.

    Args:
        ratios: By setting, then by period: two periods, the same for all.
        xlabel: What is divided by what.
    """
    looks = ((COLOURS["accent"], "o", 0.13), (COLOURS["other"], "s", -0.13))
    rows = np.arange(len(ratios))[::-1]
    with new_figure(figsize=(5.0, 1.0 + 0.36 * len(ratios))) as (figure, axis):
        for period, (colour, marker, lift) in zip(next(iter(ratios.values())), looks, strict=True):
            found = [by_period[period] for by_period in ratios.values()]
            reach = np.array([(i.estimate - i.low, i.high - i.estimate) for i in found]).T
            estimates = [interval.estimate for interval in found]
            axis.errorbar(
                estimates,
                rows + lift,
                xerr=reach,
                fmt=marker,
                color=colour,
                capsize=3,
                markersize=5,
                label=period,
            )
        axis.axvline(1, color=COLOURS["muted"], linewidth=0.8, linestyle=":")
        axis.set(xlabel=xlabel, xscale="log", ylim=(-0.6, len(ratios) - 0.4), xlim=(0.09, 11))
        axis.set_xticks([0.1, 0.2, 0.5, 1, 2, 5, 10], ["0.1", "0.2", "0.5", "1", "2", "5", "10"])
        axis.set_yticks(rows, list(ratios))
        axis.minorticks_off()
        axis.grid(visible=False, axis="y")
        figure.legend(loc="outside upper center", ncols=2, fontsize=9)
    return figure


def _signless(value: float) -> str:
    """Two digits, and no minus before a zero."""
    return f"{round(value, 2) + 0:.2f}"
