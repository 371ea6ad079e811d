"""The noise of a batch's statistics."""

import numpy as np

from normcourse.experiments.batchnorm import batch_noise
from normcourse.plotting.frame import Frame
from normcourse.plotting.style import COLOURS, new_figure

__all__ = ["batch_noise_frame"]


def batch_noise_frame(result: batch_noise.Result, batch_size: int) -> Frame:
    """Draw what becomes of one example in many batches of a size, and the noise of the mean at every size.

    Args:
        result: The draws.
        batch_size: One of the result's sizes.
    """
    sizes = np.array(result.config.batch_sizes)
    row = result.config.batch_sizes.index(batch_size)
    spread, outputs = result.means.std(axis=1), result.outputs[row]
    low, high = np.quantile(outputs, (0.05, 0.95))
    with new_figure(1, 2, figsize=(5.0, 2.6), width_ratios=(3, 2)) as (figure, (histogram, noise)):
        share = np.full(outputs.shape, 1 / outputs.size)
        histogram.hist(outputs, bins=np.linspace(-2.5, 3.5, 49), weights=share, color=COLOURS["BatchNorm"])
        histogram.axvline(result.example, color=COLOURS["plain"], linestyle="--")
        histogram.set(
            xlabel="output for the same example",
            ylabel="share of the batches (log scale)",
            yscale="log",
            ylim=(8e-4, 1.2),
            title="dashed: normalized by all digits",
        )
        noise.loglog(sizes, 1 / np.sqrt(sizes), "--", color=COLOURS["muted"], label="1/√N")
        noise.loglog(sizes, spread, "o", color=COLOURS["BatchNorm"], markersize=4, label="measured")
        noise.loglog(batch_size, spread[row], "D", color=COLOURS["plain"], markersize=8)
        noise.set(
            xlabel="batch size N", ylabel="noise of the mean / σ", ylim=(0.04, 1), title="down: less noise"
        )
        noise.set_xticks([2, 16, 128], ["2", "16", "128"])
        noise.minorticks_off()
        noise.legend(loc="lower left", fontsize=9)
    return Frame(
        figure,
        f"Left: a histogram of what BatchNorm makes of one and the same example in "
        f"{result.config.batches} batches of {batch_size}; nine tenths lie between {low:.2f} and {high:.2f}. "
        f"Right: the spread of the batch's mean falls along the line 1/√N on log scales; a diamond marks "
        f"N = {batch_size}.",
        f"In batches of {batch_size} the mean varies by {spread[row]:.3f} σ (1/√N is "
        f"{batch_size**-0.5:.3f}), and the same example comes out anywhere between {low:.2f} and {high:.2f} "
        f"(5th to 95th percentile).",
    )
