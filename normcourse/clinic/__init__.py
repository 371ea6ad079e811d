"""Examine a model's norms: what is wrong, what follows from it, how to mend it, and what the mend gains.

:func:`examine` runs a set of checks, each a module of ``normcourse.clinic.checks``.
"""

from normcourse.clinic.examine import examine
from normcourse.clinic.report import Effect, Finding, Report

__all__ = ["Effect", "Finding", "Report", "examine"]
