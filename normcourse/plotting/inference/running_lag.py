"""The lag of a running average behind a mean that moves."""

import numpy as np

from normcourse.experiments.inference import running_lag
from normcourse.plotting.frame import Frame
from normcourse.plotting.style import COLOURS, new_figure

__all__ = ["running_lag_frame"]


def running_lag_frame(momentum: float, batch_size: int) -> Frame:
    """Draw a mean that rises, the batches' means and the running mean, step by step.

    Args:
        momentum: The weight of the newest batch.
        batch_size: Examples per step.
    """
    result = running_lag.run(running_lag.Config(momentum=momentum, batch_size=batch_size))
    steps = np.arange(1, result.config.steps + 1)
    with new_figure(figsize=(5.0, 2.9)) as (figure, axis):
        axis.plot(steps, result.batch, ".", color="#B6BDC8", markersize=3, label="batch mean")
        axis.plot(steps, result.true, "--", color=COLOURS["plain"], label="true mean")
        axis.plot(steps, result.running, color=COLOURS["BatchNorm"], label="running mean")
        axis.set(xlabel="training step", ylabel="mean of the feature (σ)", ylim=(-1.5, 4.5))
        axis.legend(loc="upper left", fontsize=9)
    behind = f"{result.lag:.2f} σ behind" if result.lag > 0 else f"{-result.lag:.2f} σ ahead"
    return Frame(
        figure,
        f"The true mean is 0, rises evenly from step {result.config.ramp[0]} to {result.config.ramp[1]} and "
        f"stays at {result.config.height:g}. The batches' means scatter around it. The running mean follows, "
        f"{behind} in the second half of the rise, and ends at {result.running[-1]:.2f}. Momentum "
        f"{momentum:g}, batches of {batch_size}.",
        f"While the mean rises, the running mean is {behind}. Over the last 50 steps it misses the true mean "
        f"by {result.final_error:.3f} σ; the batches' own means miss it by "
        f"{np.sqrt(np.mean((result.batch - result.true)[-50:] ** 2)):.3f} σ.",
    )
