"""Results of ``experiments.training_steps`` as figures."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from scipy.special import expit

from normcourse.experiments.batchnorm.training_steps import PERCENTILES, Arm, Result
from normcourse.experiments.engine.intervals import Interval, bootstrap
from normcourse.plotting.frame import Frame
from normcourse.plotting.style import COLOURS, new_figure

__all__ = ["learning_curves", "sigmoid_frame", "sigmoid_percentiles", "step_ratios", "target_ratios"]


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
        axis.set(
            title="With BatchNorm the network arrives far sooner",
            xlabel="training steps (log scale; further left is sooner)",
            ylabel="test accuracy (higher is better)",
            xscale="log",
            ylim=(0, 1.03),
        )
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
        axes[0].set_ylabel("input to the sigmoid\n(a wide band is better)")
        figure.suptitle("For hundreds of steps the plain unit tells no digits apart")
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


#: What is often said: 2 to 5 times fewer steps.
_CLAIMED = (2, 5)


def step_ratios(ratios: Mapping[str, Interval], held: Mapping[str, Interval] | None = None) -> Figure:
    """Draw how many times fewer steps BatchNorm needs, one row per setting, with intervals.

    Args:
        ratios: By setting, the ratio of the steps after which the target is first touched.
        held: The same of the steps from which it is held, where that is to be drawn as well.
    """
    rows = dict(zip(ratios, np.arange(len(ratios))[::-1], strict=True))
    apart = 0.17 if held else 0.0
    series = (
        (ratios, apart, "first touched", {"fmt": "o", "color": COLOURS["BatchNorm"]}),
        (held or {}, -apart, "held", {"fmt": "s", "color": COLOURS["plain"], "markerfacecolor": "white"}),
    )
    row = 0.48 if held else 0.36
    with new_figure(figsize=(5.0, 1.2 + row * len(ratios))) as (figure, axis):
        axis.axvspan(*_CLAIMED, color=COLOURS["accent"], alpha=0.18, linewidth=0)
        axis.axvline(1, color=COLOURS["muted"], linewidth=0.8, linestyle=":")
        for values, shift, label, look in series:
            if values:
                estimates = np.array([interval.estimate for interval in values.values()])
                reach = np.array([(i.estimate - i.low, i.high - i.estimate) for i in values.values()]).T
                at = [rows[name] + shift for name in values]
                axis.errorbar(estimates, at, xerr=reach, label=label, capsize=3, **look)
        axis.set(
            xlabel="times fewer steps with BatchNorm\n(further right, more is saved)",
            xscale="log",
            xlim=(0.9, None),
            ylim=(-0.6, len(ratios) - 0.4),
        )
        axis.annotate("2 to 5", (10**0.5, len(ratios) - 0.45), ha="center", va="bottom", fontsize=9)
        axis.set_yticks(list(rows.values()), list(rows))
        axis.set_xticks([1, 2, 5, 10, 20], ["1", "2", "5", "10", "20"])
        axis.minorticks_off()
        axis.grid(visible=False, axis="y")
        figure.suptitle(_title(held))
        if held:
            figure.legend(loc="outside lower center", ncols=2, fontsize=9)
    return figure


def _title(held: Mapping[str, Interval] | None) -> str:
    if held:
        return "Whether the target is touched or held moves the ratio too"
    return "How many steps BatchNorm saves depends on its rival"


def target_ratios(result: Result, targets: Sequence[float], *, holds: Sequence[int] = (0, 20)) -> Figure:
    """Draw how many times fewer steps BatchNorm needs against the target, first touched and held.

    Args:
        result: Both arms.
        targets: Accuracies, fractions that every run reaches.
        holds: For how many steps the target must hold, an entry for each line.
    """
    looks = (("o-", COLOURS["BatchNorm"]), ("s--", COLOURS["plain"]))
    with new_figure(figsize=(5.0, 2.9)) as (figure, axis):
        axis.axhspan(*_CLAIMED, color=COLOURS["accent"], alpha=0.18, linewidth=0)
        axis.annotate("2 to 5", (1, 3.2), xycoords=("axes fraction", "data"), ha="right", fontsize=9)
        for hold, (look, colour) in zip(holds, looks, strict=True):
            ratios = [result.ratio(target, hold=hold) for target in targets]
            reach = np.array([(i.estimate - i.low, i.high - i.estimate) for i in ratios]).T
            label = f"held for {hold} steps" if hold else "first touched"
            estimates = [ratio.estimate for ratio in ratios]
            axis.errorbar(targets, estimates, yerr=reach, fmt=look, color=colour, label=label, capsize=3)
        axis.axhline(1, color=COLOURS["muted"], linewidth=0.8, linestyle=":")
        axis.set(
            title="Where the finishing line stands moves the ratio",
            xlabel="target: test accuracy (right: harder)",
            ylabel="times fewer steps\nwith BatchNorm",
            ylim=(0, None),
        )
        axis.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        axis.legend(fontsize=9, loc="lower left", ncols=2)
    return figure
