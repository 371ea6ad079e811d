"""The packaged solutions, and the notebooks as they are released, go through the grader in every tier."""

import json

import pytest

from normcourse.exercises.catalogue import EXERCISES
from normcourse.exercises.notebooks import load
from normcourse.exercises.task import PredictionTask
from normcourse.grading import release, submissions
from normcourse.grading.engine import Grader
from normcourse.grading.sandbox import TIERS, probe
from normcourse.grading.seeds import Seed

SEED = Seed(123456789123456789, "private")


def results(exercise, tier, folder):
    """Return the results of the solution and of the notebook as it is released."""
    found = []
    with Grader(exercise, tier, seed=SEED) as grader:
        for name, notebook in (("solved", load(exercise.notebook)), ("empty", release.release(exercise))):
            path = folder / f"{exercise.name}-{name}.ipynb"
            path.write_text(json.dumps(notebook), encoding="utf-8")
            found.append(grader.grade(submissions.read(path, exercise, folder)))
    return found


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda exercise: exercise.name)
def test_a_solution_gets_its_points_and_an_empty_notebook_none(exercise, tier, tmp_path):
    if reason := probe(tier):
        pytest.skip(reason)
    solved, empty = results(exercise, tier, tmp_path)
    assert (solved.status, empty.status) == ("ok", "ok")
    for task, mark in zip(exercise.tasks, solved.marks, strict=True):
        forecast = isinstance(task, PredictionTask)
        assert mark.status == "right", mark
        assert mark.points >= (0.75 if forecast else 1) * task.points, mark
    assert {mark.task: mark.status for mark in empty.marks if mark.status != "not attempted"} == {}
    assert empty.points == 0
