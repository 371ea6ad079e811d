"""Results of ``experiments.prediction_noise`` as figures."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from normcourse.experiments.batchnorm.prediction_noise import Result
from normcourse.experiments.engine.intervals import bootstrap
from normcourse.plotting.style import COLOURS, new_figure

__all__ = ["noisy_answers"]


def noisy_answers(result: Result) -> Figure:
    """Draw what the rest of a batch does to a logit, and how often it changes the answer, against its size.

    Lines are means over seeds; their 95% intervals are drawn as bands.
    """
    sizes = result.config.batch_sizes
    panels = ((result.spread, "std of a logit over batches"), (result.changed, "share of changed answers"))
    with new_figure(1, 2, figsize=(5.0, 2.6)) as (figure, axes):
        for axis, (values, label) in zip(axes, panels, strict=True):
            mean = bootstrap(np.mean, values)
            axis.fill_between(sizes, mean.low, mean.high, color=COLOURS["BatchNorm"], alpha=0.25, linewidth=0)
            axis.plot(sizes, mean.estimate, "o-", color=COLOURS["BatchNorm"], markersize=4)
            axis.set(xlabel="batch size (log scale)", ylabel=label, xscale="log", ylim=(0, None))
            axis.set_title("down: steadier")
            axis.set_xticks([2, 8, 32, 128], ["2", "8", "32", "128"])
            axis.minorticks_off()
        still = result.inference_spread.mean()
        axes[0].axhline(still, color=COLOURS["plain"], linestyle="--")
        said = {"va": "bottom", "ha": "right", "color": COLOURS["plain"], "fontsize": 9}
        axes[0].annotate("std over examples", (sizes[-1], still), **said)
        axes[0].set_ylim(0, 1.25 * max(still, result.spread.max()))
        axes[1].yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    return figure
