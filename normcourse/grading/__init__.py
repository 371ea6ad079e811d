"""The grader: reads submissions, runs them in a sandbox, marks what comes back, and reports.

A submission is data until it is inside: ``submissions`` reads it, ``sandbox`` runs it in one of the
``tiers``, ``engine`` marks what came back by the rules of :mod:`normcourse.exercises`, ``report`` writes it
down, and ``cli`` is the command ``normcourse``.
"""

from normcourse.grading.engine import Grader, grade
from normcourse.grading.sandbox import LostError, Sandbox
from normcourse.grading.tiers import Limits, SandboxError

__all__ = ["Grader", "Limits", "LostError", "Sandbox", "SandboxError", "grade"]
