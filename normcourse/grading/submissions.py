"""Read what a learner handed in: the code of each answer, or the reason why there is none.

A submission is data here: it is parsed, never run. Nothing that a file holds makes these functions fail.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from normcourse.exercises.catalogue import EXERCISES
from normcourse.exercises.notebooks import answer_cell
from normcourse.exercises.task import AnyTask, CodeTask, Exercise
from normcourse.grading.pieces import (
    Broken,
    Piece,
    answering,
    definition,
    imported,
    needed,
    support,
    take_apart,
)
from normcourse.grading.reading import MalformedError, code_cells, content
from normcourse.grading.sandbox import Cell

__all__ = ["Submission", "Unreadable", "cells", "collect", "read"]

SUFFIXES = (".ipynb", ".py")


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
        learner: The file's name without its suffix, or that of the learner's own folder.
        digest: SHA-256 of the file.
        answers: By task: the code that defines the answer.
        missing: By task: why there is no answer.
        support: Of the rest, in its order: imports, functions, classes, constants, and whatever else gives
            or changes a name that an answer uses.
        imports: The names that imports give, each with its library.
        notes: What was mended in reading.
        nothing: Why there is no answer at all; empty if there is one.
    """

    name: str
    learner: str
    digest: str
    answers: dict[str, str] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    support: tuple[str, ...] = ()
    imports: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    nothing: str = ""


def collect(folder: Path, exercise: Exercise) -> list[Path]:
    """Return the notebooks and Python files in a folder and in its folders, in order.

    A learner's folder may hold one named after the exercise, as nbgrader makes it; others in it are left out,
    and so are the notebooks of other exercises. Symbolic links are listed, to folders too, and folders that
    cannot be looked into: :func:`read` says why they are refused.
    """
    found: list[Path] = []
    for path in folder.iterdir():
        if path.name.startswith("."):
            continue
        if path.suffix.lower() in SUFFIXES:
            found.append(path)
        if path.is_dir():
            found += _inside(path, exercise)
            if (path / exercise.name).is_dir() and not path.is_symlink():
                found += _inside(path / exercise.name, exercise)
    return sorted(set(found), key=lambda path: path.relative_to(folder).as_posix())


def left_out(folder: Path, exercise: Exercise) -> list[str]:
    """Return the names in a folder, hidden ones aside, in which :func:`collect` finds nothing to grade."""
    found = {path.relative_to(folder).parts[0] for path in collect(folder, exercise)}
    return sorted(p.name for p in folder.iterdir() if p.name not in found and not p.name.startswith("."))


def read(path: Path, exercise: Exercise, folder: Path) -> Submission | Unreadable:
    """Read a file below a folder as a submission to an exercise.

    An answer is the last definition of its task's name that is more than the empty one.
    """
    name = path.relative_to(folder).as_posix()
    learner = path.stem if path.parent == folder else path.relative_to(folder).parts[0]
    try:
        data = content(path)
    except MalformedError as error:
        return Unreadable(name, learner, str(error))
    except OSError as error:  # without its path, which differs from machine to machine
        return Unreadable(name, learner, f"the file cannot be read: {error.strerror}")
    digest = hashlib.sha256(data).hexdigest()
    try:
        found, notes = code_cells(data, notebook=path.suffix.lower() == ".ipynb" or _is_notebook(data))
    except MalformedError as error:
        return Unreadable(name, learner, str(error), digest)
    pieces, broken = take_apart(found)
    return _submission(Submission(name, learner, digest, notes=notes), exercise, pieces, broken)


def cells(submission: Submission, exercise: Exercise) -> tuple[Cell, ...]:
    """Return what the sandbox runs: the exercise's imports, the learner's own pieces, then each answer."""
    torch = any(isinstance(task, CodeTask) and "torch" in task.libraries for task in exercise.tasks)
    setup = "import numpy as np" + ("\nimport torch" if torch else "")
    support = [Cell(f"piece {number}", source) for number, source in enumerate(submission.support, 1)]
    answers = [Cell(task, source) for task, source in submission.answers.items()]
    return (Cell("setup", setup), *support, *answers)


def _is_notebook(data: bytes) -> bool:
    """Return whether a file of Python is a notebook that was renamed."""
    return data.lstrip().startswith(b"{") and b'"cells"' in data


def _inside(folder: Path, exercise: Exercise) -> list[Path]:
    """Return the submissions in a learner's own folder, or the folder itself if it hides them."""
    if folder.is_symlink():
        return [folder]
    try:
        paths = list(folder.iterdir())
    except OSError:
        return [folder]
    others = {other.notebook for other in EXERCISES} - {exercise.notebook}
    return [
        path
        for path in paths
        if path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.name not in others
    ]


def _submission(
    empty: Submission, exercise: Exercise, pieces: Sequence[Piece], broken: Sequence[Broken]
) -> Submission:
    answers: dict[str, str] = {}
    missing: dict[str, str] = {}
    chosen: set[Piece] = set()
    asked: set[Piece] = set()
    names = {task.answer for task in exercise.tasks}
    for task in exercise.tasks:
        found = definition(pieces, task.answer)
        faults = _faults(task, broken)
        if found is None or (faults and not found[1]):
            missing[task.name] = "; ".join([f"nothing defines {task.answer}", *faults[:1]])
        else:
            answers[task.name] = answering(pieces, found[0], task.answer, names - {task.answer})
            chosen.add(found[0])
            asked |= needed(pieces, found[0], answers[task.name])
    kept = tuple(
        source
        for piece in pieces
        if piece not in chosen
        for source in support(piece) or ((piece.source,) if piece in asked and not imported(piece) else ())
    )
    nothing = "" if answers else _nothing(exercise, pieces, broken)
    imports = {name: library for piece in pieces for name, library in imported(piece).items()}
    return replace(empty, answers=answers, missing=missing, support=kept, imports=imports, nothing=nothing)


def _nothing(exercise: Exercise, pieces: Sequence[Piece], broken: Sequence[Broken]) -> str:
    """Say why a file answers no task: perhaps it is of another exercise, or does not parse."""
    defined = {name for piece in pieces for name in piece.defines}
    others = [other.name for other in EXERCISES if defined & {task.answer for task in other.tasks}]
    why = f"it answers tasks of {', '.join(others)}" if others else "".join(f.reason for f in broken[:1])
    return "; ".join(filter(None, [f"nothing here answers a task of {exercise.name}", why]))


def _faults(task: AnyTask, broken: Sequence[Broken]) -> list[str]:
    """Return why cells were left out that could have held a task's answer: its own first."""
    own = [fault.reason for fault in broken if fault.cell.id == answer_cell(task.name)]
    return own or [fault.reason for fault in broken if fault.mentions(task.answer)]
