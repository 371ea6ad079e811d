"""The ledger of claims: what is said, what our runs found, and the verdict.

A notebook calls `check` with a run's interval. If sentence and interval disagree, the cell fails, and with it
the build and the tests. What is recorded is shown on the ledger's page.
"""

from normcourse.claims.claim import Claim, Finding, Speaks, Verdict
from normcourse.claims.evidence import MIME, ClaimError, Evidence, check, find
from normcourse.claims.ledger import LEDGER
from normcourse.claims.predicates import Above, Below, Covers, Predicate, Within

__all__ = [
    "LEDGER",
    "MIME",
    "Above",
    "Below",
    "Claim",
    "ClaimError",
    "Covers",
    "Evidence",
    "Finding",
    "Predicate",
    "Speaks",
    "Verdict",
    "Within",
    "check",
    "find",
]
