"""The small pictures of the five chapters on the welcome page, as the directive ``card-picture``.

Each is drawn here, in numbers that the chapter is about. Lines take the colour of the text around them and of
the style sheet, for light and dark.
"""

from collections.abc import Callable, Iterable, Mapping
from html import escape
from math import exp, sin, sqrt
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

WIDTH, HEIGHT = 240, 84
GROUND = HEIGHT - 8  # the height of a horizontal axis


def moved_inputs() -> tuple[str, str]:
    """Draw where inputs lay in training, and where they lie in use."""

    def bell(middle: float) -> str:
        return _path((x, GROUND - 60 * exp(-(((x - middle) / 24) ** 2) / 2)) for x in range(6, WIDTH - 5, 3))

    arrow = "M96 12h44m-7 -4.5l7 4.5 -7 4.5"
    return (
        _line(f"M4 {GROUND}H{WIDTH - 4}")
        + _line(bell(78))
        + _line(bell(160), "strong dashed")
        + _line(arrow)
        + _text((6, 20), "in training")
        + _text((WIDTH - 6, 20), "in use", "end"),
        "Two bell curves on one axis: the inputs in training, and the inputs in use, moved to the right.",
    )


def standardised_batch() -> tuple[str, str]:
    """Draw a batch before and after it is standardised."""
    batch = [5.5, 5.8, 5.9, 6.2, 6.4, 6.5, 7.0]
    mean = sum(batch) / len(batch)
    spread = sqrt(sum((x - mean) ** 2 for x in batch) / len(batch))
    before = [(27 * x + 30, 18) for x in batch]
    after = [(WIDTH / 2 + 42 * (x - mean) / spread, GROUND - 8) for x in batch]
    lines = "".join(
        _line(_path([(x0, y0 + 6), (x1, y1 - 6)]), "faint")
        for (x0, y0), (x1, y1) in zip(before, after, strict=True)
    )
    middle = _line(f"M{WIDTH / 2:g} {GROUND - 22}V{GROUND + 6}")
    return (
        f"{middle}{lines}{''.join(map(_dot, before))}{''.join(_dot(at, 'strong') for at in after)}"
        + _text((6, 22), "one unit, a batch")
        + _text((6, 54), "normalized"),
        "Seven numbers close together and off the middle; below, the same seven spread evenly around zero.",
    )


def lagging_average() -> tuple[str, str]:
    """Draw the mean of each batch and the running mean, which follows late."""
    means = [62 - 50 * (1 - exp(-step / 5)) + 6 * sin(2.4 * step * step) for step in range(24)]
    running, kept = [], float(GROUND)
    for mean in means:
        kept += 0.15 * (mean - kept)
        running.append(kept)
    xs = [8 + 9.8 * step for step in range(24)]
    return (
        "".join(map(_dot, zip(xs, means, strict=True)))
        + _line(_path(zip(xs, running, strict=True)), "strong")
        + _line(f"M4 {GROUND}H{WIDTH - 4}")
        + _text((6, 12), "each batch")
        + _text((WIDTH - 6, 48), "running average", "end"),
        "Dots, the means of batches, rise and stay; a line, the running mean, follows them late.",
    )


def pooled_token() -> tuple[str, str]:
    """Draw a table of tokens by features in which one token's cells are filled."""
    rows, columns, width, height = 4, 8, 24, 18
    left, top = (WIDTH - columns * width) / 2, (HEIGHT - rows * height) / 2
    cells = [
        f'<rect class="{"strong" if row == 1 else "empty"}" x="{left + column * width:g}" '
        f'y="{top + row * height:g}" width="{width}" height="{height}"/>'
        for row in range(rows)
        for column in range(columns)
    ]
    said = _text((WIDTH / 2, top + 2 * height - 5), "one token, all its features", "middle", "inside")
    alt = "A table with a row for each token and a column for each feature; one row is filled."
    return "".join(cells) + said, alt


def falling_accuracy() -> tuple[str, str]:
    """Draw a network that is good until somebody calls ``eval()``."""
    before = [(10 + 9 * step, GROUND - 62 * (1 - exp(-step / 3))) for step in range(13)]
    after = [(126 + 9 * step, GROUND - 24) for step in range(12)]
    return (
        _line(_path(before))
        + _line(f"M118 6V{GROUND}", "strong dashed")
        + _line(_path(after), "strong")
        + _line(f"M4 {GROUND}H{WIDTH - 4}")
        + _text((6, 12), "train()")
        + _text((WIDTH - 6, 12), "eval()", "end")
        + _text((WIDTH - 6, GROUND - 32), "why?", "end"),
        "A curve of right answers rises and stays high under train(), and drops to a third under eval().",
    )


PICTURES: Mapping[str, Callable[[], tuple[str, str]]] = {
    "moved-inputs": moved_inputs,
    "standardised-batch": standardised_batch,
    "lagging-average": lagging_average,
    "pooled-token": pooled_token,
    "falling-accuracy": falling_accuracy,
}


def _path(points: Iterable[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)


def _line(path: str, look: str = "plain") -> str:
    return f'<path class="{look}" d="{path}"/>'


def _dot(at: tuple[float, float], look: str = "plain") -> str:
    return f'<circle class="{look}" cx="{at[0]:.1f}" cy="{at[1]:.1f}" r="4"/>'


def _text(at: tuple[float, float], words: str, anchor: str = "start", look: str = "plain") -> str:
    return f'<text class="{look}" x="{at[0]:g}" y="{at[1]:g}" text-anchor="{anchor}">{escape(words)}</text>'


class CardPicture(SphinxDirective):
    """Show the picture of that name."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the picture."""
        name = self.arguments[0]
        if name not in PICTURES:
            raise self.error(f"there is no picture {name!r}, but {', '.join(PICTURES)}")
        self.env.note_dependency(__file__)
        drawn, alt = PICTURES[name]()
        svg = (
            f'<svg class="card-picture" role="img" aria-label="{escape(alt)}" viewBox="0 0 {WIDTH} {HEIGHT}">'
            f"{drawn}</svg>"
        )
        return [nodes.raw("", svg, format="html")]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension."""
    app.add_directive("card-picture", CardPicture)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
