"""Sliders: named lists of values, one of which is chosen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import prod
from typing import Any

__all__ = ["MAX_FRAMES", "Slider", "check_sliders", "positions", "start", "words"]

#: The most frames that a page carries for one explorer.
MAX_FRAMES = 150
MAX_SLIDERS = 3


@dataclass(frozen=True)
class Slider:
    """The values that one argument of a plot takes.

    Args:
        values: At least two different ones, in the slider's order: numbers or strings.
        label: The slider's name on the page; by default the argument's.
        start: The value of the still and of the first view; by default the first one.
        unit: Written after the value, as in ``"steps"``.
        spec: How a number is written: a format specification.
        play: Whether the slider is time, and gets a button that runs through it.

    Raises:
        ValueError: Fewer than two different values, or a start that is none of them.

    Example:
        >>> batch_size = Slider([2, 8, 32], label="batch size", start=8, unit="examples")
        >>> [batch_size.text(index) for index in range(3)]
        ['2 examples', '8 examples', '32 examples']
    """

    values: Sequence[Any]
    label: str = ""
    start: Any = None
    unit: str = ""
    spec: str = "g"
    play: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", tuple(self.values))
        if len(set(self.values)) < max(2, len(self.values)):
            raise ValueError(f"a slider needs two or more values, all different; got {self.values}")
        if self.start is None:
            object.__setattr__(self, "start", self.values[0])
        if self.start not in self.values:
            raise ValueError(f"a slider starts at one of its values {self.values}; got start={self.start!r}")

    @property
    def start_index(self) -> int:
        """Where the start stands among the values."""
        return self.values.index(self.start)

    def text(self, index: int) -> str:
        """Write the value at this index, with its unit."""
        value = self.values[index]
        written = value if isinstance(value, str) else format(value, self.spec).replace("-", "\N{MINUS SIGN}")
        return f"{written} {self.unit}".strip()

    @property
    def texts(self) -> list[str]:
        """Every value, written with its unit."""
        return [self.text(index) for index in range(len(self.values))]


def check_sliders(sliders: Mapping[str, Slider | Sequence[Any]]) -> dict[str, Slider]:
    """Turn plain lists of values into sliders, and name each.

    Raises:
        ValueError: Not one to three sliders, two that play, or more frames than a page carries.
    """
    if not 1 <= len(sliders) <= MAX_SLIDERS:
        raise ValueError(
            f"explore takes one to {MAX_SLIDERS} sliders, as in gamma=[0, 1, 2]; got {len(sliders)}"
        )
    named = {}
    for name, given in sliders.items():
        slider = given if isinstance(given, Slider) else Slider(given)
        named[name] = replace(slider, label=slider.label or name.replace("_", " "))
    if len(playing := [name for name, slider in named.items() if slider.play]) > 1:
        raise ValueError(f"one slider can be time and play; got {', '.join(playing)}")
    counts = [len(slider.values) for slider in named.values()]
    if prod(counts) > MAX_FRAMES:
        raise ValueError(
            f"a page carries at most {MAX_FRAMES} frames, one for every position of the sliders; "
            f"{', '.join(named)} have {' x '.join(map(str, counts))} = {prod(counts)}: give them fewer values"
        )
    return named


def positions(sliders: Mapping[str, Slider]) -> list[tuple[int, ...]]:
    """List every position as the sliders' indices, the last slider moving fastest."""
    return list(product(*(range(len(slider.values)) for slider in sliders.values())))


def start(sliders: Mapping[str, Slider]) -> tuple[int, ...]:
    """The position of the still, as the sliders' indices."""
    return tuple(slider.start_index for slider in sliders.values())


def words(sliders: Mapping[str, Slider], position: Sequence[int]) -> str:
    """Say a position in words, as in ``gamma 2, beta 0.5``."""
    pairs = zip(sliders.values(), position, strict=True)
    return ", ".join(f"{slider.label} {slider.text(index)}" for slider, index in pairs)
