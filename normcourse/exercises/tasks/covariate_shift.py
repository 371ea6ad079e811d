"""Chapter 1: what shifts, how to measure it, and what a measurement does not say."""

from normcourse.exercises.task import Exercise

__all__ = ["EXERCISE"]

EXERCISE = Exercise("covariate-shift", "Measuring a shift", "01-covariate-shift.ipynb", ())
