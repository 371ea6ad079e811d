"""Norms in numbers of 16 bits: which inputs are normalized, and which steps of a weight are lost."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib.figure import Figure

from normcourse.experiments.layernorm.low_precision import sizes
from normcourse.plotting.frame import Frame
from normcourse.plotting.style import COLOURS, new_figure

__all__ = ["precision_frame", "weight_moves"]

_WAYS = (
    ("each step in 16 bits", "float16, each step in it", COLOURS["plain"], "--"),
    ("float32 to the end", "float16, float32 inside", COLOURS["BatchNorm"], "-"),
)
_TOP = 1.6


def precision_frame(eps: float) -> Frame:
    """Draw the size of what an RMSNorm gives out against the size of what comes in, for float16.

    Args:
        eps: Of the norm.
    """
    inputs = np.logspace(-5, np.log10(6e4), 300)
    with new_figure(figsize=(5.0, 3.1)) as (figure, axis):
        out = {}
        for order, label, colour, line in _WAYS:
            out[order] = sizes(order, torch.float16, eps, inputs.tolist())
            shown = np.where(np.isfinite(out[order]), out[order], 2 * _TOP)
            axis.plot(inputs, shown, line, color=colour, label=label)
        axis.set(
            xscale="log",
            xlabel="size of the input (root mean square)",
            ylabel="size of the output: 1 is right",
            ylim=(-0.05, _TOP),
            title=f"In float16 the norm falls silent above 255 (ε = {_power(eps)})",
        )
        figure.legend(loc="outside lower center", ncols=2, fontsize=9)
    narrow, wide = (out[order] for order, *_ in _WAYS)
    good = inputs[np.abs(narrow - 1) < 0.05]
    well = inputs[np.abs(wide - 1) < 0.05]
    start = "is infinite" if np.isinf(narrow[0]) else "falls to 0"
    return Frame(
        figure,
        "Output size against input size, both for float16. Blue, float32 inside: a plateau at 1 that lasts "
        f"to the largest input and falls to 0 at small ones. Orange, each step in float16: {start} at "
        "small inputs, stays near 1 in between, and drops to 0 at an input of about 256.",
        f"With ε = {_power(eps)} the size is right to 5% from {good[0]:.1g} to {good[-1]:.0f} with each step "
        f"in float16, and from {well[0]:.1g} on with float32 inside.",
    )


def _power(eps: float) -> str:
    raised = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
    return "10" + f"{round(np.log10(eps))}".translate(raised)


def weight_moves(moves: Mapping[str, Sequence[float]], target: float, title: str) -> Figure:
    """Draw how one weight moves from 1 to its target, by how it is stored.

    Args:
        moves: What `normcourse.experiments.layernorm.low_precision.moves` returns, of three ways.
        target: Where the weight should end.
        title: A sentence.
    """
    looks = ((COLOURS["BatchNorm"], "-", 4.0), (COLOURS["plain"], "--", 1.8), (COLOURS["accent"], "-.", 1.8))
    with new_figure(figsize=(5.0, 3.0)) as (figure, axis):
        for (name, values), (colour, line, width) in zip(moves.items(), looks, strict=True):
            axis.plot(values, line, color=colour, linewidth=width, label=name)
        axis.axhline(target, color=COLOURS["muted"], linewidth=1, linestyle=":")
        axis.annotate("target", (0, target), (2, -4), textcoords="offset points", va="top", fontsize=9)
        axis.set(xlabel="step of Adam at a rate of 0.001", ylabel="the weight γ", title=title)
        figure.legend(loc="outside lower center", ncols=3, fontsize=9)
    return figure
