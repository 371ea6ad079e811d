"""Advice is held to the ledger: when it is made, and against what the notebooks recorded."""

from dataclasses import replace

import pytest

from normcourse import claims
from normcourse.claims import LEDGER, Above, Below, ClaimError, Covers, Evidence, Exactly, Within, decision
from normcourse.claims.decision import Because, Decision, Decisions, faults
from normcourse.claims.decisions import DECISIONS

WHY = Because("C11.lag", Above(0), "running statistics cost")
ROW = Decision("in a `hurry`", "Call `eval()`.", (WHY,))


def evidence(low, high, id="C11.lag"):
    return Evidence(id, (low + high) / 2, low, high, 8, "", {})


@pytest.mark.parametrize(
    ("known", "needed", "implied"),
    [
        (Above(3), Above(0), True),
        (Above(0), Above(0), True),
        (Above(-1), Above(0), False),
        (Below(-1), Above(0), False),
        (Below(-1), Below(0), True),
        (Below(1), Below(0), False),
        (Within(0.5, 1), Above(0), True),
        (Within(0, 1), Above(0), False),  # its edges count as inside, and Above has no edge
        (Within(0, 1), Above(-0.1), True),
        (Within(-1, 1), Within(-1, 1), True),
        (Within(-1, 2), Within(-1, 1), False),
        (Above(0), Within(-1, 1), False),
        (Within(-1, 1), Above(0), False),
        (Exactly(4), Above(3), True),
        (Exactly(4), Below(4), False),
        (Covers(0), Covers(0), True),
        (Covers(0), Above(-9), False),
        (Covers(0), Covers(1), False),
        (Within(-1, 1), Covers(0), False),
    ],
)
def test_what_one_predicate_says_of_another(known, needed, implied):
    assert decision._implies(known, needed) == implied


def test_an_unknown_finding_is_refused_with_near_ones():
    with pytest.raises(ClaimError, match=r"no finding 'C11.lagg'; near it are C11.lag"):
        Because("C11.lagg", Above(0), "")


def test_a_finding_that_says_otherwise_is_refused():
    with pytest.raises(ClaimError, match=r'needs C11.lag below 0, "it helps", but that finding stands while'):
        Because("C11.lag", Below(0), "it helps")


def test_a_row_fails_when_its_finding_is_turned_round(monkeypatch):
    """The planted fault: a run says the opposite, and the ledger's sentence and predicate follow it."""

    def turned(id):
        found = claims.find(id)
        return replace(found, predicate=Below(0)) if id == "C11.plain-mean" else found

    monkeypatch.setattr(decision, "find", turned)
    [row] = [row for row in DECISIONS if any(why.id == "C11.plain-mean" for why in row.because)]
    with pytest.raises(ClaimError, match=r"needs C11.plain-mean above 0.*stands while the whole.*below 0"):
        [replace(why) for why in row.because]


@pytest.mark.parametrize("wrong", [evidence(-2, -1), evidence(-0.1, 3)])
def test_a_record_that_says_otherwise_is_named(wrong):
    assert faults([ROW], {"C11.lag": evidence(1, 2)}) == []
    [fault] = faults([ROW], {"C11.lag": wrong})
    assert fault.startswith('"in a `hurry`" needs C11.lag above 0; recorded is')
    assert wrong.result in fault


def test_a_row_without_a_record_or_a_finding_is_named():
    assert faults([ROW], {}) == ['"in a `hurry`" rests on C11.lag, of which there is no record']
    with pytest.raises(ValueError, match=r"rests on a finding at least; 'idle' has none"):
        Decision("idle", "Wait.", ())


def test_a_table_names_findings_for_the_book_and_in_plain_text():
    table = Decisions([ROW])
    assert '<li>running statistics cost: <span class="decision-finding">C11.lag</span></li>' in (
        table._repr_html_()
    )
    assert '<th scope="row">in a <code>hurry</code></th>' in table._repr_html_()
    assert repr(table).splitlines()[1:] == ["    Call `eval()`.", "    - running statistics cost: C11.lag"]
    escaped = Decisions([replace(ROW, advice="a < b")])._repr_html_()
    assert "a &lt; b" in escaped


def test_every_need_can_be_missed_and_every_row_is_its_own():
    for why in (why for row in DECISIONS for why in row.because):
        assert not all(why.needs.holds(claims.evidence.Interval(x, x, x)) for x in (-1e9, 0.5, 1e9))
    for part in ("situation", "advice"):
        said = [getattr(row, part) for row in DECISIONS]
        assert len(set(said)) == len(said)


def test_the_ledger_has_every_finding_once():
    ids = [found.id for claim in LEDGER for found in claim.findings]
    assert {why.id for row in DECISIONS for why in row.because} <= set(ids)
