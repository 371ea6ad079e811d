"""Results of ``experiments.data_parallel`` as figures."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from normcourse.experiments.inference.data_parallel import Result
from normcourse.plotting.style import COLOURS, new_figure

__all__ = ["worker_statistics"]

_WORKERS = (
    (COLOURS["BatchNorm"], "-"),
    (COLOURS["plain"], "--"),
    (COLOURS["other"], "-."),
    (COLOURS["accent"], ":"),
)


def worker_statistics(results: Mapping[str, Result], feature: int) -> Figure:
    """Draw the running mean of one feature on each worker over the steps, a panel for each run.

    Args:
        results: Runs of at most four workers, by what the panel is to be called.
        feature: Of the first hidden layer.
    """
    with new_figure(1, len(results), figsize=(5.0, 2.7), sharey=True) as (figure, axes):
        for axis, (name, result) in zip(np.atleast_1d(axes), results.items(), strict=True):
            steps = np.arange(1, len(result.running_mean) + 1)
            means = result.running_mean[:, :, feature].T
            for worker, (mean, (colour, line)) in enumerate(zip(means, _WORKERS, strict=False)):
                axis.plot(steps, mean, line, color=colour, label=f"worker {worker}", linewidth=1.6)
            axis.set(xlabel="training step", title=name)
        handles, labels = axis.get_legend_handles_labels()
        np.atleast_1d(axes)[0].set_ylabel("running mean")
        figure.legend(handles, labels, loc="outside upper center", ncols=len(labels), fontsize=9)
    return figure
