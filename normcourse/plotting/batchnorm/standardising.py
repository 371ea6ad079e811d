"""A batch of points before and after a norm."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from normcourse import reference
from normcourse.plotting.frame import Frame
from normcourse.plotting.style import COLOURS, new_figure

__all__ = ["before_and_after", "eps_frame", "standardising_frame"]

_EPS = 1e-5


def before_and_after(stages: Mapping[str, ArrayLike], *, reach: float | None = None) -> Figure:
    """Scatter the same batch of two features at each stage, side by side on equal axes.

    Args:
        stages: A title and points of shape ``(N, 2)`` for each panel, with one ``N``. The first point
            keeps its own colour and shape, so that it can be followed.
        reach: The axes run from minus this to this; by default as far as the points do.
    """
    points = {title: np.asarray(batch) for title, batch in stages.items()}
    if reach is None:
        reach = max(np.abs(batch).max() for batch in points.values()) * 1.15
    with new_figure(1, len(points), figsize=(5.0, 2.3), sharex=True, sharey=True) as (figure, axes):
        for axis, (title, batch) in zip(axes, points.items(), strict=True):
            axis.axhline(0, color=COLOURS["muted"], linewidth=0.8)
            axis.axvline(0, color=COLOURS["muted"], linewidth=0.8)
            axis.scatter(*batch[1:].T, s=22, color=COLOURS["BatchNorm"])
            axis.scatter(*batch[0], s=40, color=COLOURS["plain"], marker="D", zorder=3)
            axis.set(
                title=title, xlabel="feature 0", xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal"
            )
        axes[0].set_ylabel("feature 1")
    return figure


def standardising_frame(points: ArrayLike, scale: float, gamma: float, beta: float) -> Frame:
    """Draw a batch of two features times ``scale``, standardised, and with gamma and beta.

    Args:
        points: The batch, shape ``(N, 2)``.
        scale: Factor on the input.
        gamma: The scale of both features.
        beta: The shift of both features.
    """
    batch = np.asarray(points, dtype=float) * scale
    xhat, _ = reference.batch_norm(batch, eps=_EPS)
    out = gamma * xhat + beta
    figure = before_and_after({"input": batch, "standardised": xhat, "with γ and β": out}, reach=9.0)
    mean, other = (value + 0.0 for value in out.mean(axis=0).round(6))  # no minus zero
    std, other_std = out.std(axis=0)
    before = " and ".join(f"{value:.2f}" for value in batch.std(axis=0))
    where = "on one point" if gamma == 0 else f"around ({mean:.1f}, {other:.1f})"
    turned = ", flipped along both axes" if gamma < 0 else ""
    return Frame(
        figure,
        f"Three scatter plots of one batch on equal axes. Input: a cloud with standard deviations {before}. "
        f"Standardised: a round cloud on the origin. With γ and β: the cloud lies {where}, with standard "
        f"deviation {std:.1f}{turned}.",
        f"The input's standard deviations are {before}. With γ = {gamma:g} and β = {beta:g} the output's are "
        f"{std:.2f} and {other_std:.2f}, and its means {mean:.2f} and {other:.2f}.",
    )


def eps_frame(std: float, eps: float) -> Frame:
    """Draw the output's standard deviation against the input's, and a batch at one input and eps.

    Args:
        std: The input's standard deviation.
        eps: The constant under the root.
    """
    batch = np.random.default_rng(0).normal(size=48)
    batch = (batch - batch.mean()) / batch.std() * std
    out = reference.batch_norm(batch[:, None], eps=eps)[0][:, 0]
    factor, reached = 1 / np.hypot(std, eps**0.5), out.std()
    inputs = np.logspace(-7, 1, 200)
    with new_figure(1, 2, figsize=(5.0, 2.6), width_ratios=(3, 2)) as (figure, (curve, strip)):
        curve.loglog(inputs, inputs / np.hypot(inputs, eps**0.5), color=COLOURS["BatchNorm"])
        curve.axvline(eps**0.5, color=COLOURS["muted"], linewidth=0.8, linestyle=":")
        curve.annotate("√ε", (eps**0.5, 2e-6), xytext=(3, 0), textcoords="offset points")
        curve.plot(std, reached, "D", color=COLOURS["plain"], markersize=7)
        curve.set(
            xlabel="std of the input", ylabel="std of the output", ylim=(1e-6, 3), xticks=[1e-6, 1e-3, 1]
        )
        strip.plot(out, ".", color=COLOURS["plain"])
        strip.set(title="the batch's output", xlabel="example", ylim=(-3.2, 3.2))
    shape = "as wide as it should be" if reached > 0.9 else "too narrow" if reached > 0.01 else "flat at 0"
    return Frame(
        figure,
        f"Left: the output's standard deviation against the input's, both on log scales: 1 to the right of "
        f"the dotted line at the root of ε, {eps**0.5:.2g}, and falling in proportion to the left of it. A "
        f"diamond marks an input of {std:g}, where the output has {reached:.2g}. Right: the batch's output, "
        f"{shape}.",
        f"With ε = {eps:g}, an input of standard deviation {std:g} is multiplied by {factor:,.3g} and comes "
        f"out with {reached:.2g} in place of 1.",
    )
