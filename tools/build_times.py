"""How long notebooks and tests take, as docs/build-times.md holds it, for the time that is left."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from statistics import mean

ROOT = Path(__file__).parents[1]
TABLE = ROOT / "docs" / "build-times.md"
ROW = re.compile(r"^\| `([\w/-]+)` \| (\d+) \|$", re.MULTILINE)


def page_seconds() -> dict[str, float]:
    """Return the seconds of the pages, named as below `book/`."""
    return {name: seconds for name, seconds in _rows() if not _is_of_tests(name)}


def folder_seconds() -> dict[str, float]:
    """Return the seconds of folders of tests, and of the doctests of parts of the package."""
    return {name: seconds for name, seconds in _rows() if _is_of_tests(name)}


def expected_seconds(paths: Iterable[Path]) -> dict[Path, float]:
    """Return how long each notebook may take; one that the table lacks, as long as the others on average."""
    known = page_seconds()
    average = mean(known.values())
    return {path: known.get(page(path), average) for path in paths}


def _rows() -> Iterator[tuple[str, float]]:
    for name, seconds in ROW.findall(TABLE.read_text(encoding="utf-8")):
        yield name, float(seconds)


def _is_of_tests(name: str) -> bool:
    return name.startswith(("tests", "normcourse"))


def page(path: Path) -> str:
    """Return a notebook's name in the table."""
    book = ROOT / "book"
    return path.relative_to(book).with_suffix("").as_posix() if path.is_relative_to(book) else ""
