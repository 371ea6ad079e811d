"""Make a learner's notebook from its solution: no solution, no outputs, every cell in its place."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

from normcourse.exercises.notebooks import BEGIN, END, INSTEAD, answer_cell, load
from normcourse.exercises.task import ChoiceTask, CodeTask, Exercise, GradedTask, PredictionTask

__all__ = ["release", "write"]


def release(exercise: Exercise, *, nbgrader: bool = False) -> dict[str, Any]:
    """Return the notebook of an exercise as learners get it.

    Args:
        exercise: Its solutions stand between markers in the cells that are named for its tasks.
        nbgrader: Whether to describe the cells for nbgrader, and let a check's points be its last expression.

    Raises:
        ValueError: A task has no cell of its own, or its solution is not marked.
    """
    notebook = deepcopy(load(exercise.notebook))
    tasks = {answer_cell(task.name): task for task in exercise.tasks}
    cells = {cell.get("id"): cell for cell in notebook["cells"]}
    for name, task in tasks.items():
        if name not in cells:
            raise ValueError(f"{exercise.notebook} has no cell {name!r}, where {task.name} is answered")
        cells[name]["source"] = _without_solution(_source(cells[name]), task)
    for name in cells:
        if name is None or (name.startswith("answer-") and name not in tasks):
            raise ValueError(f"{exercise.notebook} has a cell {name!r}, which belongs to no task")
    for cell in notebook["cells"]:
        if any(marker in _source(cell) for marker in (BEGIN, INSTEAD, END)):
            raise ValueError(f"{exercise.notebook} has a marker of a solution in the cell {cell['id']!r}")
        if cell["cell_type"] == "code":
            cell["outputs"], cell["execution_count"] = [], None
    if nbgrader:
        for cell in notebook["cells"]:
            _describe(cell, exercise)
    return notebook


def write(exercise: Exercise, folder: Path, *, nbgrader: bool = False) -> Path:
    """Write the notebook of an exercise into a folder, and return its path.

    For nbgrader the folder is a course's ``source``: the notebook goes into a folder of its own there, from
    which ``nbgrader generate_assignment`` makes the release.

    Raises:
        FileExistsError: Another notebook is there already, perhaps with answers.
    """
    path = folder / (exercise.name if nbgrader else ".") / exercise.notebook
    text = json.dumps(release(exercise, nbgrader=nbgrader), indent=1, ensure_ascii=False) + "\n"
    if path.exists() and path.read_bytes() != text.encode():
        raise FileExistsError(
            f"{path} is there already, and may hold answers: move it, or choose another folder"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def _source(cell: dict[str, Any]) -> str:
    source = cell["source"]
    return source if isinstance(source, str) else "".join(source)


def _without_solution(source: str, task: GradedTask) -> str:
    lines = source.splitlines()
    marks = [number for number, line in enumerate(lines) if line.strip() in (BEGIN, INSTEAD, END)]
    found = [lines[number].strip() for number in marks]
    if found not in ([BEGIN, END], [BEGIN, INSTEAD, END]):
        raise ValueError(f"the answer of {task.name} needs one {BEGIN!r} and after it one {END!r}")
    begin, end = marks[0], marks[-1]
    indent = lines[begin][: len(lines[begin]) - len(lines[begin].lstrip())]
    stub = [indent + line for line in _stub(task)]
    if len(marks) == 3:
        stub += [
            indent + line.strip().removeprefix("#").removeprefix(" ") for line in lines[marks[1] + 1 : end]
        ]
    return "\n".join([*lines[:begin], *(line.rstrip() for line in stub), *lines[end + 1 :]])


def _stub(task: GradedTask) -> list[str]:
    """Return the lines that stand where the solution stood."""
    if isinstance(task, CodeTask):
        return [f'raise NotImplementedError("{task.name}")  # your code goes here']
    entries = task.questions if isinstance(task, ChoiceTask) else task.statements
    return [f"{json.dumps(entry.name)}: None," for entry in entries]


def _describe(cell: dict[str, Any], exercise: Exercise) -> None:
    """Add what nbgrader (metadata version 3) has to know of a cell.

    An answer is none of its solutions, which it would empty when it makes an assignment: the name of the
    function too. It leaves other cells alone.
    """
    answers = {answer_cell(task.name): task for task in exercise.tasks}
    kind, _, rest = cell["id"].partition("-")
    task = answers.get(f"answer-{rest}") if kind == "check" else None
    entry = {"schema_version": 3, "grade_id": cell["id"], "task": False, "solution": False, "locked": True}
    if task is not None:
        cell["metadata"]["nbgrader"] = {**entry, "grade": True, "points": task.points}
        cell["source"] = _check(task)
    elif kind == "setup":
        cell["metadata"]["nbgrader"] = {**entry, "grade": False}


def _check(task: GradedTask) -> str:
    """Return a check whose last expression is the points: nbgrader takes it for the grade.

    A forecast is committed once, so nbgrader would grade all learners by the first: the lines that it hides
    from them, and runs, begin with an empty folder.
    """
    lines = [f'check("{task.name}").points']
    if isinstance(task, PredictionTask):
        lines[:0] = [
            "### BEGIN HIDDEN TESTS",
            "import os, tempfile",
            'os.environ["NORMCOURSE_PROGRESS"] = tempfile.mkdtemp()',
            f'commit("{task.name}")',
            "### END HIDDEN TESTS",
        ]
    return "\n".join(lines)
