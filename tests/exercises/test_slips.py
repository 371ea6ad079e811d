"""Slips that are made from formulas: their sentences, and what they compute side by side."""

import re

import numpy as np
import pytest

from normcourse.exercises.catalogue import EXERCISES, PRACTICE, find_task
from normcourse.exercises.diagnosis import diagnose
from normcourse.exercises.probes import arguments, distance
from normcourse.exercises.running import Outcome
from normcourse.exercises.screening import outputs_of, rows
from normcourse.exercises.slips import described, slips, spoilt
from normcourse.exercises.task import CodeTask

TASKS = [*(task for exercise in EXERCISES for task in exercise.tasks), *PRACTICE]
CODE = [task for task in TASKS if isinstance(task, CodeTask) and task.forms]
FORMS = [
    pytest.param(task, form, id=f"{task.name}: {number}")
    for task in CODE
    for number, form in enumerate(task.forms)
]


def made(form, some, inputs):
    with np.errstate(all="ignore"):
        return spoilt(form, some).computed(inputs)


@pytest.mark.parametrize(("task", "form"), FORMS)
def test_sentences_are_whole(task, form):
    for slip in slips(form):
        mistake = described(form, slip)
        says = " ".join([mistake.says, *mistake.defines])
        assert slip.name == slip.name.strip()
        assert slip.name
        assert re.fullmatch(r"(Your|You|In your|A sign|What comes) .*\.", says), says
        for wrong in ("  ", "..", "constant", "our the ", "the the ", "term term", " ."):
            assert wrong not in says, says


@pytest.mark.parametrize("name", ["bn.backward", "ln.backward", "bn.conv_backward"])
def test_the_family_holds_what_the_issue_of_a_formula_is(name):
    names = {slip.name for form in find_task(name).forms for slip in slips(form)}
    assert {
        "dx without mean term",  # left out
        "dx: mean term twice",
        "dx: sign of mean term",
        "mean term: sum for mean",
        "dvar without the factor -0.5",  # a constant forgotten
        "variance term without the factor 2",
        "dvar: root to the power -1",
        "mean term: no mean",
        "variance term: product of two means",
        "root: eps outside the root",
        "root without eps",
        "1e-05 for eps",  # written in
        "dgamma: x for xhat",
        "n - 1 throughout",
        "outputs in another order",
    } <= names


def test_a_reshape_without_a_transpose_belongs_to_images_alone():
    def reshapes(name):
        return [slip for slip in slips(find_task(name).forms[0]) if "reshape" in slip.name]

    assert reshapes("bn.conv")
    assert not reshapes("ln.forward")  # there the features come last
    assert not reshapes("bn.forward")


@pytest.mark.parametrize(("task", "form"), FORMS)
@pytest.mark.parametrize("pairs", [False, True])
def test_what_is_computed_side_by_side_is_what_each_gives_alone(task, form, pairs):
    inputs = arguments(task, 0)[0]
    side_by_side, work = outputs_of(form, inputs, pairs), rows(form, pairs)
    differ = 0
    chosen = range(0, len(work.made), max(1, len(work.made) // 60))
    for row in chosen:
        alone = made(form, work.slips(row), inputs)
        differ += any(
            not (one.shape == other[row].shape and np.allclose(one, other[row], rtol=1e-9, equal_nan=True))
            for one, other in zip(alone, side_by_side, strict=True)
        )
    # A pair that loses an axis may be summed along it side by side: then it is not found. A single slip is.
    assert differ <= (len(chosen) // 12 if pairs else 0)


@pytest.mark.parametrize("task", CODE, ids=lambda task: task.name)
def test_whatever_slip_is_made_is_explained(task):
    """By itself, or by what gives the same: what was said gives the learner's numbers."""
    every = [(form, slip) for form in task.forms for slip in slips(form)]
    right = [tuple(arrays) for arrays in map(task.forms[0].computed, arguments(task, 3))]
    for form, slip in every[:: max(1, len(every) // 40)]:
        given = [made(form, (slip,), inputs) for inputs in arguments(task, 3)]
        gaps = [distance(a, b) for g, r in zip(given, right, strict=True) for a, b in zip(g, r, strict=True)]
        flat = [np.concatenate([arrays[k].ravel() for arrays in given]) for k in range(len(task.outputs))]
        if max(gaps) <= task.tolerance or not all(np.isfinite(values).all() for values in flat):
            continue
        if any(np.ptp(values) < 1e-6 for values in flat):
            continue  # the same value everywhere comes of many mistakes
        found = diagnose(task, [Outcome("returned", arrays) for arrays in given], 3)
        assert len(found.whole) == 1, (slip.name, found)
