"""Make a learner's notebook from its solution: no solution, no outputs, every cell in its place."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

from normcourse.exercises.notebooks import BEGIN, END, INSTEAD, answer_cell, load
from normcourse.exercises.task import AnyTask, ChoiceTask, CodeTask, Exercise

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
    cells = {cell["id"]: cell for cell in notebook["cells"]}
    for task in exercise.tasks:
        name = answer_cell(task.name)
        if name not in cells:
            raise ValueError(f"{exercise.notebook} has no cell {name!r}, where {task.name} is answered")
        cells[name]["source"] = _without_solution(_source(cells[name]), task)
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

    For nbgrader the folder is a course's ``release``: the notebook goes into a folder of its own there.
    """
    path = folder / (exercise.name if nbgrader else ".") / exercise.notebook
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(release(exercise, nbgrader=nbgrader), indent=1, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")
    return path


def _source(cell: dict[str, Any]) -> str:
    source = cell["source"]
    return source if isinstance(source, str) else "".join(source)


def _without_solution(source: str, task: AnyTask) -> str:
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


def _stub(task: AnyTask) -> list[str]:
    """Return the lines that stand where the solution stood."""
    if isinstance(task, CodeTask):
        return [f'raise NotImplementedError("{task.name}")  # your code goes here']
    entries = task.questions if isinstance(task, ChoiceTask) else task.statements
    return [f"{json.dumps(entry.name)}: None," for entry in entries]


def _describe(cell: dict[str, Any], exercise: Exercise) -> None:
    """Add what nbgrader (metadata version 3) has to know of a cell."""
    kind, _, rest = cell["id"].partition("-")
    task = next((task for task in exercise.tasks if answer_cell(task.name) == f"answer-{rest}"), None)
    if task is None or kind not in ("answer", "check"):
        return
    entry: dict[str, Any] = {"schema_version": 3, "grade_id": cell["id"], "task": False}
    if kind == "answer":
        entry |= {"grade": False, "solution": True, "locked": False}
    else:
        entry |= {"grade": True, "solution": False, "locked": True, "points": task.points}
        cell["source"] = f'check("{task.name}").points'
    cell["metadata"]["nbgrader"] = entry
