"""What no page may show of a cell: a scalar as NumPy writes it for programmers, a zero with a minus sign."""

import re
from collections.abc import Iterator

from nbformat import NotebookNode

SCALAR = re.compile(
    r"\bnp\.(?:True_|False_|(?:bool|u?int|float|complex|longdouble|str|datetime)\w*\([^()]*\))"
)
NEGATIVE_ZERO = re.compile(r"(?<![\w.)\]])[-\N{MINUS SIGN}]0(?:\.0*)?(?:e[+-]00)?(?!\d|\.\d|e[+-])")


def scalars(cell: NotebookNode) -> list[str]:
    """Return NumPy's scalars as a cell hands them to the page, as in ``np.int64(4)``."""
    return [found for text in _texts(cell) for found in SCALAR.findall(text)]


def negative_zeros(cell: NotebookNode) -> list[str]:
    """Return the lines that a cell hands to the page with a zero that has a sign."""
    return [line for text in _texts(cell) for line in text.splitlines() if NEGATIVE_ZERO.search(line)]


def _texts(cell: NotebookNode) -> Iterator[str]:
    """Yield what a cell printed, and what it glued into the prose."""
    for output in cell.get("outputs", []):
        yield output.get("text", "")
        for kind, text in output.get("data", {}).items():
            if isinstance(text, str) and kind.endswith(("text/plain", "text/html")):
                yield text
