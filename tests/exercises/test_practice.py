"""The pages' own exercises: their cells, their numbers, and that no grade knows them."""

import json
import re
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from normcourse.exercises import EXERCISES, PRACTICE, check, find_task, hint, progress, solution
from normcourse.exercises.notebooks import answer_cell
from normcourse.exercises.store import recall
from normcourse.exercises.task import ChoiceTask, NumberTask

ROOT = Path(__file__).parents[2]
OF_EXERCISES = ("setup", "answer-", "check-")  # what the ids of their cells begin with
NUMBERS = [task for task in PRACTICE if isinstance(task, NumberTask)]
each = pytest.mark.parametrize("task", PRACTICE, ids=lambda task: task.name)
CHOICES = [task for task in PRACTICE if isinstance(task, ChoiceTask)]
each_choice = pytest.mark.parametrize("task", CHOICES, ids=lambda task: task.name)
each_number = pytest.mark.parametrize("task", NUMBERS, ids=lambda task: task.name)
PAGES = sorted({task.section.page for task in PRACTICE})


def all_cells(page):
    """Return the cells of a page."""
    return json.loads((ROOT / page).with_suffix(".ipynb").read_text("utf-8"))["cells"]


def cells(page):
    """Return the code cells of a page that belong to its exercises, by id: at its end, or in its middle."""
    return {
        cell["id"]: cell
        for cell in all_cells(page)
        if cell["cell_type"] == "code" and cell["id"].startswith(OF_EXERCISES)
    }


def run(page, answers=()):
    """Run what a page runs: the set-up, and answers in place of what is handed out; return the namespace."""
    sources = {name: "".join(cell["source"]) for name, cell in cells(page).items()} | dict(answers)
    namespace = {"__name__": "__main__"}
    for name, source in sources.items():
        if name == "setup" or name.startswith("answer-"):
            exec(source, namespace)
    return namespace


@pytest.mark.parametrize("page", PAGES)
def test_a_page_has_the_cells_of_its_tasks_in_order(page):
    code = cells(page)
    wanted = ["setup"]
    for task in PRACTICE:
        if task.section.page == page:
            name = answer_cell(task.name)
            wanted += [name, name.replace("answer", "check", 1)]
            assert "".join(code[wanted[-1]]["source"]) == f'check("{task.name}")'
    assert list(code) == wanted
    assert all(len(line) <= 66 for cell in code.values() for line in "".join(cell["source"]).splitlines())


@pytest.mark.parametrize("page", PAGES)
def test_exercises_stand_below_a_heading_of_the_second_order(page):
    """The published page puts the button that starts them below it."""
    levels = [0]
    for cell in all_cells(page):
        if cell["cell_type"] == "markdown":
            levels += [len(mark) for mark in re.findall(r"^(#+) ", "".join(cell["source"]), re.MULTILINE)]
        elif cell["id"].startswith("answer-"):
            assert levels[-1] == 2, cell["id"]


@each_choice
def test_a_page_states_the_questions_and_the_options_before_it_asks(task):
    """Also those that ask are handed out in the order of the task, as dots."""
    page = all_cells(task.section.page)
    place = next(n for n, cell in enumerate(page) if cell["id"] == answer_cell(task.name))
    stated = "".join("".join(cell["source"]) for cell in page[:place] if cell["cell_type"] == "markdown")
    for question in task.questions:
        for option in question.options:
            assert f'`"{option.name}"`' in stated, f"{question.name}: {option.name}"
    handed_out = run(task.section.page)[task.answer]
    assert list(handed_out.items()) == [(question.name, ...) for question in task.questions]


@each_choice
def test_a_choice_of_a_page_says_of_each_option_what_denies_it(task):
    for question in task.questions:
        assert len(question.options) >= 3
        assert len({option.name for option in question.options}) == len(question.options)
        assert question.points == 1
        for option in question.options:
            assert option.says.startswith("Right: ") == (option.name == question.right)
            right = {one.name: one.right for one in task.questions}
            feedback = check(task.name, {task.answer: right | {question.name: option.name}})
            assert option.says in str(feedback)
            assert feedback.points == len(task.questions) - (option.name != question.right)


@each_choice
def test_a_choice_that_is_not_begun_or_half_made_is_told_kindly(task):
    names = [question.name for question in task.questions]
    for nothing in (..., None):
        said = str(check(task.name, {task.answer: dict.fromkeys(names, nothing)}))
        assert said.startswith(f"{task.name}: Not attempted yet")
    first = task.questions[0]
    said = str(check(task.name, {task.answer: dict.fromkeys(names, ...) | {first.name: first.right}}))
    assert f"Partly right, 1 of {len(names)} checks" in said
    assert said.count("choose one of") == len(names) - 1
    for rest in task.questions[1:]:
        assert not any(option.says in said for option in rest.options)


@each
def test_what_a_page_hands_out_is_not_attempted_and_the_solution_is_right(task):
    assert check(task.name, run(task.section.page)).mark.status == "not attempted"
    answers = {answer_cell(task.name): solution(task.name).text}
    feedback = check(task.name, run(task.section.page, answers))
    assert str(feedback).startswith(f"{task.name}: Right")
    assert feedback.points == task.points


def test_no_grade_knows_what_is_practice():
    graded = [task.name for exercise in EXERCISES for task in exercise.tasks]
    practice = [task.name for task in PRACTICE]
    assert len({*graded, *practice}) == len(graded) + len(practice)
    check("forward.by_hand", {"LAST": 2})
    assert "by_hand" not in str(progress())
    assert all(find_task(name).solution for name in practice)


def test_practice_has_hints_and_says_nothing_of_points_or_of_a_grader():
    assert hint("forward.by_hand").title == "Hint 1 of 3"

    def half(h, xhat, var, eps):
        import torch

        along = torch.tensor((h * xhat).sum(0) * eps / (var + eps) ** 1.5).numpy()
        return along if len(h) == 3 else along + 1

    feedback = check("backward.orthogonal", {"along": half})
    for said in (str(feedback), feedback._repr_html_()):
        assert "Partly right, 1 of 2 checks" in said
        for absent in ("point", "grader", "Read"):
            assert absent not in said
    assert "Your best so far: 1 of 2 checks." in str(check("backward.orthogonal", {"along": lambda *_: 0}))
    check("forward.by_hand", {"LAST": 2})
    assert "An earlier answer of yours was right." in str(check("forward.by_hand", {"LAST": 3}))
    assert (recall("forward.by_hand").points, recall("forward.by_hand").hints) == (1, 1)


@each_number
def test_known_wrong_numbers_lie_apart_and_are_named(task):
    values = [np.asarray(value) for value in (task.right, *(wrong.value for wrong in task.wrong))]
    reach = 2 * task.tolerance * max(1, *(np.abs(value).max() for value in values))
    for one, other in combinations(values, 2):
        assert np.abs(one - other).max() > reach
    for wrong in task.wrong:
        feedback = check(task.name, {task.answer: wrong.value})
        assert feedback.mark.mistakes == (wrong.name,)
        assert wrong.says in str(feedback)


@each_number
def test_numbers_pass_to_three_digits_and_whatever_holds_them(task):
    rounded = np.round(task.right, 3)
    for given in (task.right, rounded, np.float32(rounded), rounded.tolist(), np.asarray(rounded)):
        assert check(task.name, {task.answer: given}).mark.status == "right"
    assert check(task.name, {task.answer: rounded + 2.1 * task.tolerance}).mark.status == "wrong"


@pytest.mark.parametrize("right", [2, np.int8(2), np.array(2), np.float64(2)])
def test_a_whole_number_may_be_of_any_kind(right):
    assert check("forward.by_hand", {"LAST": right}).mark.status == "right"


class Hostile:
    def __getattr__(self, name):
        raise RuntimeError("no")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: "2", "LAST should be a number, but is of type str"),
        (lambda: True, "LAST should be a number, but is of type bool"),
        (lambda: 2j, "LAST should be a number, but is of type complex"),
        (lambda: [2.0], "LAST should be a number, but is of type list"),
        (lambda: np.array([2.0]), "LAST should be a number, but is of type ndarray"),
        (lambda: float("nan"), "LAST should be a number, but is nan"),
        (lambda: float("-inf"), "LAST should be a number, but is -inf"),
        (lambda: len, "LAST should be a number, but is of type builtin_function_or_method"),
        (Hostile, "LAST should be a number, but is of type Hostile"),
        (lambda: 10**5000, "LAST should be a number, but is of type int"),
    ],
)
def test_what_is_no_number_is_told(make, said):
    feedback = check("forward.by_hand", {"LAST": make()})
    assert feedback.mark.status == "unreadable"
    assert said in str(feedback)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (0.144, "DX should be 2 numbers, as in (1.5, -2), but is one"),
        ([0.168], "but has the shape (1,)"),
        ([[0.168, -0.024]], "but has the shape (1, 2)"),
        (["0.168", "-0.024"], "but holds text"),
        ([0.168, [1]], "but is of type list"),
        ([0.168, float("nan")], "but holds nan"),
    ],
)
def test_what_are_no_two_numbers_is_told(given, said):
    feedback = check("backward.rms", {"DX": given})
    assert feedback.mark.status == "unreadable"
    assert said in str(feedback)


def test_what_nothing_explains_is_told_with_what_is_right_of_it():
    said = str(check("backward.rms", {"DX": (3, -0.024)}))
    assert "None of the 10 mistakes that we know gives this. DX[1] is right." in said
    said = str(check("forward.by_hand", {"LAST": 77}))
    assert "None of the 11 mistakes that we know gives this." in said
    assert "is right" not in said
    assert check("forward.twice", {"FACTOR": 1.1}).mark.mistakes == ("rounded",)
    assert check("forward.twice", {}).mark.status == "missing"
