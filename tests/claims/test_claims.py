from dataclasses import asdict, replace
from pathlib import Path

import pytest

from normcourse import claims
from normcourse.claims import Above, Below, Claim, Covers, Evidence, Finding, Speaks, Verdict, Within
from normcourse.experiments.engine.intervals import Interval

BIBLIOGRAPHY = (Path(__file__).parents[2] / "book" / "references.bib").read_text(encoding="utf-8")
RATIO = Interval(21.4, 19.0, 23.9)


def finding(speaks, name="C6.x"):
    return Finding(name, "Twice as fast.", speaks, Above(2))


@pytest.mark.parametrize(
    ("predicate", "holding", "failing"),
    [
        (Above(2), (3, 2.1, 4), (3, 1.9, 4)),
        (Below(2), (1, 0.5, 1.9), (1, 0.5, 2.1)),
        (Within(2, 5), (3, 2, 5), (3, 1.9, 4)),
        (Within(2, 5), (3, 2.5, 4), (3, 2.5, 5.1)),
        (Covers(0), (0.1, -0.1, 0.2), (0.1, 0.01, 0.2)),
    ],
)
def test_predicates(predicate, holding, failing):
    assert predicate.holds(Interval(*holding))
    assert not predicate.holds(Interval(*failing))
    assert predicate.words()


def test_a_run_that_supports_its_sentence_is_recorded_and_shown():
    evidence = claims.check("C6.small-init", RATIO, seeds=8, setting="3 x 100 sigmoid, <SGD>")
    bundle = evidence._repr_mimebundle_()
    assert bundle["text/plain"] == "C6.small-init: 21.4 [19.0, 23.9] times fewer steps"
    assert 'id="claim-c6-small-init"' in bundle["text/html"]
    assert "&lt;SGD&gt;" in bundle["text/html"]
    assert Evidence.from_record(bundle[claims.MIME]) == evidence
    assert evidence.environment.keys() >= {"python", "torch", "cpu capability"}


@pytest.mark.parametrize(
    ("interval", "seeds", "message"),
    [
        ((11, 9.9, 12), 8, "stands while the whole interval lies above 10; the run .* gave 11 .9.9, 12."),
        ((11, float("nan"), 12), 8, "finite numbers"),
        ((float("inf"),) * 3, 8, "finite numbers"),
        ((25, 11, 12), 8, "low <= estimate <= high"),
        ((21, 19, 24), 1, "at least 2 seeds; got 1"),
    ],
)
def test_a_run_that_contradicts_its_sentence_is_refused(interval, seeds, message):
    with pytest.raises(claims.ClaimError, match=message):
        claims.check("C6.small-init", Interval(*interval), seeds=seeds, setting="3 x 100 sigmoid")


def test_a_stored_record_is_checked_again():
    record = asdict(claims.check("C6.small-init", RATIO, seeds=8, setting="3 x 100 sigmoid"))
    with pytest.raises(claims.ClaimError, match=r"C6.small-init says"):
        Evidence.from_record(record | {"low": 3.0})


def test_a_loaded_record_keeps_what_it_was_run_on():
    loaded = {"python": "3.0", "cpu capability": "slow"}
    evidence = claims.check("C6.small-init", RATIO, seeds=8, setting="", run_on=loaded)
    assert evidence.environment == loaded


def test_a_condition_speaks_the_unit_of_its_numbers():
    share = replace(finding(Speaks.FOR), predicate=Within(0.025, 0.29), spec=".1%")
    assert share.condition == "the whole interval lies between 2.5% and 29%"
    assert finding(Speaks.FOR).condition == "the whole interval lies above 2"


def test_a_count_has_no_interval():
    count = Interval(0.75, 0.75, 0.75)
    evidence = claims.check("C13.since-2023", count, seeds=4, setting="a table")
    assert evidence.result == "75%"
    assert "(a count over 4 models; a table)" in evidence._repr_mimebundle_()["text/html"]
    assert evidence.finding.condition == "the count lies above 50%"
    with pytest.raises(claims.ClaimError, match=r"is a count of models, which has no interval.*low 0.7 and"):
        claims.check("C13.since-2023", Interval(0.75, 0.7, 0.8), seeds=4, setting="a table")


def test_an_unknown_finding_is_refused_with_near_ones():
    with pytest.raises(claims.ClaimError, match=r"no finding 'C6.smal-init'; near it are C6.small-init"):
        claims.check("C6.smal-init", RATIO, seeds=8, setting="")


@pytest.mark.parametrize(
    ("verdict", "speak", "message"),
    [
        (Verdict.HOLDS, [], "no finding speaks for"),
        (Verdict.HOLDS, ["for", "limits"], "beside C6.1"),
        (Verdict.LIMITED, ["for"], "no finding speaks limits"),
        (Verdict.LIMITED, ["for", "limits", "against"], "beside C6.2"),
        (Verdict.CONTESTED, ["for", "limits"], "no finding speaks against"),
        (Verdict.NOT_REPRODUCED, ["for", "against"], "beside C6.0"),
        (Verdict.OPEN, ["for"], "beside C6.0"),
    ],
)
def test_a_verdict_that_does_not_follow_is_refused(verdict, speak, message):
    findings = tuple(finding(Speaks(word), f"C6.{i}") for i, word in enumerate(speak))
    with pytest.raises(ValueError, match=message):
        Claim("C6", "", (), verdict, "", findings)


@pytest.mark.parametrize(
    ("verdict", "speak"),
    [
        (Verdict.HOLDS, ["for", "for"]),
        (Verdict.LIMITED, ["limits", "for"]),
        (Verdict.CONTESTED, ["against", "limits", "for"]),
        (Verdict.NOT_REPRODUCED, ["against"]),
        (Verdict.OPEN, []),
    ],
)
def test_a_verdict_that_follows_stands(verdict, speak):
    findings = tuple(finding(Speaks(word), f"C6.{i}") for i, word in enumerate(speak))
    assert Claim("C6", "", (), verdict, "", findings).findings == findings


def test_finding_ids_are_the_claims_own():
    for ids in (["C6.a", "C6.a"], ["C7.a"], ["C61.a"]):
        with pytest.raises(ValueError, match="needs an id of its own"):
            Claim("C6", "", (), Verdict.HOLDS, "", tuple(finding(Speaks.FOR, name) for name in ids))


def test_the_ledger_is_in_order_and_its_sources_are_in_the_bibliography():
    assert [claim.id for claim in claims.LEDGER] == [f"C{i}" for i in range(1, 14)]
    for claim in claims.LEDGER:
        assert claim.sources
        for key in claim.sources:
            assert f"{{{key}," in BIBLIOGRAPHY
        assert (claim.verdict is Verdict.OPEN) == (not claim.summary)


def test_no_predicate_of_the_ledger_accepts_everything():
    far = [Interval(x, x, x) for x in (-1e9, 1e9)]
    for entry in (f for claim in claims.LEDGER for f in claim.findings):
        assert not all(entry.predicate.holds(interval) for interval in far)
        assert replace(entry, id="C99.other").anchor == "claim-c99-other"
