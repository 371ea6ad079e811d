"""The ledger of claims: what is said, what our runs found, and the verdict.

A notebook calls `check` with a run's interval. If sentence and interval disagree, the cell fails, and with it
the build and the tests. What is recorded is shown on the ledger's page. What a page says beside the ledger's
findings, it says on numbers that `ensure` has shown.
"""

from normcourse.claims.claim import Claim, Finding, Scale, Speaks, Verdict
from normcourse.claims.evidence import MIME, ClaimError, Evidence, check, find
from normcourse.claims.ledger import LEDGER
from normcourse.claims.predicates import Above, Below, Covers, Exactly, Predicate, Within
from normcourse.claims.statements import STATEMENTS, Statement, Statements, ensure

__all__ = [
    "LEDGER",
    "MIME",
    "STATEMENTS",
    "Above",
    "Below",
    "Claim",
    "ClaimError",
    "Covers",
    "Evidence",
    "Exactly",
    "Finding",
    "Predicate",
    "Scale",
    "Speaks",
    "Statement",
    "Statements",
    "Verdict",
    "Within",
    "check",
    "ensure",
    "find",
]
