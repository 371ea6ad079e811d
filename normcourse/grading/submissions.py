"""Read what a learner handed in: the code of each answer, or the reason why there is none.

A submission is data here: it is parsed, never run. Nothing that a file holds makes these functions fail.
"""

import ast
import hashlib
import json
import os
import stat
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from normcourse.exercises.notebooks import answer_cell
from normcourse.exercises.task import CodeTask, Exercise
from normcourse.grading.sandbox import Cell

__all__ = ["Submission", "Unreadable", "cells", "collect", "read", "repeated"]

LARGEST = 200 << 20  # bytes of a file; outputs of 50 MB are seen in practice
CODE = 1 << 20  # bytes of a cell; more is data
SUFFIXES = (".ipynb", ".py")
ENCODINGS = ("utf-8-sig", "utf-16", "latin-1")


@dataclass(frozen=True)
class Unreadable:
    """A file that holds no submission; `reason` says why."""

    name: str
    learner: str
    reason: str
    digest: str = ""


@dataclass(frozen=True)
class Submission:
    """What was handed in.

    Attributes:
        name: The path below the folder of submissions, with slashes.
        learner: The file's name without its suffix, or that of its own folder.
        digest: SHA-256 of the file.
        answers: By task: the code that defines the answer.
        missing: By task: why there is no answer.
        support: Imports, functions, classes and constants of the other cells, in their order.
        notes: What was mended in reading.
    """

    name: str
    learner: str
    digest: str
    answers: dict[str, str] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    support: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Part:
    """A top-level statement of a submission: its cell's id and number, its code, the names that it binds."""

    id: str
    number: int
    node: ast.stmt
    source: str
    names: frozenset[str]


class _MalformedError(ValueError):
    """A file that cannot be read as a notebook; the message is the reason."""


def collect(folder: Path) -> list[Path]:
    """Return the notebooks and Python files in a folder and in its folders, in order.

    Symbolic links are listed, and not followed: :func:`read` refuses them.
    """
    found = [
        path
        for path in (*folder.glob("*"), *folder.glob("*/*"))
        if path.suffix in SUFFIXES
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    ]
    inside = {path for path in found if path.parent != folder and path.parent.is_symlink()}
    return sorted(set(found) - inside, key=lambda path: path.relative_to(folder).as_posix())


def repeated(submissions: Iterable[Submission | Unreadable]) -> set[str]:
    """Return the learners with more than one file: all are graded, none is chosen."""
    counts = Counter(submission.learner for submission in submissions)
    return {learner for learner, count in counts.items() if count > 1}


def read(path: Path, exercise: Exercise, folder: Path) -> Submission | Unreadable:
    """Read a file below a folder as a submission to an exercise.

    An answer is the last top-level definition of its task's name; one in the cell that was made for it goes
    before others, unless only the empty one is left there.
    """
    name = path.relative_to(folder).as_posix()
    learner = path.stem if path.parent == folder else path.parent.name
    try:
        data = _bytes(path)
    except (OSError, _MalformedError) as error:
        return Unreadable(name, learner, str(error))
    digest = hashlib.sha256(data).hexdigest()
    try:
        text, notes = _text(data)
        parts, broken = _parts(_sources(text) if path.suffix == ".ipynb" else [("", text)])
    except _MalformedError as error:
        return Unreadable(name, learner, str(error), digest)
    submission = Submission(name, learner, digest, notes=notes)
    answering = set[int]()
    for task in exercise.tasks:
        chosen = _answer(parts, task.answer, answer_cell(task.name))
        if chosen is not None:
            submission.answers[task.name] = chosen.source
            answering.add(id(chosen))
        else:
            own = [reason for id_, reason in broken if id_ == answer_cell(task.name)]
            others = [reason for _, reason in broken if f"{task.answer}" in reason]
            reasons = own or others or [reason for _, reason in broken]
            submission.missing[task.name] = "; ".join([f"nothing defines {task.answer}", *reasons[:1]])
    support = tuple(_support(part) for part in parts if id(part) not in answering)
    kept = tuple(source for source in support if source)
    return Submission(name, learner, digest, submission.answers, submission.missing, kept, notes)


def cells(submission: Submission, exercise: Exercise) -> tuple[Cell, ...]:
    """Return what the sandbox runs: the exercise's imports, the learner's own pieces, then each answer."""
    torch = any(isinstance(task, CodeTask) and "torch" in task.libraries for task in exercise.tasks)
    setup = "import numpy as np" + ("\nimport torch" if torch else "")
    support = [Cell(f"piece {number}", source) for number, source in enumerate(submission.support, 1)]
    answers = [Cell(task, source) for task, source in submission.answers.items()]
    return (Cell("setup", setup), *support, *answers)


# From a file to cells


def _bytes(path: Path) -> bytes:
    """Return a plain file's content; nothing else is opened: a link, a pipe or a device could be anything."""
    status = os.lstat(path)
    if stat.S_ISLNK(status.st_mode):
        raise _MalformedError("a symbolic link is not followed: hand in the file itself")
    if not stat.S_ISREG(status.st_mode):
        raise _MalformedError("this is no file")
    if status.st_size > LARGEST:
        raise _MalformedError(f"{status.st_size >> 20} MiB exceed {LARGEST >> 20} MiB: clear the outputs")
    with open(os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0)), "rb") as file:
        return file.read(LARGEST)


def _text(data: bytes) -> tuple[str, tuple[str, ...]]:
    if not data.strip():
        raise _MalformedError("the file is empty")
    encodings = ENCODINGS if data[:2] in (b"\xff\xfe", b"\xfe\xff") else (ENCODINGS[0], ENCODINGS[2])
    for encoding in encodings:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        return text, () if encoding == ENCODINGS[0] else (
            f"the file is not UTF-8; it was read as {encoding}",
        )
    raise _MalformedError("the file is not text")


def _sources(text: str) -> list[tuple[str, str]]:
    """Return id and source of each code cell of a notebook of format 3 or 4."""
    try:
        notebook = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _MalformedError(f"this is no notebook: {str(error)[:200]}") from None
    if not isinstance(notebook, dict):
        raise _MalformedError("this is no notebook: its JSON is not an object")
    found = notebook.get("cells")
    if found is None and isinstance(notebook.get("worksheets"), list):  # format 3
        sheets = [sheet for sheet in notebook["worksheets"] if isinstance(sheet, dict)]
        found = [cell for sheet in sheets for cell in _list(sheet.get("cells"))]
    if not isinstance(found, list):
        raise _MalformedError("this is no notebook: it has no cells")
    return [
        (str(cell.get("id", ""))[:100], source)
        for cell in found
        if isinstance(cell, dict) and cell.get("cell_type") == "code"
        for source in [_source(cell.get("source", cell.get("input", "")))]
        if len(source) <= CODE
    ]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _source(value: Any) -> str:
    if isinstance(value, list):
        return "".join(line for line in value if isinstance(line, str))
    return value if isinstance(value, str) else ""


# From cells to answers


def _parts(sources: Sequence[tuple[str, str]]) -> tuple[list[_Part], list[tuple[str, str]]]:
    """Return the statements of all cells, and of cells that do not parse the id and the reason."""
    parts: list[_Part] = []
    broken: list[tuple[str, str]] = []
    for number, (id_, source) in enumerate(sources, 1):
        plain = _without_magics(source)
        try:
            tree = ast.parse(plain)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            line = getattr(error, "lineno", None)
            where = f"code cell {number}" + (f", line {line}" if line else "")
            text = (
                plain.splitlines()[line - 1].strip()[:80] if line and line <= len(plain.splitlines()) else ""
            )
            reason = f"{where} does not parse: {getattr(error, 'msg', None) or type(error).__name__}"
            broken.append((id_, f"{reason}: {text}" if text else reason))
            continue
        for node in tree.body:
            segment = "\n".join(plain.splitlines()[_first_line(node) - 1 : node.end_lineno])
            parts.append(_Part(id_, number, node, segment, frozenset(_bound(node))))
    return parts, broken


def _first_line(node: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(decorator.lineno for decorator in decorators)])


def _without_magics(source: str) -> str:
    """Blank out lines of IPython's own: magics, shell commands and help."""
    lines = source.splitlines()
    if lines and lines[0].lstrip().startswith("%%"):
        kept = lines[0].split()[0] in ("%%time", "%%timeit", "%%capture")
        lines = ["", *lines[1:]] if kept else []
    return "\n".join(
        "" if line.startswith(("%", "!", "?")) or line.rstrip().endswith("?") else line for line in lines
    )


def _bound(node: ast.stmt) -> Iterator[str]:
    """Yield the names that a statement of the top level defines."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.Assign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        for target in targets:
            elements = target.elts if isinstance(target, ast.Tuple | ast.List) else [target]
            yield from (element.id for element in elements if isinstance(element, ast.Name))


def _answer(parts: Sequence[_Part], name: str, cell: str) -> _Part | None:
    """Choose the definition that counts."""
    defining = [
        part for part in parts if name in part.names and getattr(part.node, "value", True) is not None
    ]
    filled = [part for part in defining if not _is_stub(part.node)]
    own = [part for part in filled if part.id == cell]
    return next(reversed(own or filled or defining), None)


def _is_stub(node: ast.stmt) -> bool:
    """Return whether this is as it was released: only a NotImplementedError, or nothing but None."""
    if isinstance(node, ast.FunctionDef):
        body = [inner for inner in node.body if not isinstance(inner, ast.Expr | ast.Pass)]
        return all(
            "NotImplementedError" in ast.dump(inner) and isinstance(inner, ast.Raise) for inner in body
        )
    value = getattr(node, "value", None)
    if isinstance(value, ast.Dict):
        return all(isinstance(entry, ast.Constant) and entry.value in (None, ...) for entry in value.values)
    return False


def _support(part: _Part) -> str:
    """Return the code of a piece that may go along with the answers: what defines, not what does."""
    node = part.node
    if isinstance(node, ast.ImportFrom):
        return "" if (node.module or "").split(".")[0] == "normcourse" else part.source
    if isinstance(node, ast.Import):
        kept = [alias for alias in node.names if alias.name.split(".")[0] != "normcourse"]
        return ast.unparse(ast.Import(names=kept)) if kept else ""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return part.source
    if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
        return part.source if _is_constant(node.value) else ""
    return ""


def _is_constant(value: ast.expr) -> bool:
    """Return whether an expression is made of constants, or is a lambda: what costs no time to evaluate."""
    if isinstance(value, ast.Lambda):
        return True
    harmless = (
        ast.Constant,
        ast.Tuple,
        ast.List,
        ast.Set,
        ast.Dict,
        ast.UnaryOp,
        ast.unaryop,
        ast.expr_context,
        ast.Attribute,
        ast.Name,
    )
    return all(isinstance(inner, harmless) for inner in ast.walk(value))
