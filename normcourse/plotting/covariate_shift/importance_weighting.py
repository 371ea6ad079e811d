"""A line fitted where it is not used, and examples weighted for where it is."""

import numpy as np
from scipy import stats

from normcourse.experiments.covariate_shift import importance_weighting
from normcourse.plotting.frame import Frame
from normcourse.plotting.style import COLOURS, new_figure

__all__ = ["weighting_frame"]


def weighting_frame(use_mean: float, degree: int) -> Frame:
    """Draw a sample, the plain and the weighted fit, and where the fit is used.

    Args:
        use_mean: Mean of the inputs in use.
        degree: Of the fitted polynomial.
    """
    config = importance_weighting.Config(degree=degree, use_mean=use_mean)
    result = importance_weighting.run(config)
    inputs = np.linspace(-1.6, 1.8, 120)
    with new_figure(2, 1, figsize=(5.0, 4.2), height_ratios=(3, 1), sharex=True) as (figure, (axis, density)):
        size = 4 + 40 * result.weights[0] / result.weights[0].max()
        axis.scatter(result.x[0], result.y[0], size, color=COLOURS["muted"], label="examples")
        axis.plot(inputs, importance_weighting.rule(inputs), ":", color="black", label="the rule")
        fits = (
            ("plain fit", result.plain[0], "plain", "--"),
            ("weighted fit", result.weighted[0], "BatchNorm", "-"),
        )
        for name, fit, colour, line in fits:
            axis.plot(inputs, np.polyval(fit, inputs), line, color=COLOURS[colour], label=name)
        axis.set(ylabel="y", ylim=(-2.5, 3.5), xlim=(-1.6, 1.8))
        axis.legend(loc="upper left", fontsize=9, ncols=2)
        for name, mean, std, colour, line in (
            ("in training", config.train_mean, config.train_std, "plain", "--"),
            ("in use", config.use_mean, config.use_std, "BatchNorm", "-"),
        ):
            density.plot(inputs, stats.norm.pdf(inputs, mean, std), line, color=COLOURS[colour], label=name)
        density.set(xlabel="input x", ylabel="density", ylim=(0, 2.4), yticks=(0, 1))
        density.legend(loc="upper center", fontsize=9, ncols=2)
        figure.suptitle("Large points weigh more: they lie where the fit is used")
    plain, weighted = result.plain_error.mean(), result.weighted_error.mean()
    counts = result.effective_examples.mean()
    return Frame(
        figure,
        f"Top: 100 examples, larger where their weight is larger, around a curve, with a plain and a "
        f"weighted fit of degree {degree}. Bottom: the inputs' density in training, around "
        f"{config.train_mean:g}, and in use, around {use_mean:g}. Over 200 samples the mean squared distance "
        f"from the rule in use is {plain:.3g} and {weighted:.3g}.",
        f"Mean squared distance from the rule in use, over 200 samples: {plain:.3g} plain, {weighted:.3g} "
        f"weighted. The weights leave {counts:.1f} of 100 examples in effect.",
    )
