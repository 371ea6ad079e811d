"""Where LayerNorm's outputs can lie, and how much of an activation is its mean."""

from collections.abc import Callable, Mapping

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator, PercentFormatter
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from normcourse import functional
from normcourse.plotting.frame import Frame
from normcourse.plotting.style import COLOURS, new_figure

__all__ = ["mean_shares", "sphere_frame"]

Points = NDArray[np.float64]

_GAMMA, _BETA = torch.tensor([1.5, 0.6, 1.0]).double(), torch.tensor([0.3, 0.0, -0.3]).double()
_RADIUS = 3**0.5

#: What is done to the points at each stage, and what that makes of them, in words.
_STAGES: Mapping[str, tuple[Callable[[Tensor], Tensor], str]] = {
    "input": (lambda x: x, "The points lie where the input has them"),
    "centred": (lambda x: x - x.mean(dim=1, keepdim=True), "All points lie in the plane of zero sum"),
    "LayerNorm": (
        lambda x: functional.layer_norm(x, (3,), eps=0.0),
        "All points lie on the circle in which the plane cuts the sphere",
    ),
    "RMSNorm": (
        lambda x: functional.rms_norm(x, (3,), eps=0.0),
        "All points lie on the sphere, and not in the plane",
    ),
    "with γ and β": (
        lambda x: functional.layer_norm(x, (3,), _GAMMA, _BETA, eps=0.0),
        "All points lie on an ellipse: the circle, stretched along the axes and shifted",
    ),
}


def sphere_frame(points: ArrayLike, stage: str, turn: float) -> Frame:
    """Draw points of three features in space, at a stage of a norm, seen from a side.

    Args:
        points: Shape ``(N, 3)``. The first keeps its own colour and shape, so that it can be followed.
        stage: ``"input"``, ``"centred"``, ``"LayerNorm"``, ``"RMSNorm"`` or ``"with γ and β"``.
        turn: Of the scene about its vertical axis, in degrees: at 0 the plane of zero sum is seen from the
            front, at 120 from its edge.
    """
    act, where = _STAGES[stage]
    out = act(torch.as_tensor(np.asarray(points, dtype=float))).numpy()
    facing = (
        abs(2 * np.cos(np.radians(turn)) + 1) / 3
    )  # the cosine of the plane's normal and the line of sight
    seen = "from the front" if facing > 0.99 else "from its edge" if facing < 0.01 else "at an angle"
    with new_figure(figsize=(5.0, 4.2)) as (figure, axis):
        axis.set_axis_off()
        axis.set(xlim=(-3.5, 3.5), ylim=(-3.1, 3.1), aspect="equal")
        _draw_space(axis, turn)
        if stage == "with γ and β":
            ring = _circle() * _GAMMA.numpy() + _BETA.numpy()
            axis.plot(*_seen(ring, turn), "--", color=COLOURS["plain"], linewidth=1.2)
        axis.plot(*_seen(out[1:], turn), "o", color=COLOURS["plain"], markersize=4)
        axis.plot(*_seen(out[:1], turn), "D", color=COLOURS["accent"], markeredgecolor="black", markersize=7)
    lengths, sums = np.linalg.norm(out, axis=1), out.sum(axis=1) + 0.0
    return Frame(
        figure,
        f"{len(out)} points in the space of three features, with the plane of zero sum, seen {seen} (turned "
        f"by {turn:g} degrees), the outline of the sphere of radius √3, and the circle in which they meet. "
        f"Stage: {stage}. {where}.",
        f"{stage}: lengths {_span(lengths)}, sums of the three features {_span(sums)}. {where}. The plane is "
        f"seen {seen}, turned by {turn:g} degrees.",
    )


def _span(values: Points) -> str:
    low, high = values.min().round(2) + 0.0, values.max().round(2) + 0.0
    return f"all {low:.2f}" if low == high else f"{low:.2f} to {high:.2f}".replace("-", "\N{MINUS SIGN}")


def _seen(points: Points, turn: float) -> Points:
    """Project ``(N, 3)`` onto the page: two rows, to the right and upwards."""
    around, above = np.radians(45 + turn), np.arcsin(3**-0.5)
    right = np.array([-np.sin(around), np.cos(around), 0])
    up = np.array([-np.sin(above) * np.cos(around), -np.sin(above) * np.sin(around), np.cos(above)])
    projected: Points = np.stack([right, up]) @ points.T
    return projected


def _circle(radius: float = _RADIUS) -> Points:
    """Points of the circle of this radius in the plane of zero sum."""
    angle = np.linspace(0, 2 * np.pi, 61)
    first, second = np.array([1, -1, 0]) / 2**0.5, np.array([1, 1, -2]) / 6**0.5
    return radius * (np.cos(angle)[:, None] * first + np.sin(angle)[:, None] * second)


def _draw_space(axis: Axes, turn: float) -> None:
    """Draw the axes, the plane of zero sum, the sphere's outline and the circle."""
    axis.fill(*_seen(_circle(2.8), turn), color="#DCE8F2", linewidth=1, zorder=0)
    angle = np.linspace(0, 2 * np.pi, 61)
    axis.plot(_RADIUS * np.cos(angle), _RADIUS * np.sin(angle), ":", color=COLOURS["muted"], linewidth=1)
    axis.plot(*_seen(_circle(), turn), color=COLOURS["BatchNorm"])
    for number, end in enumerate(2.4 * np.eye(3), 1):
        (x, y), name = _seen(end[None], turn)[:, 0], f"$x_{number}$"
        axis.annotate("", (x, y), (0, 0), arrowprops={"arrowstyle": "->", "color": COLOURS["muted"]})
        axis.text(1.13 * x, 1.13 * y, name, ha="center", va="center", color="#374151")


def mean_shares(shares: Mapping[str, NDArray[np.float64]], *, features: int) -> Figure:
    """Draw how much of a stream lies along the mean at each norm, against the norm's number.

    Args:
        shares: Up to three names with values of shape ``(seeds, norms)``, of one number of norms. Lines are
            means over seeds, bands hold all seeds.
        features: Of the stream. A dotted line marks the share of a vector that points anywhere.
    """
    looks = (("plain", "--o"), ("BatchNorm", "-s"), ("other", "-.^"))
    with new_figure() as (figure, axis):
        for (name, share), (colour, mark) in zip(shares.items(), looks, strict=False):
            norms = np.arange(1, share.shape[1] + 1)
            axis.fill_between(
                norms, share.min(axis=0), share.max(axis=0), color=COLOURS[colour], alpha=0.2, linewidth=0
            )
            axis.plot(norms, share.mean(axis=0), mark, color=COLOURS[colour], markersize=5, label=name)
        axis.axhline(
            1 / features, color=COLOURS["muted"], linestyle=":", label=f"1/{features}: any direction"
        )
        axis.set(
            xlabel="norm, in the order of the stream", ylabel="share of the mean (log scale)", yscale="log"
        )
        axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.yaxis.set_major_formatter(PercentFormatter(1, decimals=1))
        axis.yaxis.set_minor_locator(NullLocator())
        figure.legend(loc="outside upper center", ncols=2, fontsize=9)
    return figure
