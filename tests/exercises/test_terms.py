"""Formulas as graphs of terms: computed as they are written, and changed in one place at a time."""

import numpy as np
import pytest

from normcourse.exercises.catalogue import EXERCISES, PRACTICE
from normcourse.exercises.probes import arguments, distance, expected
from normcourse.exercises.task import CodeTask
from normcourse.exercises.terms import Form, Space, Values, apply, constant, count, given, nodes, replaced

TABLE = Space((("N", "examples"), ("C", "features")))
X, GAMMA = given("x", "NC"), given("gamma", "C")
TASKS = [*(task for exercise in EXERCISES for task in exercise.tasks), *PRACTICE]
CODE = [task for task in TASKS if isinstance(task, CodeTask)]
FORMS = [
    pytest.param(task, form, id=f"{task.name}: {number}")
    for task in CODE
    for number, form in enumerate(task.forms)
]


def computed(term, due="NC", **inputs):
    return Form(TABLE, ((term, due),)).computed(inputs)[0]


@pytest.mark.parametrize(("task", "form"), FORMS)
@pytest.mark.parametrize("seed", [0, 1, 2**70 + 3])
def test_a_form_is_the_truth(task, form, seed):
    for inputs, truth in zip(arguments(task, seed), expected(task, seed), strict=True):
        for given_, right in zip(form.computed(inputs), truth, strict=True):
            assert distance(given_, right) < 1e-12


def test_every_task_for_numpy_has_forms_but_these():
    # Of so short a formula two terms that are left out look like one that stands for another.
    listed_alone = {"backward.orthogonal"}
    scripts = {task.name for task in CODE if "torch" in task.libraries}
    assert {task.name for task in CODE if not task.forms} == {"ln.block"} | scripts | listed_alone


def test_equal_terms_are_one_object():
    assert X.mean("N") is given("x", "NC").mean("N")
    assert (X - X.mean("N")) * 2 is (X - X.mean("N")) * constant(2.0)
    assert X.mean("N") is not X.mean("N").named("mean")


def test_dimensions_follow_from_what_is_computed():
    assert (X.mean("N").dims, X.sum("NC").dims, (X * GAMMA).dims, count("N").dims) == ("C", "", "NC", "")
    assert replaced(X.mean("N") - X.mean("N") ** 2, {X.mean("N"): X.mean("C")}).dims == "N"


def test_terms_compute_what_numpy_does():
    x, gamma = np.arange(6.0).reshape(2, 3), np.array([1.0, -2.0, 3.0])
    assert np.array_equal(computed(X * GAMMA, x=x, gamma=gamma), x * gamma)
    assert np.array_equal(computed(X.var("N"), "C", x=x), x.var(axis=0))
    assert np.array_equal(computed(X.reduced("var of n - 1", "C"), "N", x=x), x.var(axis=1, ddof=1))
    assert np.array_equal(computed(X.sum("N") / count("N"), "C", x=x), x.mean(axis=0))
    assert np.array_equal(computed(2 - 1 / (1 + X), x=x), 2 - 1 / (1 + x))
    assert np.array_equal(computed(X.sort("N"), x=-x), np.sort(-x, axis=0))
    assert np.array_equal(computed(apply("maximum", X, 2.0), x=x), np.maximum(x, 2))


def test_a_reduction_that_is_missing_shows_in_the_shape():
    x = np.ones((2, 3))
    assert computed(X * 2, "C", x=x).shape == (2, 3)
    assert computed(X.mean("C"), "C", x=x).shape == (2,)


def test_reread_is_a_reshape_without_a_transpose():
    x = np.arange(6.0).reshape(2, 3)
    assert np.array_equal(computed(X.reread("NC", "CN"), x=x), x.reshape(3, 2).T)


def test_a_change_may_hold_what_it_replaces_and_what_another_replaces():
    mean = X.mean("N")
    whole = X - mean
    assert replaced(whole, {mean: 2 * mean}) is X - 2 * mean
    assert replaced(whole, {X: X + 1}) is (X + 1) - (X + 1).mean("N")
    assert replaced(whole, {mean: 2 * mean, X: X + 1}) is (X + 1) - 2 * (X + 1).mean("N")
    again = replaced(1 - GAMMA, {GAMMA: 1 - GAMMA, 1 - GAMMA: GAMMA})  # ends
    assert again in nodes(again)


def test_a_wrong_number_of_axes_is_refused():
    with pytest.raises(ValueError, match="zip"):
        Values(TABLE, [X], {"x": np.ones(3)})
