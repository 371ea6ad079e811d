"""What lost digits is told from what is wrong."""

import numpy as np
import pytest

from normcourse.exercises.catalogue import EXERCISES, PRACTICE
from normcourse.exercises.precision import lost_digits
from normcourse.exercises.probes import given_by
from normcourse.exercises.task import CodeTask

TASKS = [*(task for exercise in EXERCISES for task in exercise.tasks), *PRACTICE]
CODE = [task for task in TASKS if isinstance(task, CodeTask)]
SEEDS = [0, 1, 20261]


def arrays(task, seed, mistakes=frozenset()):
    """Return all outputs of all probes, of those that have any."""
    return [array for row in given_by(task, seed, mistakes) if row is not None for array in row]


def as_type(kind):
    return lambda array: array.astype(kind).astype(np.float64)


@pytest.mark.parametrize("task", CODE, ids=lambda task: task.name)
@pytest.mark.parametrize("seed", SEEDS)
def test_rounded_answers_are_told(task, seed):
    due = arrays(task, seed)
    for decimals in range(1, 6):
        said = lost_digits([np.round(array, decimals) for array in due], due)
        assert f"rounded to {decimals} decimal" in said
        said = lost_digits([as_type("f4")(np.round(array.astype("f4"), decimals)) for array in due], due)
        assert decimals > 3 or f"rounded to {decimals} decimal" in said


@pytest.mark.parametrize("task", CODE, ids=lambda task: task.name)
@pytest.mark.parametrize("seed", SEEDS)
def test_small_types_are_told(task, seed):
    due = arrays(task, seed)
    assert "float16, which keeps 3" in lost_digits([as_type("f2")(array) for array in due], due)
    assert "float32, which keeps 7" in lost_digits([as_type("f4")(array) for array in due], due)


def test_digits_are_counted():
    due = np.linspace(1, 2, 7) / 0.7
    low = as_type("f4")(due * (1 + 2e-5))
    assert "to 4 digits: they are of float32" in lost_digits([low], [due])
    assert "to 1 digit: they are of float16" in lost_digits([as_type("f2")(due * 1.03)], [due])
    assert lost_digits([as_type("f4")(due * 1.01)], [due]) == ""  # no rounding of float32 is so large


def test_an_answer_in_float16_is_told():
    x = np.random.default_rng(0).normal(size=(6, 4))
    low = x.astype(np.float16)
    given = (low - low.mean(0)) / np.sqrt(low.var(0) + np.float16(1e-3))
    due = (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-3)
    assert "float16" in lost_digits([given.astype(float)], [due])


@pytest.mark.parametrize("task", CODE, ids=lambda task: task.name)
def test_no_mistake_is_taken_for_lost_digits(task):
    """In float64 none is; in float32 none that is larger than what its rounding can do."""
    for seed in SEEDS:
        due = given_by(task, seed, frozenset())
        for mistakes in task.suspects():
            for wrong, right in zip(given_by(task, seed, mistakes), due, strict=True):
                if wrong is None or all(np.array_equal(a, b) for a, b in zip(wrong, right, strict=True)):
                    continue
                assert lost_digits(wrong, right) == "", mistakes


@pytest.mark.parametrize(
    ("given", "due"),
    [
        ([], []),
        ([np.empty(0)], [np.empty(0)]),
        ([np.zeros(9)], [np.full(9, 0.1)]),
        ([np.zeros(3)], [np.zeros(4)]),
        ([np.zeros(3)], []),
        ([np.array([1.0, np.nan, 2, 3])], [np.ones(4)]),
        ([np.array([1.0, np.inf, 2, 3])], [np.ones(4)]),
        ([np.array([1e300, -1e300, 2, 3])], [np.ones(4)]),
        ([np.arange(5.0)], [np.arange(5.0)]),
        ([np.arange(5.0) + 1], [np.arange(5.0)]),
        ([np.array([0.12])], [np.array([0.1234])]),
    ],
)
def test_nothing_is_said_without_evidence(given, due):
    assert lost_digits(given, due) == ""
