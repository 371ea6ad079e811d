"""Chapter 3: running statistics, what uses them, and how they go wrong."""

from normcourse.exercises.task import Exercise

__all__ = ["EXERCISE"]

EXERCISE = Exercise("inference", "Statistics at inference", "03-inference.ipynb", ())
