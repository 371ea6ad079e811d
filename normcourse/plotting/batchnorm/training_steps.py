"""Results of ``experiments.training_steps`` as figures."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from scipy.special import expit

from normcourse.experiments.batchnorm.training_steps import PERCENTILES, Arm, Result
from normcourse.experiments.engine.intervals import Interval, bootstrap
from normcourse.plotting.frame import Frame
from normcourse.plotting.style import COLOURS, new_figure

__all__ = ["learning_curves", "sigmoid_frame", "sigmoid_percentiles", "step_ratios"]


def _arms(result: Result) -> tuple[tuple[str, Arm, str, str], ...]:
    """Name, arm, colour and line of both networks, the same in every figure."""
    return (
        ("without normalization", result.plain, COLOURS["plain"], "--"),
        ("with BatchNorm", result.batch_norm, COLOURS["BatchNorm"], "-"),
    )


def learning_curves(result: Result, *, target: float = 0.95) -> Figure:
    """Draw mean test accuracy against steps, with the 95% interval of the mean over seeds."""
    with new_figure() as (figure, axis):
        for name, arm, colour, line in _arms(result):
            band = bootstrap(np.mean, arm.accuracy)
            label = f"{name} (lr {arm.learning_rate:g})"
            axis.fill_between(result.steps, band.low, band.high, color=colour, alpha=0.25, linewidth=0)
            axis.plot(result.steps, band.estimate, line, color=colour, label=label)
        axis.axhline(target, color=COLOURS["muted"], linewidth=0.8, linestyle=":")
        axis.annotate(f"{target:.0%}", (result.steps[0], target), va="bottom", color=COLOURS["muted"])
        axis.set(xlabel="training steps (log scale)", ylabel="test accuracy", xscale="log", ylim=(0, 1.03))
        axis.yaxis.set_major_formatter(PercentFormatter(1))
        figure.legend(loc="outside upper center", ncols=2, fontsize=9)
    return figure


def sigmoid_percentiles(result: Result, *, seed: int = 0, unit: int = 0) -> Figure:
    """Draw the 15th, 50th and 85th percentile of one unit's input to the last sigmoid against steps.

    Args:
        result: Both arms.
        seed: Which run: an index into the result's seeds.
        unit: Which unit of the last hidden layer.
    """
    with new_figure(1, 2, figsize=(5.0, 2.8), sharey=True) as (figure, axes):
        for axis, (name, arm, colour, _) in zip(axes, _arms(result), strict=True):
            traces = arm.percentiles[seed, :, :, unit].T
            for percentile, trace, line in zip(PERCENTILES, traces, (":", "-", "--"), strict=True):
                axis.plot(result.steps, trace, line, color=colour, label=f"{percentile}th", linewidth=1.4)
            axis.fill_between(result.steps, traces[0], traces[-1], color=colour, alpha=0.15, linewidth=0)
            axis.set(title=name, xlabel="training steps (log scale)", xscale="log")
        axes[1].legend(title="percentile", loc="lower left", fontsize=9, title_fontsize=9)
        axes[0].set_ylabel("input to the sigmoid")
    return figure


def sigmoid_frame(result: Result, step: int, unit: int, *, seed: int = 0) -> Frame:
    """Draw where on the sigmoid one unit's inputs lie after a training step, in both networks.

    Args:
        result: Both arms.
        step: One of the result's steps.
        unit: Which unit of the last hidden layer.
        seed: Which run: an index into the result's seeds.
    """
    [at] = np.flatnonzero(result.steps == step)
    inputs = np.linspace(-9, 9, 181)
    seen, read = [], []
    with new_figure(2, 1, figsize=(5.0, 3.6), sharex=True) as (figure, axes):
        for axis, (name, arm, colour, _) in zip(axes, _arms(result), strict=True):
            low, middle, high = arm.percentiles[seed, at, :, unit]
            axis.plot(inputs, expit(inputs), color=COLOURS["muted"], linewidth=1)
            axis.axvspan(low, high, color=colour, alpha=0.25, linewidth=0)
            span = np.linspace(low, high, 50)
            axis.plot(span, expit(span), color=colour, linewidth=4)
            axis.plot(middle, expit(middle), "D", color=colour, markersize=7)
            axis.set(ylabel="sigmoid", ylim=(-0.05, 1.05), xlim=(-9, 9))
            axis.set_title(name, loc="left")
            accuracy = arm.accuracy[seed, at]
            seen.append(f"{name} the band runs from {low:.1f} to {high:.1f}")
            read.append(f"{name} {high - low:.2f} wide and the test accuracy {accuracy:.0%}")
        axes[-1].set_xlabel("input to the sigmoid")
    return Frame(
        figure,
        f"Two sigmoid curves with the middle 70% of one unit's inputs as a band, after step {step}: "
        f"{'; '.join(seen)}.",
        f"After step {step} the band of the middle 70% is {'; '.join(read)}.",
    )


def step_ratios(ratios: Mapping[str, Interval]) -> Figure:
    """Draw how many times fewer steps BatchNorm needs, one row per setting, with intervals."""
    estimates = np.array([interval.estimate for interval in ratios.values()])
    reach = np.array([(i.estimate - i.low, i.high - i.estimate) for i in ratios.values()]).T
    rows = np.arange(len(ratios))[::-1]
    with new_figure(figsize=(5.0, 0.9 + 0.42 * len(ratios))) as (figure, axis):
        axis.errorbar(estimates, rows, xerr=reach, fmt="o", color=COLOURS["BatchNorm"], capsize=4)
        axis.axvline(1, color=COLOURS["muted"], linewidth=0.8, linestyle=":")
        axis.set(
            xlabel="steps without / with BatchNorm (log scale)",
            xscale="log",
            xlim=(0.9, None),
            ylim=(-0.6, len(ratios) - 0.4),
        )
        axis.set_yticks(rows, list(ratios))
        axis.set_xticks([1, 2, 5, 10, 20], ["1", "2", "5", "10", "20"])
        axis.minorticks_off()
        axis.grid(visible=False, axis="y")
    return figure
