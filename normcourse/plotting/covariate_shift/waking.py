"""What one layer answers to ten digits, and how far its answers differ: the figure of the front door."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from numpy.typing import ArrayLike, NDArray

from normcourse.experiments.covariate_shift.asleep import Layers
from normcourse.plotting.frame import Frame
from normcourse.plotting.style import COLOURS, SIDES, new_figure

__all__ = ["waking_frame"]

_BOTH_WAYS = LinearSegmentedColormap.from_list("both", [COLOURS["plain"], "white", COLOURS["BatchNorm"]])
# A layer is called awake while its answers differ by as much as this, and asleep below the other.
_AWAKE, _ASLEEP = 0.1, 0.02
_TITLES = {
    "none": "Without BatchNorm the network falls asleep, layer by layer",
    "batch": "With BatchNorm every layer stays awake",
}


def waking_frame(looks: Mapping[str, Layers], labels: ArrayLike, layer: int, norm: str) -> Frame:
    """Draw what a layer answers to one image of each digit, and the spread of the answers of every layer.

    Args:
        looks: Of a network without a norm and with BatchNorm, by the names ``"none"`` and ``"batch"``.
        labels: The digits that they looked at.
        layer: The layer, counted from 1.
        norm: The name of the network.
    """
    digits = [int(np.flatnonzero(np.asarray(labels) == digit)[0]) for digit in range(10)]
    outputs = looks[norm].outputs[layer - 1]
    [(name, colour)] = [(name, colour) for key, name, colour, *_ in SIDES if key == norm]
    name = name if norm == "batch" else "without BatchNorm"
    spreads = looks[norm].spread
    with new_figure(1, 2, figsize=(5.0, 2.3), width_ratios=(3, 2)) as (figure, axes):
        answers, bars = axes
        answers.imshow(
            (outputs - outputs.mean(axis=0))[digits],
            cmap=_BOTH_WAYS,
            vmin=-0.5,
            vmax=0.5,
            aspect="auto",
            interpolation="none",
        )
        answers.set(xticks=[], ylabel="digit", title=f"what layer {layer} answers")
        answers.set_yticks(range(10), range(10), fontsize=8)
        answers.tick_params(left=False, pad=1)
        answers.set_xlabel(
            f"its {outputs.shape[1]} units: blue more, orange less\nthan a unit answers on average"
        )
        answers.grid(visible=False)
        _bars(bars, spreads, layer, colour)
        figure.suptitle(_TITLES[norm])
        figure.set_layout_engine("constrained", wspace=0.0, w_pad=0.02)
    return Frame(figure, _alt(name, layer, outputs.shape[1], spreads), _readout(name, layer, spreads))


def _bars(axis: Axes, spreads: NDArray[np.float64], layer: int, colour: str) -> None:
    numbers = np.arange(1, len(spreads) + 1)
    axis.bar(numbers, spreads, color=colour, alpha=0.35)
    axis.bar(layer, spreads[layer - 1], color=colour)
    # Above the bars beside it, and within the axes.
    place = (np.clip(layer, 1.4, len(spreads) - 0.6), spreads[max(layer - 2, 0)] + 0.015)
    axis.annotate(f"{spreads[layer - 1]:.2g}", place, ha="center")
    axis.set(title="how far answers differ", xlabel="layer", ylabel="asleep → awake", xticks=numbers)
    axis.set(ylim=(0, 0.75), yticks=[0, 0.25, 0.5, 0.75])
    axis.grid(visible=False)


def _state(spread: float) -> str:
    return "awake" if spread > _AWAKE else "asleep" if spread < _ASLEEP else "drowsy"


def _alt(name: str, layer: int, units: int, spreads: NDArray[np.float64]) -> str:
    look = {
        "awake": "every digit has a pattern of its own",
        "drowsy": "the patterns are faint",
        "asleep": "nearly nothing tells one digit from another",
    }[_state(spreads[layer - 1])]
    return (
        f"Left: a row of coloured cells for each of ten digits, one cell for each of the {units} units of "
        f"layer {layer} {name}; {look}. Right: a bar for each layer, how far its answers differ from digit "
        f"to digit: {', '.join(f'{spread:.2g}' for spread in spreads)}."
    )


def _readout(name: str, layer: int, spreads: NDArray[np.float64]) -> str:
    spread = spreads[layer - 1]
    says = {
        "awake": "It is awake: each digit gets an answer of its own.",
        "drowsy": "It falls asleep: the answers grow alike.",
        "asleep": "It is asleep: whatever digit goes in, nearly the same comes out.",
    }[_state(spread)]
    return f"Layer {layer}, {name}: a unit's answers differ by {spread:.2g} from digit to digit. {says}"
