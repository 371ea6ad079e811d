"""All exercises and tasks of the course, by name: those that are graded, and the practice of the pages."""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import TypeVar

from normcourse.exercises.running import type_name
from normcourse.exercises.task import AnyTask, Exercise
from normcourse.exercises.tasks import (
    batchnorm,
    clinic,
    covariate_shift,
    failures,
    inference,
    layernorm,
    pages,
)

__all__ = ["EXERCISES", "PRACTICE", "find_exercise", "find_task"]

T = TypeVar("T")

EXERCISES: tuple[Exercise, ...] = (
    covariate_shift.EXERCISE,
    batchnorm.EXERCISE,
    inference.EXERCISE,
    layernorm.EXERCISE,
    clinic.EXERCISE,
)
#: What the pages ask themselves, in the order of the book. It earns no points and no grader knows it.
PRACTICE: tuple[AnyTask, ...] = (*pages.PRACTICE, *failures.PRACTICE)


def find_exercise(name: str) -> Exercise:
    """Return the exercise of a name; a KeyError lists those that exist."""
    return _find("exercise", name, {exercise.name: exercise for exercise in EXERCISES})


def find_task(name: str) -> AnyTask:
    """Return the task of a name, graded or practice; a KeyError lists those that exist."""
    graded = (task for exercise in EXERCISES for task in exercise.tasks)
    return _find("task", name, {task.name: task for task in (*graded, *PRACTICE)})


def _find(kind: str, name: str, things: Mapping[str, T]) -> T:
    if issubclass(type(name), str) and name in things:
        return things[name]
    asked = repr(name) if issubclass(type(name), str) else f"that is of type {type_name(name)}"
    near = get_close_matches(str(name), things, 1) if issubclass(type(name), str) else []
    meant = f"did you mean {near[0]!r}?" if near else f"choose one of {', '.join(things)}"
    raise KeyError(f"there is no {kind} {asked}; {meant}")
