"""The gathered choices say what the ledger's findings say, with the numbers of the records."""

import pytest

from normcourse import claims
from normcourse.experiments.engine.intervals import Interval
from normcourse.experiments.inference.choices import choices as of_statistics
from normcourse.experiments.layernorm.choices import choices as of_norms

FOUND = {**of_statistics(), **of_norms()}
# A row, the finding that says the same, and whether it says it the other way round.
TOLD = [
    ("running, not the batch's", "sorted by class, batches of 32", "C11.ordered", 1),
    ("running, not the batch's", "half one class, batches of 128", "C15.clean-half", -1),
    ("running, not the batch's", "brighter, two classes", "C15.shifted-two", -1),
    ("running, not the batch's", "brighter, mixed", "C15.shifted-large", -1),
    ("recalibrated, not running", "step 300, at a high rate", "C11.lag", 1),
    ("recalibrated, not running", "step 600, rate fallen to 0", "C11.lag-gone", 1),
    ("frozen, not the batch's", "near data, batches of 2", "C14.near-two", 1),
    ("frozen, not the batch's", "far data, batches of 16", "C14.far-sixteen", 1),
    ("synchronised, not each its own", "shuffled, 2 on each", "C16.small-parts", 1),
    ("synchronised, not each its own", "sorted by class, 32 on each", "C16.sorted-parts", 1),
    ("LayerNorm, not another norm", "DyT", "C20.behind", 1),
    ("LayerNorm, not another norm", "RMSNorm", "C18.loss", 1),
    ("LayerNorm, not another norm", "QK-norm as well", "C19.chosen", -1),
    ("float32, not 16 bits", "bfloat16, each step", "C21.training", 1),
]


@pytest.mark.parametrize(("question", "row", "finding", "sign"), TOLD)
def test_a_row_satisfies_its_finding(question, row, finding, sign):
    estimate, *ends = FOUND[question][row]
    turned = Interval(sign * estimate, *sorted(sign * end for end in ends))
    assert claims.find(finding).predicate.holds(turned)


def test_every_row_is_an_interval_in_its_unit():
    for question, rows in FOUND.items():
        for interval in rows.values():
            assert interval.low <= interval.estimate <= interval.high
            assert abs(interval.estimate) < (100 if question in of_statistics() else 2)


def test_the_choices_that_the_chapters_warn_of_are_seen():
    assert FOUND["pre-norm, not another place"]["post-norm, high rates"].low > 0.5
    assert FOUND["pre-norm, not another place"]["DeepNorm"].high < 0
    assert FOUND["LayerNorm, not another norm"]["no norm"].low > 0.1
