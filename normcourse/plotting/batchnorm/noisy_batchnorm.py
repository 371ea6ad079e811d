"""Networks with BatchNorm whose shift is put back as noise."""

from collections.abc import Mapping

from matplotlib.figure import Figure

from normcourse.experiments.engine.intervals import Interval
from normcourse.plotting.style import COLOURS, new_figure

__all__ = ["accuracy_against_shift"]


def accuracy_against_shift(points: Mapping[str, Mapping[str, tuple[Interval, Interval]]]) -> Figure:
    """Draw final accuracy against the shift of a step, a panel for each activation.

    Args:
        points: By activation, then by kind of network: the shift in standard deviations, and the accuracy.
    """
    kinds = list(next(iter(points.values())))
    looks = dict(zip(kinds, zip(COLOURS.values(), "soD^v", strict=True), strict=False))
    with new_figure(1, len(points), figsize=(5.0, 3.3), sharey=True, squeeze=False) as (figure, axes):
        for axis, (activation, by_kind) in zip(axes[0], points.items(), strict=True):
            for kind, (shift, accuracy) in by_kind.items():
                colour, marker = looks[kind]
                axis.errorbar(
                    shift.estimate,
                    accuracy.estimate,
                    xerr=[[shift.estimate - shift.low], [shift.high - shift.estimate]],
                    yerr=[[accuracy.estimate - accuracy.low], [accuracy.high - accuracy.estimate]],
                    fmt=marker,
                    color=colour,
                    capsize=3,
                    label=kind,
                )
            axis.set(title=activation, xlabel="shift of a step (σ)", xscale="log", xlim=(0.002, 2))
            axis.set_xticks([0.01, 0.1, 1], ["0.01", "0.1", "1"])
        axes[0, 0].set_ylabel("test accuracy after training (up: better)")
        figure.legend(
            *axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=2, fontsize=9
        )
    return figure
