"""A figure together with its words."""

from dataclasses import dataclass

from matplotlib.figure import Figure

__all__ = ["Frame"]


@dataclass(frozen=True)
class Frame:
    """A figure, what is seen in it, and what it says in numbers.

    Attributes:
        figure: The picture.
        alt: What is seen, for a reader who does not see it.
        readout: One sentence for every reader, shown under the picture.
    """

    figure: Figure
    alt: str
    readout: str
