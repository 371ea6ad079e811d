import numpy as np
import pytest

from normcourse.claims import STATEMENTS, Above, Below, ClaimError, Covers, Exactly, Within, ensure
from normcourse.experiments.engine.intervals import Interval


@pytest.mark.parametrize(
    ("value", "predicate", "shown"),
    [
        (0.17, Below(0.3), "0.17  (below 0.3)"),
        ([0.1, 0.17], Below(0.3), "0.1 to 0.17  (below 0.3)"),
        (np.array([[5, 5], [5, 5]]), Exactly(5), "5  (exactly 5)"),
        (Interval(2.1, 2.0, 2.3), Within(2, 5), "2.1 [2, 2.3]  (between 2 and 5)"),
        (Interval(0.1, -0.2, 0.4), Covers(0), "0.1 [-0.2, 0.4]  (with 0 in its interval)"),
        (np.inf, Above(100), "inf  (above 100)"),
        (True, Exactly(1), "1  (exactly 1)"),
    ],
)
def test_what_holds_is_shown_with_its_number(value, predicate, shown):
    assert repr(ensure(("a quantity", value, predicate))) == f"a quantity  {shown}"


@pytest.mark.parametrize(
    ("value", "predicate"),
    [
        ([0.1, 0.31], Below(0.3)),
        ([0.4, 0.5], Above(0.4)),
        (Interval(2.1, 1.9, 2.3), Within(2, 5)),
        (Interval(0.3, 0.2, 0.4), Covers(0)),
        ([5, 5, 4], Exactly(5)),
        (np.nan, Exactly(0)),
        ([1.0, np.nan], Above(0)),
        ([], Above(0)),
    ],
)
def test_what_does_not_hold_is_an_error(value, predicate):
    with pytest.raises(ClaimError, match="a quantity"):
        ensure(("another", 1, Above(0)), ("a quantity", value, predicate))


@pytest.mark.parametrize(
    ("value", "shown"),
    [([-0.04, 0.04], "0.0"), (Interval(0.1, -0.04, 0.2), "0.1 [0.0, 0.2]"), ([-0.06, -0.04], "-0.1 to 0.0")],
)
def test_no_zero_is_negative(value, shown):
    assert ensure(("a quantity", value, Within(-1, 1), ".1f")).statements[0].shown == shown


def test_nothing_to_ensure_is_an_error():
    with pytest.raises(ClaimError, match="at least one row"):
        ensure()


def test_every_fault_is_told_with_what_came_and_what_to_do():
    with pytest.raises(ClaimError) as raised:
        ensure(("first", 0.31, Below(0.3), ".0%"), ("second", 1, Exactly(2)), ("third", 1, Exactly(1)))
    first, second = str(raised.value).splitlines()
    assert '"first" being below 30%; this run gave 31% (0.31 to 0.31). If the run is right, change' in first
    assert '"second" being exactly 2' in second


def test_a_notebook_keeps_the_numbers_and_their_slack():
    bundle = ensure(("a < b", [1.0, 2.0], Above(0.5), ".1f"), ("count", 3, Exactly(3)))._repr_mimebundle_()
    assert bundle[STATEMENTS] == [
        {"what": "a < b", "low": 1.0, "high": 2.0, "slack": 0.5},
        {"what": "count", "low": 3.0, "high": 3.0, "slack": None},
    ]
    assert '<th scope="row">a &lt; b</th><td>1.0 to 2.0</td><td>above 0.5</td>' in bundle["text/html"]


@pytest.mark.parametrize("predicate", [Above(1), Below(3), Within(1, 3), Covers(2)])
def test_slack_is_how_far_an_interval_may_move(predicate):
    interval = Interval(2.0, 1.5, 2.25)
    slack = predicate.slack(interval)
    for move, holds in ((0.999 * slack, True), (1.001 * slack, False)):
        moved = [Interval(*(end + way * move for end in interval)) for way in (-1, 1)]
        assert all(map(predicate.holds, moved)) == holds
