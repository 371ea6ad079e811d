"""What several arithmetics gave, side by side: strict cells, glued numbers, findings, statements, corners."""

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbval.plugin import get_sanitize_patterns

from normcourse.claims import MIME, STATEMENTS, find
from normcourse.experiments.engine.intervals import Interval
from tools import execution
from tools.experiments import find as find_sweeps
from tools.notebooks import ROOT, normalise

STORED = "stored"  # what the notebooks hold: one arithmetic more, of the machine that executed them last
MARGIN = 3.0  # a slack of so many spreads counts as one that another processor will not use up
SANITISED = Path(__file__).with_name("nbval.cfg")  # what may differ, for nbval and here
Runs = Mapping[Path, Mapping[str, NotebookNode]]  # by page, then by arithmetic
GLUE = "application/papermill.record/"
QUANTITY = "where | what | from | to | spread | slack | margin"
HEAD = """# What depends on the processor

Written by `make portability`, which runs every notebook and every record's corner in several arithmetics of
one machine. *Stored* is what the notebooks hold. `native`, `avx2` and `default` name the vector instructions
that PyTorch, MKL, oneDNN, OpenBLAS, NumPy and the C library may use; `plain` holds PyTorch's own kernels to
none and the libraries to AVX2. The number is that of the threads.

A *spread* is the distance between the least and the greatest value of all arithmetics, a *slack* the least
distance to where the sentence breaks, and a *margin* the second over the first. Below {margin:g} it is thin,
and marked with a star.
"""


@dataclass
class Quantity:
    """A number with its slack, in each arithmetic that has it.

    Attributes:
        where: The page, or the claim.
        what: In words.
        values: Low and high end, by arithmetic.
        slacks: How far the sentence is from breaking; none where nothing can break it.
    """

    where: str
    what: str
    values: dict[str, tuple[float, float]] = field(default_factory=dict)
    slacks: list[float] = field(default_factory=list)

    def add(self, arithmetic: str, low: float, high: float, slack: float | None) -> None:
        """Take the ends that an arithmetic gave."""
        self.values[arithmetic] = low, high
        if slack is not None:
            self.slacks.append(slack)

    @property
    def spread(self) -> float:
        """How far one end moves between the arithmetics."""
        ends = list(zip(*self.values.values(), strict=True))
        return max(max(end) - min(end) for end in ends)

    @property
    def margin(self) -> float:
        """The least slack over the spread."""
        return min(self.slacks) / self.spread if self.spread and self.slacks else float("inf")


def report(folders: list[Path], pages: list[Path], corners: list[str]) -> tuple[str, int]:
    """Return the report as Markdown, and how many faults it tells.

    A fault is a page that failed, a strict cell that differs from what is stored, or a corner out of its
    tolerance.
    """
    runs = {page: _runs(folders, page) for page in pages}
    cells = _strict_differences(runs)
    failed = _failures(folders, pages)
    findings, statements = _quantities(runs)
    measured = _corners(folders, corners)
    outside = [row for row in measured if row[-1]]
    parts = [
        HEAD.format(margin=MARGIN),
        "\n".join(f"- {folder.name}: {_extent(folder, runs, corners)}" for folder in folders),
        _section("Pages that failed", "page | arithmetic | why", failed),
        _section("Strict cells that differ", "page | cell | in", cells),
        _section("Findings of the ledger that move", QUANTITY, _rows(findings)),
        _section("What pages ensure, where it moves", QUANTITY, _rows(statements)),
        _section("Glued numbers that move", "page | name | values", _glued(runs)),
        _section(
            "Corners of the records",
            "record | farthest | tolerance | outside",
            [row for row in measured if row[1] != "0"],
        ),
        f"{sum(row[1] == '0' for row in measured)} measurements of corners do not move at all.",
    ]
    return "\n\n".join(part.strip() for part in parts) + "\n", len(cells) + len(failed) + len(outside)


def _runs(folders: list[Path], page: Path) -> dict[str, NotebookNode]:
    """Return the page as it is stored, and in each arithmetic that has executed it."""
    found = {STORED: nbformat.read(page, as_version=4)}
    for folder in folders:
        with suppress(KeyError):
            found[folder.name] = execution.outputs(page, folder / "notebooks")
    return found


def _section(title: str, columns: str, rows: list[tuple[str, ...]]) -> str:
    if not rows:
        return f"## {title}\n\nNone."
    lines = ["| " + " | ".join(str(entry).replace("|", "\\|") for entry in row) + " |" for row in rows]
    return f"## {title}\n\n| {columns} |\n|{' --- |' * len(columns.split('|'))}\n" + "\n".join(lines)


def _extent(folder: Path, runs: Runs, corners: list[str]) -> str:
    """Say how much there is of an arithmetic: a run may have been stopped."""
    executed = sum(folder.name in found for found in runs.values())
    measured = sum((folder / "corners" / f"{name}.json").exists() for name in corners)
    return f"{executed} of {len(runs)} notebooks, {measured} of {len(corners)} corners"


def _rows(quantities: list[Quantity]) -> list[tuple[str, ...]]:
    moving = sorted((q for q in quantities if q.spread > 0), key=lambda q: q.margin)
    return [
        (
            q.where,
            q.what,
            f"{min(low for low, _ in q.values.values()):.4g}",
            f"{max(high for _, high in q.values.values()):.4g}",
            f"{q.spread:.2g}",
            f"{min(q.slacks):.2g}" if q.slacks else "",
            f"{q.margin:.1f}{'*' * (q.margin < MARGIN)}" if q.slacks else "",
        )
        for q in moving
    ]


def _failures(folders: list[Path], pages: list[Path]) -> list[tuple[str, ...]]:
    rows = []
    for folder in folders:
        path = folder / "failures.json"
        found = json.loads(path.read_text("utf-8")) if path.exists() else {}
        for page in pages:
            if message := found.get(str(page.relative_to(ROOT))):
                last = [line for line in message.splitlines() if "Error" in line]
                rows.append((_name(page), folder.name, (last or [message])[-1][:300]))
    return rows


def _strict_differences(runs: Runs) -> list[tuple[str, ...]]:
    rows = []
    for page, found in runs.items():
        where = defaultdict(list)
        for name, executed in found.items():
            notebook = deepcopy(executed)
            normalise(notebook)
            pairs = zip(found[STORED].cells, notebook.cells, strict=True)
            for number, (kept, now) in enumerate(pair for pair in pairs if pair[0].cell_type == "code"):
                if "nbval-ignore-output" not in kept.metadata.get("tags", []) and _text(kept) != _text(now):
                    where[number].append(name)
        rows += [(_name(page), str(number), ", ".join(names)) for number, names in where.items()]
    return rows


def _text(cell: NotebookNode) -> str:
    """Return what nbval compares of a cell."""
    found: list[Any] = []
    for output in cell.outputs:
        data = output.get("data", {})
        found += [output.get("text"), {k: v for k, v in data.items() if not k.startswith("image/")}]
    text = json.dumps(found)
    for pattern, replacement in _sanitisers():
        text = re.sub(pattern, replacement, text)
    return text


@cache
def _sanitisers() -> list[tuple[str, str]]:
    patterns: list[tuple[str, str]] = get_sanitize_patterns(SANITISED.read_text(encoding="utf-8"))
    return patterns


def _bundles(notebook: NotebookNode) -> Iterator[tuple[int, Mapping[str, Any], Mapping[str, Any]]]:
    for number, cell in enumerate(notebook.cells):
        for output in cell.get("outputs", []):
            if "data" in output:
                yield number, output.data, output.metadata


def _quantities(runs: Runs) -> tuple[list[Quantity], list[Quantity]]:
    """Return the ledger's findings and the pages' statements with their numbers in each arithmetic."""
    findings: dict[str, Quantity] = {}
    statements: dict[tuple[Path, int, int], Quantity] = {}
    outputs = (
        (page, arithmetic, number, data)
        for page, found in runs.items()
        for arithmetic, notebook in found.items()
        for number, data, _ in _bundles(notebook)
    )
    for page, arithmetic, number, data in outputs:
        if record := data.get(MIME):
            interval = Interval(record["estimate"], record["low"], record["high"])
            finding = find(record["id"])
            condition = finding.condition.removeprefix("the whole interval ")
            quantity = findings.setdefault(finding.id, Quantity(finding.id, condition))
            quantity.add(arithmetic, interval.low, interval.high, finding.predicate.slack(interval))
        for place, said in enumerate(data.get(STATEMENTS, [])):
            quantity = statements.setdefault((page, number, place), Quantity(_name(page), said["what"]))
            quantity.add(arithmetic, said["low"], said["high"], said["slack"])
    return list(findings.values()), list(statements.values())


def _glued(runs: Runs) -> list[tuple[str, ...]]:
    rows = []
    for page, found in runs.items():
        values: dict[str, list[str]] = defaultdict(list)
        for notebook in found.values():
            for _, data, metadata in _bundles(notebook):
                if name := metadata.get("scrapbook", {}).get("name"):
                    values[name].append(str(data.get(f"{GLUE}text/plain", "")).strip("'"))
        for name, seen in values.items():
            if len(set(seen)) > 1:
                rows.append((_name(page), name, " / ".join(dict.fromkeys(seen))))
    return rows


def _corners(folders: list[Path], names: list[str]) -> list[tuple[str, ...]]:
    rows = []
    sweeps = find_sweeps()
    for name in names:
        sweep = sweeps[name]
        farthest: dict[str, tuple[float, Any]] = {}
        for folder in folders:
            path = folder / "corners" / f"{name}.json"
            if path.exists():
                values = json.loads(path.read_text("utf-8"))["values"]
                for what, (far, most) in sweep.distances(values).items():
                    farthest[what] = max(
                        farthest.get(what, (0.0, most)), (far, most), key=lambda pair: pair[0]
                    )
        rows += [
            (f"{name}: {what}", f"{far:.2g}", str(most), "yes" * (far > most.amount))
            for what, (far, most) in farthest.items()
        ]
    return rows


def _name(page: Path) -> str:
    return page.relative_to(ROOT / "book").with_suffix("").as_posix()
