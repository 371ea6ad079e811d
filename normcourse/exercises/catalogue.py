"""All exercises and tasks of the course, by name."""

from functools import cache

from normcourse.exercises.task import AnyTask, Exercise
from normcourse.exercises.tasks import batchnorm, covariate_shift, inference, layernorm

__all__ = ["EXERCISES", "find_exercise", "find_task"]

EXERCISES: tuple[Exercise, ...] = (
    covariate_shift.EXERCISE,
    batchnorm.EXERCISE,
    inference.EXERCISE,
    layernorm.EXERCISE,
)


@cache
def find_exercise(name: str) -> Exercise:
    """Return the exercise of a name; a KeyError lists those that exist."""
    for exercise in EXERCISES:
        if exercise.name == name:
            return exercise
    raise KeyError(f"there is no exercise {name!r}; choose one of {', '.join(e.name for e in EXERCISES)}")


@cache
def find_task(name: str) -> AnyTask:
    """Return the task of a name; a KeyError lists those that exist."""
    tasks = {task.name: task for exercise in EXERCISES for task in exercise.tasks}
    if name not in tasks:
        raise KeyError(f"there is no task {name!r}; choose one of {', '.join(tasks)}")
    return tasks[name]
