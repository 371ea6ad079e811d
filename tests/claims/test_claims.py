from dataclasses import asdict, replace
from pathlib import Path

import pytest

from normcourse import claims
from normcourse.claims import (
    Above,
    Below,
    Claim,
    Covers,
    Evidence,
    Finding,
    Scale,
    Speaks,
    Verdict,
    Within,
)
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


def claim(verdict=Verdict.HOLDS, findings=(), **words):
    """Return a claim on findings, with a phrase of the first one's number."""
    phrase = f"{{{findings[0].name}}} times" if findings else ""
    return Claim("C6", "It is so.", ("who",), verdict, "", findings, **{"phrase": phrase, **words})


def test_a_run_that_supports_its_sentence_is_recorded_and_shown():
    evidence = claims.check("C6.small-init", RATIO, seeds=8, setting="3 x 100 sigmoid, <SGD>")
    bundle = evidence._repr_mimebundle_()
    assert bundle["text/plain"] == "C6.small-init: 21.4 [19.0, 23.9] times fewer steps"
    assert 'id="claim-c6-small-init"' in bundle["text/html"]
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
    points = replace(finding(Speaks.FOR), predicate=Within(-0.03, 0.5), spec=".1p")
    assert points.condition == "the whole interval lies between −3 and 50"
    bound = replace(finding(Speaks.FOR), predicate=Within(-0.5, 1e-12))
    assert bound.condition == "the whole interval lies between −0.5 and 1e-12"


@pytest.mark.parametrize(
    ("numbers", "settings", "said"),
    [
        ((21.4, 19.0, 23.9), {"unit": "times"}, "21.4 [19.0, 23.9] times"),
        ((-0.04, -0.3, 0.02), {}, "0.0 [−0.3, 0.0]"),
        ((0.5, 0.496, 0.504), {"spec": ".2f"}, "0.50"),
        ((0.0911, 0.06, 0.12), {"spec": "+.1p", "unit": "points"}, "+9.1 [+6.0, +12.0] points"),
        ((2.15, 2.15, 2.15), {"spec": ".2f", "unit": "times"}, "2.15 times, at every seed"),
        ((0.75, 0.75, 0.75), {"spec": ".0%", "counted": "models"}, "75%"),
        ((3e-17, 1e-17, 4e-17), {"rounding": True, "unit": "σ"}, "below 1e-12 σ"),
    ],
)
def test_a_result_says_what_is_worth_saying(numbers, settings, said):
    told = Finding("C6.x", "So.", Speaks.FOR, Within(0, 1e-12), **settings)
    assert told.say(*numbers) == said


def test_a_rounding_error_needs_a_bound():
    with pytest.raises(ValueError, match=r"C6.x is a rounding error, and so Within two bounds; got Above"):
        Finding("C6.x", "So.", Speaks.FOR, Above(2), rounding=True)


def test_a_count_has_no_interval():
    count = Interval(0.75, 0.75, 0.75)
    evidence = claims.check("C13.since-2023", count, seeds=4, setting="a table")
    assert evidence.result == "75% use RMSNorm"
    assert evidence.extent == "over 4 models"
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
    assert claim(verdict, findings).findings == findings


def test_finding_ids_are_the_claims_own():
    for ids in (["C6.a", "C6.a"], ["C7.a"], ["C61.a"]):
        with pytest.raises(ValueError, match="needs an id of its own"):
            Claim("C6", "", (), Verdict.HOLDS, "", tuple(finding(Speaks.FOR, name) for name in ids))


def test_a_phrase_takes_its_numbers_from_the_runs():
    found = (finding(Speaks.FOR, "C6.deep"), finding(Speaks.FOR, "C6.two-layers"))
    told = claim(findings=found, phrase="up to {deep:.0f} times, {two-layers} with two layers")
    assert told.say({"C6.deep": 11.7, "C6.two-layers": -0.04}) == "Up to 12 times, 0.0 with two layers"
    assert claim(findings=found, phrase="σ moves {deep}").say({"C6.deep": 1}) == "σ moves 1.0"
    assert told.named == {"deep": ".0f", "two-layers": ".1f"}


def test_a_phrase_with_a_rounding_error_is_refused():
    error = replace(finding(Speaks.FOR), predicate=Within(0, 1e-12), rounding=True)
    with pytest.raises(ValueError, match="the phrase of C6 gives the digits of a rounding error, x"):
        claim(findings=(error,))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"phrase": "{deap} times"}, "C6 has no finding deap; it has deep"),
        ({"phrase": "12 times"}, '"1" in the phrase or the verdict of C6 comes from no run'),
        ({"phrase": "{deep} times with 12 layers"}, '"1" in the phrase'),
        ({"phrase": "{C6.deep} times"}, '"{" in the phrase'),
        ({"phrase": "many times"}, "the phrase of C6 has no number"),
        ({"phrase": ""}, "the phrase of C6 has no number"),
        ({"stands": "holds up to 12 layers"}, '"1" in the phrase or the verdict'),
        ({"scale": Scale(("deep", "wide"), 1, "as many")}, "C6 has no finding wide"),
    ],
)
def test_a_phrase_with_other_numbers_or_none_is_refused(words, message):
    with pytest.raises(ValueError, match=message):
        claim(findings=(finding(Speaks.FOR, "C6.deep"),), **words)


def test_every_claim_says_for_what_it_holds():
    stands = [claim.stands for claim in claims.LEDGER if claim.findings]
    assert all(0 < len(words) <= 60 for words in stands)
    assert len(set(stands)) == len(stands)


@pytest.mark.parametrize("told", [claim for claim in claims.LEDGER if claim.scale], ids=lambda told: told.id)
def test_findings_on_one_axis_are_of_one_kind(told):
    drawn = [found for found in told.findings if found.name in told.scale.findings]
    assert len({found.spec[-1] for found in drawn}) == 1  # shares, points, or numbers
    assert len({bool(found.counted) for found in drawn}) == 1


def test_the_ledger_is_in_order_and_its_sources_are_in_the_bibliography():
    assert [claim.id for claim in claims.LEDGER] == [f"C{i}" for i in range(1, 22)]
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
