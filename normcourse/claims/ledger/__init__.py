"""The ledger: what is said about normalization, and what our runs found. A module for each chapter."""

from collections.abc import Sequence

from normcourse.claims.claim import Claim
from normcourse.claims.ledger import batchnorm, covariate_shift, inference, layernorm

__all__ = ["LEDGER"]

_CHAPTERS = (covariate_shift, batchnorm, inference, layernorm)

#: Every claim that the course tests, in the order of their numbers.
LEDGER: Sequence[Claim] = tuple(
    sorted((claim for chapter in _CHAPTERS for claim in chapter.CLAIMS), key=lambda claim: int(claim.id[1:]))
)
