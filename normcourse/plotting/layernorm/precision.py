"""Norms in numbers of 16 bits: which inputs are normalized, and which steps of a weight are lost."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray

from normcourse.experiments.layernorm.low_precision import sizes
from normcourse.plotting.frame import Frame
from normcourse.plotting.style import COLOURS, new_figure

__all__ = ["precision_frame", "weight_moves"]

_WAYS = (
    ("each step in 16 bits", "float16, each step in it", COLOURS["plain"], "--"),
    ("float32 to the end", "float16, float32 inside", COLOURS["BatchNorm"], "-"),
)
_TOP = 1.6
_LEAST = 1e-5  # of the inputs


def precision_frame(eps: float) -> Frame:
    """Draw the size of what an RMSNorm gives out against the size of what comes in, for float16.

    Args:
        eps: Of the norm.
    """
    # The last two are the numbers of float16 on either side of the drop.
    inputs = np.sort([*np.logspace(np.log10(_LEAST), np.log10(6e4), 300), 255.875, 256.0])
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
            title=f"In float16 the norm falls silent from 256 on (ε = {_power(eps)})",
        )
        figure.legend(loc="outside lower center", ncols=2, fontsize=9)
    narrow = out["each step in 16 bits"]
    first, last = _right("each step in 16 bits", eps)
    least, _ = _right("float32 to the end", eps)
    everywhere = least < 1.01 * _LEAST
    start = (
        "is infinite at the smallest inputs, trembles around 1 from 0.0002 to 0.001"
        if np.isinf(narrow[0])
        else "falls to 0 at small inputs"
    )
    return Frame(
        figure,
        "Output size against input size, both for float16. Blue, float32 inside: at 1 up to the largest "
        f"input, {'and down to the smallest' if everywhere else 'but falls to 0 at small ones'}. "
        f"Orange, each step in float16: {start}, stays near 1 in between, and drops to 0 at an input of 256.",
        f"With ε = {_power(eps)} the size is right to 5% from {first:.1g} to {last:.1f} with each step in "
        f"float16, and {'at all sizes' if everywhere else f'from {least:.1g} on'} with float32 inside.",
    )


def _right(order: str, eps: float) -> tuple[float, float]:
    """Return from where to where, with 1 in between, every number of float16 comes out right to 5%."""
    held: NDArray[np.float64] = np.arange(2**15, dtype=np.uint16).view(np.float16).astype(float)
    held = held[np.isfinite(held) & (held >= _LEAST)]
    wrong = ~(np.abs(sizes(order, torch.float16, eps, held.tolist()) - 1) < 0.05)
    low, high = held[wrong & (held < 1)], held[wrong & (held > 1)]
    right = held[(held > low.max(initial=0)) & (held < high.min(initial=np.inf))]
    return float(right[0]), float(right[-1])


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
