"""Which code cells of a notebook run in its page, and which need what a page has not."""

import ast
import builtins
import symtable
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from tools.imports import ROOT
from tools.in_page.closure import absent_behind, files_of

# Where the code can be run: pages that need NumPy and figures for most of it.
PAGES = (
    "book/02-batchnorm-mechanics/01-forward",
    "book/02-batchnorm-mechanics/02-backward",
    "book/04-layernorm-for-transformers/01-one-formula",
)
# The tags of a cell whose code the page does not show: of those that glue, and of diagrams.
HIDDEN = {"remove-cell", "remove-input"}
OF_EXERCISES = ("setup", "answer-", "check-")  # what the ids of cells begin with that a page's exercises have

_CALLED = {"torch": "PyTorch", "scipy": "SciPy", "sklearn": "scikit-learn", "IPython": "IPython"}
_GIVEN = {*dir(builtins), "display"}


@dataclass(frozen=True)
class Cell:
    """A code cell that the page shows.

    Attributes:
        id: The cell's, in the notebook.
        source: Its code.
        after: The ids of the cells whose names it uses, directly or through each other, in order.
        reason: Why it cannot run in the page, as in ``"needs PyTorch"``; empty if it can.
    """

    id: str
    source: str
    after: tuple[str, ...]
    reason: str

    @property
    def runs(self) -> bool:
        """Whether it can run in the page."""
        return not self.reason


def cells(notebook: NotebookNode | Path, root: Path = ROOT) -> list[Cell]:
    """Return the code cells that a notebook's page shows, in order, and say of each whether it runs there."""
    if isinstance(notebook, Path):
        notebook = nbformat.read(notebook, as_version=4)
    code = [
        cell
        for cell in notebook.cells
        if cell.cell_type == "code" and cell.source.strip() and not cell.id.startswith(OF_EXERCISES)
    ]
    scopes = [_Scope.of(cell.source) for cell in code]
    shown = []
    for number, cell in enumerate(code):
        if _hidden(cell):
            continue
        before = _before(number, scopes)
        source = "\n".join(code[n].source for n in (*before, number))
        shown.append(
            Cell(
                cell.id,
                cell.source,
                tuple(code[n].id for n in before if not _hidden(code[n])),
                _reason(source, [scopes[n] for n in (*before, number)], map(code.__getitem__, before), root),
            )
        )
    return shown


def package_files(notebooks: Iterable[NotebookNode | Path], root: Path = ROOT) -> list[Path]:
    """Return the files of the package that the cells of these notebooks need to run in their pages."""
    runs = [[cell.source for cell in cells(notebook, root) if cell.runs] for notebook in notebooks]
    return sorted({path for sources in runs for path in files_of("\n".join(sources), root)})


def _hidden(cell: NotebookNode) -> bool:
    return not HIDDEN.isdisjoint(cell.metadata.get("tags", []))


def _reason(source: str, scopes: Iterable["_Scope"], before: Iterable[NotebookNode], root: Path) -> str:
    if any(scope.foreign for scope in scopes):
        return "needs a notebook's own commands"
    if absent := absent_behind(source, root):
        names = sorted(_CALLED.get(name, name) for name in absent)
        return f"needs {' and '.join([', '.join(names[:-1]), names[-1]] if names[1:] else names)}"
    return "needs a cell that the page does not show" if any(map(_hidden, before)) else ""


@dataclass(frozen=True)
class _Scope:
    """The names that a cell gives to others, and those that it takes from before; whether it is no Python."""

    gives: frozenset[str] = frozenset()
    takes: frozenset[str] = frozenset()
    foreign: bool = False

    @classmethod
    def of(cls, source: str) -> "_Scope":
        try:
            body = ast.parse(source).body
        except SyntaxError:  # as %timeit
            return cls(foreign=True)
        gives: set[str] = set()
        takes: set[str] = set()
        for statement in body:
            table = symtable.symtable(ast.unparse(statement), "<cell>", "exec")
            binds = {
                name.get_name() for name in table.get_symbols() if name.is_assigned() or name.is_imported()
            }
            uses = _globals(table)
            # `x = x + 1` takes x from before; a loop or a function may use what it binds itself.
            own = binds if hasattr(statement, "body") else set()
            takes |= uses - gives - own
            gives |= binds
        return cls(frozenset(gives), frozenset(takes - _GIVEN))


def _globals(table: symtable.SymbolTable) -> set[str]:
    """Return the names that code looks up outside functions, from wherever in it."""
    top = table.get_type() == "module"
    found = {
        name.get_name() for name in table.get_symbols() if name.is_referenced() and (top or name.is_global())
    }
    return found.union(*map(_globals, table.get_children()))


def _before(number: int, scopes: list[_Scope]) -> list[int]:
    """Return which cells one rests on: the last one before it that gives each name."""
    needed: set[int] = set()
    waiting = [(name, number) for name in scopes[number].takes]
    seen: set[tuple[str, int]] = set()
    while waiting:
        name, at = waiting.pop()
        if (name, at) in seen:
            continue
        seen.add((name, at))
        givers = [n for n in range(at) if name in scopes[n].gives]
        if givers:
            needed.add(givers[-1])
            waiting += [(taken, givers[-1]) for taken in scopes[givers[-1]].takes]
        elif at < number:  # a function's own use, when it is called
            waiting.append((name, number))
    return sorted(needed)
