"""The six scripts of chapter 5: as they are found they show their symptoms, and are what a learner mends."""

import ast
import io
from contextlib import redirect_stdout

import pytest

from normcourse.exercises.catalogue import find_exercise
from normcourse.exercises.marking import mark
from normcourse.exercises.notebooks import answer_cell, load
from normcourse.exercises.task import CodeTask
from normcourse.grading.release import release
from tests.exercises.outcomes import outcomes

EXERCISE = find_exercise("clinic")
SCRIPTS = [task for task in EXERCISE.tasks if isinstance(task, CodeTask)]
each = pytest.mark.parametrize("task", SCRIPTS, ids=lambda task: task.name)


def source(name):
    """Return the source of a cell of the solution notebook."""
    cells = load(EXERCISE.notebook)["cells"]
    return next("".join(cell["source"]) for cell in cells if cell["id"] == name)


@pytest.fixture(scope="module")
def ward():
    """Return what the cells that run the scripts define."""
    namespace = {"__name__": "__main__"}
    with redirect_stdout(io.StringIO()):
        for cell in load(EXERCISE.notebook)["cells"]:
            if cell["cell_type"] == "code" and cell["id"].startswith(("setup", "run-")):
                exec(compile("".join(cell["source"]), cell["id"], "exec"), namespace)
    return namespace


def handed_out(task):
    """Return the function that a learner gets, without the line that stops it."""
    cell = next(one for one in release(EXERCISE)["cells"] if one["id"] == answer_cell(task.name))
    tree = ast.parse("".join(cell["source"]))
    (function,) = (node for node in tree.body if isinstance(node, ast.FunctionDef))
    function.body = [node for node in function.body if not isinstance(node, ast.Raise)]
    namespace = {}
    exec(compile(tree, task.name, "exec"), namespace)
    return namespace[task.answer]


@each
@pytest.mark.parametrize("seed", [0, 20261])
def test_what_is_handed_out_and_what_is_found_make_the_same_mistakes(task, ward, seed):
    for answer in (handed_out(task), ward[f"{task.answer}_as_found"]):
        judged = mark(task, outcomes(task, answer, seed), seed)
        assert set(judged.mistakes) == set(task.handed_out), judged
        assert judged.points == 0


def test_the_symptoms_show(ward):
    def accuracy(name, *data):
        return ward["accuracy"](ward[name], *(data or ward["unseen"]))

    trained = accuracy("trained")
    assert trained > 0.95
    assert ward["apart"] == 0
    assert accuracy("loaded") < trained - 0.05
    assert accuracy("averaged") < accuracy("model") - 0.05
    assert ward["by_batch"](ward["averaged"], *ward["unseen"]) > accuracy("model") - 0.02
    assert ward["moved"] == 0
    assert accuracy("tuned") < trained - 0.2
    assert ward["ratio"][0] > 3
    assert abs(ward["ratio"][2:] - 1).max() < 0.001
    assert ward["old"].mean() < 0.02
    fourth = ward["coins"][:, 3]
    assert (ward["whole"] == fourth).double().mean() > 0.7
    assert abs((ward["so_far"] == fourth).double().mean() - 0.5) < 0.05
    assert ward["served"] < 0.3
    assert accuracy("eye", ward["tested"], ward["unseen"][1]) > 0.9
    assert ward["tested"].max() < 10 < 100 < ward["largest"]


def test_the_clinic_sees_what_the_text_lets_a_learner_ask(ward):
    assert list(ward["reports"]) == list("ABCDEF")
    found = [{one.name for one in report.findings} for report in ward["reports"].values()]
    for expected, names in zip(
        (
            "statistics never updated",
            "statistics never updated",
            "gamma frozen statistics moving",
            "momentum of another framework",
            "later positions leak",
            "inputs scaled differently",
        ),
        found,
        strict=True,
    ):
        assert expected in names, (expected, names)


def test_each_question_is_of_a_script_in_the_order_of_the_tasks():
    questions = [question.name for question in EXERCISE.tasks[0].questions]
    assert questions == [task.title[0] for task in SCRIPTS] == list("ABCDEF")
    stated = next(
        "".join(one["source"])
        for one in load(EXERCISE.notebook)["cells"]
        if one["id"] == "ask-clinic-diagnose"
    )
    for question in EXERCISE.tasks[0].questions:
        assert all(f'`"{option.name}"`' in stated for option in question.options)
        assert [option.says.startswith("Right: ") for option in question.options].count(True) == 1
