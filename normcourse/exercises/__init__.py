"""Exercises that name the mistake: what the exercise notebooks import, and the pages with exercises.

``tasks`` holds what is asked, ``marking`` judges an answer, and the five functions below are what a learner
calls. :mod:`normcourse.grading` marks the notebooks of a class by the same rules.
"""

from normcourse.exercises.catalogue import EXERCISES, PRACTICE, find_exercise, find_task
from normcourse.exercises.learner import check, commit, hint, progress, solution

__all__ = [
    "EXERCISES",
    "PRACTICE",
    "check",
    "commit",
    "find_exercise",
    "find_task",
    "hint",
    "progress",
    "solution",
]
