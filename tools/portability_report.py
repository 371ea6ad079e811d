"""What several arithmetics gave, side by side: strict cells, glued numbers, findings, statements, corners."""

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from normcourse.claims import MIME, STATEMENTS, find
from normcourse.experiments.intervals import Interval
from tools import execution
from tools.experiments import find as find_sweeps
from tools.notebooks import ROOT, normalise

STORED = "stored"  # what the notebooks hold: one arithmetic more, of the machine that executed them last
MARGIN = 3.0  # a slack of so many spreads counts as one that another processor will not use up
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
    cells = _strict_differences(folders, pages)
    failed = _failures(folders, pages)
    findings, statements = _quantities(folders, pages)
    measured = _corners(folders, corners)
    outside = [row for row in measured if row[-1]]
    parts = [
        HEAD.format(margin=MARGIN),
        "\n".join(f"- {folder.name}: {_extent(folder, pages, corners)}" for folder in folders),
        _section("Pages that failed", "page | arithmetic | why", failed),
        _section("Strict cells that differ", "page | cell | in", cells),
        _section("Findings of the ledger that move", QUANTITY, _rows(findings)),
        _section("What pages ensure, where it moves", QUANTITY, _rows(statements)),
        _section("Glued numbers that move", "page | name | values", _glued(folders, pages)),
        _section(
            "Corners of the records",
            "record | farthest | tolerance | outside",
            [r for r in measured if r[1] != "0"],
        ),
        f"{sum(r[1] == '0' for r in measured)} measurements of corners do not move at all.",
    ]
    return "\n\n".join(part.strip() for part in parts) + "\n", len(cells) + len(failed) + len(outside)


def _section(title: str, columns: str, rows: list[tuple[str, ...]]) -> str:
    if not rows:
        return f"## {title}\n\nNone."
    lines = ["| " + " | ".join(str(entry).replace("|", "\\|") for entry in row) + " |" for row in rows]
    return f"## {title}\n\n| {columns} |\n|{' --- |' * len(columns.split('|'))}\n" + "\n".join(lines)


def _extent(folder: Path, pages: list[Path], corners: list[str]) -> str:
    """Say how much there is of an arithmetic: a run may have been stopped."""
    executed = sum(bool(list(_executed([folder], page))) for page in pages)
    measured = sum((folder / "corners" / f"{name}.json").exists() for name in corners)
    return f"{executed} of {len(pages)} notebooks, {measured} of {len(corners)} corners"


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


def _executed(folders: list[Path], page: Path) -> Iterator[tuple[str, NotebookNode]]:
    """Yield the page's outputs in each arithmetic that has executed it."""
    for folder in folders:
        try:
            yield folder.name, execution.outputs(page, folder / "notebooks")
        except KeyError:
            continue


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


def _strict_differences(folders: list[Path], pages: list[Path]) -> list[tuple[str, ...]]:
    rows = []
    for page in pages:
        stored = nbformat.read(page, as_version=4)
        where = defaultdict(list)
        for name, notebook in _executed(folders, page):
            normalise(notebook)
            codes = [c for c in zip(stored.cells, notebook.cells, strict=True) if c[0].cell_type == "code"]
            for number, (kept, now) in enumerate(codes):
                if "nbval-ignore-output" not in kept.metadata.get("tags", []) and _text(kept) != _text(now):
                    where[number].append(name)
        rows += [(_name(page), str(number), ", ".join(names)) for number, names in where.items()]
    return rows


def _text(cell: NotebookNode) -> list[Any]:
    """Return what nbval compares of a cell."""
    found: list[Any] = []
    for output in cell.outputs:
        data = output.get("data", {})
        found += [output.get("text"), {k: v for k, v in data.items() if not k.startswith("image/")}]
    return json.loads(re.sub("at 0x[0-9a-f]+", "at ADDRESS", json.dumps(found)))  # type: ignore[no-any-return]


def _bundles(notebook: NotebookNode) -> Iterator[tuple[int, Mapping[str, Any], Mapping[str, Any]]]:
    for number, cell in enumerate(notebook.cells):
        for output in cell.get("outputs", []):
            if "data" in output:
                yield number, output.data, output.metadata


def _quantities(folders: list[Path], pages: list[Path]) -> tuple[list[Quantity], list[Quantity]]:
    """Return the ledger's findings and the pages' statements with their numbers in each arithmetic."""
    findings: dict[str, Quantity] = {}
    statements: dict[tuple[str, int, int], Quantity] = {}
    for page in pages:
        runs = [(STORED, nbformat.read(page, as_version=4)), *_executed(folders, page)]
        for arithmetic, notebook in runs:
            for number, data, _ in _bundles(notebook):
                if MIME in data:
                    record = data[MIME]
                    interval = Interval(record["estimate"], record["low"], record["high"])
                    finding = find(record["id"])
                    quantity = findings.setdefault(
                        finding.id,
                        Quantity(finding.id, finding.condition.removeprefix("the whole interval ")),
                    )
                    quantity.values[arithmetic] = interval.low, interval.high
                    quantity.slacks.append(finding.predicate.slack(interval))
                for place, statement in enumerate(data.get(STATEMENTS, [])):
                    key = (_name(page), number, place)
                    quantity = statements.setdefault(key, Quantity(_name(page), statement["what"]))
                    quantity.values[arithmetic] = statement["low"], statement["high"]
                    if statement["slack"] is not None:
                        quantity.slacks.append(statement["slack"])
    return list(findings.values()), list(statements.values())


def _glued(folders: list[Path], pages: list[Path]) -> list[tuple[str, ...]]:
    rows = []
    for page in pages:
        values: dict[str, dict[str, str]] = defaultdict(dict)
        for arithmetic, notebook in [(STORED, nbformat.read(page, as_version=4)), *_executed(folders, page)]:
            for _, data, metadata in _bundles(notebook):
                if name := metadata.get("scrapbook", {}).get("name"):
                    values[name][arithmetic] = str(data.get(f"{GLUE}text/plain", "")).strip("'")
        for name, found in values.items():
            if len(set(found.values())) > 1:
                rows.append((_name(page), name, " / ".join(dict.fromkeys(found.values()))))
    return rows


def _corners(folders: list[Path], names: list[str]) -> list[tuple[str, ...]]:
    rows = []
    for name in names:
        sweep = find_sweeps()[name]
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
