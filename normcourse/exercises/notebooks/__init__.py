"""The solution notebooks, and the solutions in them.

An answer stands in the cell ``answer-<task>``, with a dash for the dot, and
its solution between two markers. A third one may stand between them: what
follows it, as comments, is what the learner gets to begin with. The learners'
notebooks are made of these by `make exercises`.
"""

import json
from functools import cache
from importlib import resources
from typing import Any

__all__ = ["BEGIN", "END", "INSTEAD", "answer_cell", "load", "solution_source"]

BEGIN, INSTEAD, END = "### BEGIN SOLUTION", "### INSTEAD", "### END SOLUTION"


@cache
def load(notebook: str) -> dict[str, Any]:
    """Return a solution notebook as it is stored, by its file's name."""
    text = (
        resources.files(__name__)
        .joinpath(notebook)
        .read_text(encoding="utf-8")
    )
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def answer_cell(task: str) -> str:
    """Return the id of a task's cell: answer-bn-forward for bn.forward."""
    return f"answer-{task.replace('.', '-').replace('_', '-')}"


def solution_source(task: str, notebook: str) -> str:
    """Return the code that solves a task, without the markers."""
    cell = next(
        cell
        for cell in load(notebook)["cells"]
        if cell["id"] == answer_cell(task)
    )
    source = (
        cell["source"]
        if isinstance(cell["source"], str)
        else "".join(cell["source"])
    )
    lines = source.splitlines()
    marks = [line.strip() for line in lines]
    begin, end = marks.index(BEGIN), marks.index(END)
    last = marks.index(INSTEAD) if INSTEAD in marks else end
    return "\n".join(
        [*lines[:begin], *lines[begin + 1 : last], *lines[end + 1 :]]
    )
