"""How long notebooks and tests take, as docs/build-times.md holds it, for the time that is left."""

import re
from collections.abc import Iterable
from pathlib import Path
from statistics import mean

ROOT = Path(__file__).parents[1]
TABLE = ROOT / "docs" / "build-times.md"
ROW = re.compile(r"^\| `([\w/-]+)` \| (\d+) \|$", re.MULTILINE)


def known_seconds() -> dict[str, float]:
    """Return the tables' seconds: of pages, named as below `book/`, and of folders of tests."""
    return {name: float(number) for name, number in ROW.findall(TABLE.read_text(encoding="utf-8"))}


def folder_seconds() -> dict[str, float]:
    """Return the seconds of folders of tests, and of the doctests of parts of the package."""
    return {name: s for name, s in known_seconds().items() if name.split("/")[0] in ("tests", "normcourse")}


def expected_seconds(paths: Iterable[Path]) -> dict[Path, float]:
    """Return how long each notebook may take; one that the table lacks, as long as the others on average."""
    known = {name: s for name, s in known_seconds().items() if name not in folder_seconds()}
    return {path: known.get(page(path), mean(known.values())) for path in paths}


def page(path: Path) -> str:
    """Return a notebook's name in the table."""
    return path.relative_to(ROOT / "book").with_suffix("").as_posix() if path.is_relative_to(ROOT) else ""
