"""Read what a learner handed in: the code of each answer, or the reason why there is none.

A submission is data here: it is parsed, by a process with limits (``reader.py``), and never run. Nothing that
a file holds makes these functions fail.
"""

import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path

from normcourse.exercises.catalogue import EXERCISES
from normcourse.exercises.notebooks import answer_cell
from normcourse.exercises.task import CodeTask, Exercise
from normcourse.grading.extract import Asked
from normcourse.grading.reader import Reader
from normcourse.grading.reading import MalformedError, content
from normcourse.grading.results import one_line
from normcourse.grading.sandbox import Cell

__all__ = [
    "HandedIn",
    "Submission",
    "Unreadable",
    "cells",
    "collect",
    "learner",
    "left_out",
    "read",
    "receive",
    "understand",
]

SUFFIXES = (".ipynb", ".py")
FILES = 10  # of one learner; more are a folder of something else
SAVED = ".ipynb_checkpoints"  # Jupyter's own copies, which nobody hands in
NAMED = 3  # hidden files of a learner that are named


@dataclass(frozen=True)
class Unreadable:
    """A file that holds no submission; `reason` says why."""

    name: str
    learner: str
    reason: str
    digest: str = ""


@dataclass(frozen=True)
class HandedIn:
    """A file's bytes, with its name, whose it is, and the SHA-256 of the bytes."""

    name: str
    learner: str
    digest: str
    data: bytes


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
    and so are the notebooks of other exercises. Of more than ten files in it ten are taken, those with the
    exercise's name first. A folder that is a symbolic link, that cannot be looked into, or that holds more
    files than that, is listed itself: :func:`read` says why.
    """
    found: list[Path] = []
    for path in _entries(folder):
        if path.suffix.lower() in SUFFIXES:
            found.append(path)
        if os.path.isdir(path):  # where Path.is_dir may raise
            found += _inside(path, exercise)
    return sorted(set(found), key=lambda path: path.relative_to(folder).as_posix())


def left_out(folder: Path, exercise: Exercise) -> list[str]:
    """Say what in a folder :func:`collect` passes over: hidden files, and what holds nothing to grade."""
    found = {path.relative_to(folder).parts[0] for path in collect(folder, exercise)}
    said = [
        f"{one_line(p.name)}, in which no .ipynb or .py file was found"
        for p in _entries(folder)
        if p.name not in found
    ]
    said += [f"{one_line(path.name)}, which is hidden" for path in _hidden(folder)]
    for path in _entries(folder):
        hidden = _hidden(path) if os.path.isdir(path) and not path.is_symlink() else []
        names = [one_line(f"{path.name}/{inner.name}") for inner in hidden]
        more = [f"{len(names) - NAMED} more"] if len(names) > NAMED else []
        said += [f"{' and '.join([*names[:NAMED], *more])}, hidden"] if names else []
    return sorted(said)


def learner(path: Path, folder: Path) -> str:
    """Return whose a file below a folder is: the learner's own folder names them, or else the file."""
    own = path.parent == folder and path.suffix.lower() in SUFFIXES
    return path.stem if own else path.relative_to(folder).parts[0]


def receive(path: Path, folder: Path) -> HandedIn | Unreadable:
    """Return the bytes of a file below a folder, or why they cannot be had."""
    name, whose = path.relative_to(folder).as_posix(), learner(path, folder)
    try:
        data = content(path)
    except MalformedError as error:
        return Unreadable(name, whose, _why_listed(path) or str(error))
    except OSError as error:  # without its path, which differs from machine to machine
        return Unreadable(name, whose, f"the file cannot be read: {error.strerror}")
    return HandedIn(name, whose, hashlib.sha256(data).hexdigest(), data)


def understand(file: HandedIn | Unreadable, exercise: Exercise, reader: Reader) -> Submission | Unreadable:
    """Read a file's bytes as a submission to an exercise.

    An answer is the last definition of its task's name that is more than the empty one.
    """
    if isinstance(file, Unreadable):
        return file
    asked = Asked(
        exercise.name,
        Path(file.name).suffix.lower() == ".ipynb",
        {task.name: (task.answer, answer_cell(task.name)) for task in exercise.tasks},
        {other.name: [task.answer for task in other.tasks] for other in EXERCISES},
    )
    try:
        found = reader.extract(file.data, asked)
    except MalformedError as error:
        return Unreadable(file.name, file.learner, str(error), file.digest)
    return Submission(file.name, file.learner, file.digest, **vars(found))


def read(
    path: Path, exercise: Exercise, folder: Path, reader: Reader | None = None
) -> Submission | Unreadable:
    """Read a file below a folder as a submission to an exercise: :func:`receive` and :func:`understand` it.

    Args:
        path: Of the file.
        exercise: What was asked.
        folder: Of the submissions.
        reader: The process that reads; by default one for this file alone.
    """
    file = receive(path, folder)
    if reader is not None:
        return understand(file, exercise, reader)
    with Reader() as own:
        return understand(file, exercise, own)


def cells(submission: Submission, exercise: Exercise) -> tuple[Cell, ...]:
    """Return what the sandbox runs: the exercise's imports, the learner's own pieces, then each answer."""
    torch = any(isinstance(task, CodeTask) and "torch" in task.libraries for task in exercise.tasks)
    setup = "import numpy as np" + ("\nimport torch" if torch else "")
    support = [Cell(f"piece {number}", source) for number, source in enumerate(submission.support, 1)]
    answers = [Cell(task, source) for task, source in submission.answers.items()]
    return (Cell("setup", setup), *support, *answers)


def _entries(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def _hidden(folder: Path) -> list[Path]:
    """Return what is hidden in a folder and could be handed in: files of the suffixes, and folders."""
    try:
        paths = [path for path in folder.iterdir() if path.name.startswith(".") and path.name != SAVED]
    except OSError:  # its own line says so
        return []
    return sorted(path for path in paths if path.suffix.lower() in SUFFIXES or os.path.isdir(path))


def _inside(folder: Path, exercise: Exercise) -> list[Path]:
    """Return the submissions in a learner's folder, and each folder that hides or has too many of them."""
    others = {other.notebook for other in EXERCISES} - {exercise.notebook}
    files: list[Path] = []
    folders: list[Path] = []
    for one in (folder, folder / exercise.name):
        if not os.path.isdir(one):
            continue
        if os.path.islink(one):
            return [*files, one]
        try:
            files += [p for p in _entries(one) if p.suffix.lower() in SUFFIXES and p.name not in others]
        except OSError:
            folders.append(one)
    if len(files) > FILES:
        files.sort(key=lambda path: path.name != exercise.notebook)
        folders.append(folder)
    return [*files[:FILES], *folders]


def _why_listed(path: Path) -> str:
    """Return why a learner's folder is among the files; nothing if it is no folder, or named as a file."""
    if path.suffix.lower() in SUFFIXES or os.path.islink(path) or not os.path.isdir(path):
        return ""
    try:
        os.listdir(path)
    except OSError as error:
        return f"the folder cannot be read: {error.strerror}"
    return f"the folder holds more than {FILES} files: {FILES} of them were graded, and no more"
