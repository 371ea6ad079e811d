"""A diagram as SVG: boxes, arrows and words, written with the standard library alone.

A diagram is legible on any ground. Lines and words take the colour of the text around them, and the one
colour, of the marked boxes, is dark enough for white words and light enough for a dark page.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from math import hypot
from typing import NamedTuple

__all__ = ["GAP", "HEIGHT", "MARK", "SIZE", "WIDTH", "Box", "Diagram", "Drawing", "box_width", "text_width"]

#: The ground of a marked box: ``COLOURS["BatchNorm"]`` of the figures, whose module needs matplotlib.
MARK = "#0072B2"
#: The widest diagram: shrunk to the column of a phone, text of this size is still 11 pixels high.
WIDTH, SIZE = 465, 15
#: The height of a box of one line, and the way of an arrow from box to box.
HEIGHT, GAP = 34, 20

# Fonts of the same widths, or nearly: the boxes are made for them.
_FONT = "Arial, Helvetica, 'Liberation Sans', Roboto, sans-serif"
_WIDTHS = {**dict.fromkeys("iIjl.,:;'|()ftr /[]", 0.31), **dict.fromkeys("mwMW→", 0.86), "\u0302": 0.0}
_BOLD = 1.08


def text_width(text: str) -> float:
    """Return about how wide a text is drawn, on the safe side; of several lines the widest."""
    return SIZE * max(
        sum(_WIDTHS.get(sign, 0.73 if sign.isupper() else 0.57) for sign in line) for line in text.split("\n")
    )


@dataclass(frozen=True)
class Diagram:
    """A drawing that a notebook shows; it needs neither a kernel's libraries nor a picture file.

    Attributes:
        svg: The drawing, one SVG element, which also stands alone as a file.
        alt: What is drawn, for a reader who does not see it; the element carries it.
    """

    svg: str
    alt: str

    def __repr__(self) -> str:
        return f"Diagram: {self.alt}"

    def _repr_html_(self) -> str:
        return self.svg


class Box(NamedTuple):
    """A box's middle and size."""

    x: float
    y: float
    width: float
    height: float

    @property
    def left(self) -> float:
        """Where its left side is."""
        return self.x - self.width / 2

    @property
    def right(self) -> float:
        """Where its right side is."""
        return self.x + self.width / 2

    @property
    def top(self) -> float:
        """Where its upper side is."""
        return self.y - self.height / 2

    @property
    def bottom(self) -> float:
        """Where its lower side is."""
        return self.y + self.height / 2


class Drawing:
    """What is drawn so far. Its own size it finds from what is on it."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._xs: list[float] = []
        self._ys: list[float] = []

    def text(self, x: float, y: float, text: str, *, anchor: str = "middle", bold: bool = False) -> None:
        """Write lines of text around the height ``y``."""
        width = text_width(text) * (_BOLD if bold else 1)
        left = x - {"start": 0.0, "middle": 0.5, "end": 1.0}[anchor] * width
        lines = text.split("\n")
        self._reach((left, left + width), (y - 0.65 * SIZE * len(lines), y + 0.65 * SIZE * len(lines)))
        self._write(x, y, lines, f' text-anchor="{anchor}"' + ' font-weight="600"' * bold)

    def box(
        self,
        x: float,
        y: float,
        text: str = "",
        *,
        width: float = 0,
        height: float = 0,
        marked: bool = False,
        dashed: bool = False,
    ) -> Box:
        """Draw a box around its middle, as large as its text unless a size is given."""
        lines = text.split("\n")
        box = Box(x, y, width or box_width(text), height or HEIGHT + 19 * (len(lines) - 1))
        self._reach((box.left - 1, box.right + 1), (box.top - 1, box.bottom + 1))
        look = 'fill="currentColor" fill-opacity="0.06" stroke="currentColor"'
        if marked:
            look = f'fill="{MARK}" stroke="currentColor"'
        elif dashed:
            look = 'fill="none" stroke="currentColor" stroke-dasharray="5 4"'
        self._parts.append(
            f'<rect x="{_n(box.left)}" y="{_n(box.top)}" width="{_n(box.width)}" height="{_n(box.height)}" '
            f'rx="6" {look}/>'
        )
        if text:
            self._write(x, y, lines, ' font-weight="600" fill="#fff"' if marked else "")
        return box

    def cell(self, x: float, y: float, width: float, height: float, *, marked: bool) -> None:
        """Draw a cell of a table; ``x`` and ``y`` are its upper left corner."""
        self._reach((x - 1, x + width + 1), (y - 1, y + height + 1))
        look = f'fill="{MARK}"' if marked else 'fill="none"'
        self._parts.append(
            f'<rect x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" height="{_n(height)}" {look} '
            'stroke="currentColor" stroke-width="0.8"/>'
        )

    def line(self, *points: tuple[float, float]) -> None:
        """Draw a line from point to point."""
        xs, ys = zip(*points, strict=True)
        self._reach(xs, ys)
        path = " ".join(f"{_n(x)},{_n(y)}" for x, y in points)
        self._parts.append(f'<polyline points="{path}" fill="none" stroke="currentColor"/>')

    def arrow(self, *points: tuple[float, float]) -> None:
        """Draw a line from point to point with a head at its end."""
        (x0, y0), (x, y) = points[-2:]
        length = hypot(x - x0, y - y0)
        dx, dy = (x - x0) / length, (y - y0) / length
        self.line(*points[:-1], (x - 6 * dx, y - 6 * dy))
        corners = (
            (x, y),
            (x - 9 * dx - 4.5 * dy, y - 9 * dy + 4.5 * dx),
            (x - 9 * dx + 4.5 * dy, y - 9 * dy - 4.5 * dx),
        )
        path = " ".join(f"{_n(a)},{_n(b)}" for a, b in corners)
        self._parts.append(f'<polygon points="{path}"/>')
        self._reach((x - 5, x + 5), (y - 5, y + 5))

    def dot(self, x: float, y: float) -> None:
        """Draw where a line parts."""
        self._parts.append(f'<circle cx="{_n(x)}" cy="{_n(y)}" r="3.5"/>')

    def plus(self, x: float, y: float) -> Box:
        """Draw where two lines meet and are added."""
        self._reach((x - 12, x + 12), (y - 12, y + 12))
        self._parts.append(f'<circle cx="{_n(x)}" cy="{_n(y)}" r="11" fill="none" stroke="currentColor"/>')
        self.line((x - 5, y), (x + 5, y))
        self.line((x, y - 5), (x, y + 5))
        return Box(x, y, 22, 22)

    @property
    def width(self) -> float:
        """How wide what is drawn so far is."""
        return max(self._xs) - min(self._xs) + 4

    def finish(self, alt: str) -> Diagram:
        """Return the diagram, trimmed to what is on it."""
        if self.width > WIDTH:
            raise ValueError(
                f"the diagram is {self.width:.0f} wide, over {WIDTH}: a phone could not show its text; break "
                "long words beside a box with a newline, or shorten them"
            )
        left, top = min(self._xs) - 2, min(self._ys) - 2
        width, height = max(self._xs) + 2 - left, max(self._ys) + 2 - top
        return Diagram(
            f'<svg xmlns="http://www.w3.org/2000/svg" class="norm-diagram" role="img" '
            f'aria-label="{escape(alt)}" width="{width:.0f}" height="{height:.0f}" '
            f'viewBox="{_n(left)} {_n(top)} {_n(width)} {_n(height)}" '
            f'style="display:block;max-width:100%;height:auto;margin:0 auto" fill="currentColor" '
            f'stroke-width="1.5" font-size="{SIZE}" font-family="{_FONT}" text-anchor="middle">'
            f"{''.join(self._parts)}</svg>",
            alt,
        )

    def _write(self, x: float, y: float, lines: list[str], look: str) -> None:
        # The middle of a line of lower-case letters is a third of their size above the base line.
        first = y + 0.34 * SIZE - 9.5 * (len(lines) - 1)
        for number, line in enumerate(lines):
            self._parts.append(f'<text x="{_n(x)}" y="{_n(first + 19 * number)}"{look}>{escape(line)}</text>')

    def _reach(self, xs: Iterable[float], ys: Iterable[float]) -> None:
        self._xs += xs
        self._ys += ys


def box_width(text: str) -> float:
    """Return how wide a box is around its text."""
    return max(40.0, round(text_width(text) * _BOLD + 14))


def _n(value: float) -> str:
    """Write a length with at most one decimal: the same text on every machine."""
    return f"{round(value, 1) + 0.0:g}"
