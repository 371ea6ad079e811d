"""Examine a model's norms: what is wrong, what follows from it, how to mend it, and what the mend gains.

:func:`examine` runs a set of checks, each a module of ``normcourse.clinic.checks``.
"""

from normcourse.clinic.examine import examine
from normcourse.clinic.mends import recalibrate_on
from normcourse.clinic.report import Effect, Finding, Report
from normcourse.clinic.subject import Norm, find_norms

__all__ = ["Effect", "Finding", "Norm", "Report", "examine", "find_norms", "recalibrate_on"]
