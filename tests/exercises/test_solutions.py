"""The solution notebooks: run from first to last they earn every point."""

import pytest

from normcourse.exercises.catalogue import EXERCISES
from normcourse.exercises.learner import check
from normcourse.exercises.notebooks import answer_cell, load, solution_source
from normcourse.exercises.task import CodeTask, PredictionTask


def cells(exercise):
    """Return the source of each code cell of a solution notebook, by id."""
    found = load(exercise.notebook)["cells"]
    return {cell["id"]: "".join(cell["source"]) for cell in found if cell["cell_type"] == "code"}


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda e: e.name)
def test_a_solution_notebook_earns_all_points_but_what_forecasts_lose(exercise):
    namespace = {"__name__": "__main__"}
    for name, source in cells(exercise).items():
        if not name.startswith(("check", "points")):
            exec(compile(source, name, "exec"), namespace)
    for task in exercise.tasks:
        earned = check(task.name, namespace).points
        if isinstance(task, PredictionTask):
            assert earned > 0.75 * task.points, task.name
        else:
            assert earned == task.points, task.name


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda e: e.name)
def test_each_task_has_its_cells_in_order(exercise):
    wanted = ["setup"]
    for task in exercise.tasks:
        answer = answer_cell(task.name)
        commits = [answer.replace("answer", "commit", 1)] if isinstance(task, PredictionTask) else []
        wanted += [answer, *commits, answer.replace("answer", "check", 1)]
    found = [name for name in cells(exercise) if not name.startswith("run-")]
    assert found == [*wanted, "points"]
    for task in exercise.tasks:
        assert (
            f'check("{task.name}")' in cells(exercise)[answer_cell(task.name).replace("answer", "check", 1)]
        )


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda e: e.name)
def test_the_notebook_states_the_points(exercise):
    headings = [
        "".join(cell["source"]).splitlines()[0]
        for cell in load(exercise.notebook)["cells"]
        if cell["id"].startswith("task-")
    ]
    assert headings == [f"## {task.title} ({task.points} points)" for task in exercise.tasks]
    assert f"{exercise.points} points" in "".join(load(exercise.notebook)["cells"][0]["source"])


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda e: e.name)
def test_a_solution_can_be_shown(exercise):
    for task in exercise.tasks:
        source = solution_source(task.name, exercise.notebook)
        assert task.answer in source
        assert "SOLUTION" not in source


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda e: e.name)
def test_the_notebook_says_what_a_grader_lets_one_import(exercise):
    title = "".join(load(exercise.notebook)["cells"][0]["source"])
    code = [task for task in exercise.tasks if isinstance(task, CodeTask)]
    scripts = [task for task in code if "torch" in task.libraries]
    if len(scripts) < len(code):
        assert "NumPy is enough, and is all that a grader lets you import." in title
    else:
        assert "NumPy and PyTorch are all that a grader lets you import." in title
    assert ("PyTorch" in title) == bool(scripts)
