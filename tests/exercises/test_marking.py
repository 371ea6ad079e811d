"""The judgement: points, numbers and the mistake that explains all the evidence."""

from dataclasses import replace

import numpy as np
import pytest

from normcourse.exercises.catalogue import find_task
from normcourse.exercises.diagnosis import explain
from normcourse.exercises.feedback import Feedback
from normcourse.exercises.marking import mark
from normcourse.exercises.probes import arguments, distance, given_by
from normcourse.exercises.running import Outcome
from tests.exercises.outcomes import outcomes

FORWARD = find_task("bn.forward")
BACKWARD = find_task("bn.backward")
REPAIR = find_task("inference.repair")


def right(x, gamma, beta, eps):
    return gamma * (x - x.mean(0)) / np.sqrt(x.var(0) + eps) + beta


def judged(answer, task=FORWARD, seed=0):
    return mark(task, outcomes(task, answer, seed), seed)


def test_a_distance_is_relative_to_large_values_only():
    assert distance(np.array([0.1]), np.array([0.2])) == pytest.approx(0.1)
    assert distance(np.array([110.0]), np.array([100.0])) == pytest.approx(0.1)
    assert distance(np.zeros(2), np.zeros(3)) == np.inf
    assert distance(np.array([np.nan]), np.zeros(1)) == np.inf
    assert distance(np.array([np.inf]), np.array([np.inf])) == np.inf
    assert distance(np.empty((0, 2)), np.empty((0, 2))) == 0


@pytest.mark.parametrize(("off", "passes"), [(4e-6, True), (6e-6, False)])
def test_the_tolerance_is_where_it_is_said_to_be(off, passes):
    def answer(x, gamma, beta, eps):
        y = right(x, gamma, beta, eps)
        y[0, 0] += off * max(1, abs(y).max())
        return y

    assert (judged(answer).status == "right") == passes


def test_one_wrong_number_on_one_probe_loses_the_points_of_its_check():
    def answer(x, gamma, beta, eps):
        y = right(x, gamma, beta, eps)
        if eps > 1e-3:
            y[-1, -1] += 1e-3
        return y

    result = judged(answer)
    assert (result.status, result.points) == ("partly", 3)
    assert [check.passed for check in result.checks] == [True, False]
    assert result.mistakes == ()


def test_a_mistake_in_rounded_numbers_is_still_named():
    def answer(x, gamma, beta, eps):
        return np.round(gamma * (x - x.mean(0)) / np.sqrt(x.var(0, ddof=1) + eps) + beta, 4)

    assert judged(answer).mistakes == ("n - 1",)


def test_two_mistakes_are_no_name_for_three():
    """An output that is nearer to a known pair than to the truth, but not made by it."""

    def answer(x, gamma, beta, eps):
        return gamma * (x - x.mean(0)) / (np.sqrt(x.var(0, ddof=1)) + eps) + 1.001 * beta

    assert judged(answer).mistakes == ()


def test_a_mistake_that_explains_only_part_of_the_evidence_is_not_named():
    def answer(x, gamma, beta, eps):
        wrong = len(x) == 3
        return gamma * (x - x.mean(0)) / np.sqrt(x.var(0, ddof=wrong) + eps) + beta

    result = judged(answer)
    assert result.points < FORWARD.points
    assert result.mistakes == ()


def test_two_mistakes_are_both_named():
    def answer(x, gamma, beta, eps):
        return gamma * (x - x.mean(0)) / (np.sqrt(x.var(0, ddof=1)) + eps)

    # Three mistakes: no pair explains them.
    assert judged(answer).mistakes == ()
    assert judged(lambda x, g, b, e: g * (x - x.mean(0)) / np.sqrt(x.var(0, ddof=1) + e)).mistakes == (
        "n - 1",
        "no beta",
    )


def test_numbers_say_what_is_off():
    assert "shape (1, 3" in judged(lambda *a: right(*a)[None]).checks[0].detail
    assert "not finite" in judged(lambda *a: right(*a) / 0).checks[0].detail
    assert "1.5 times" in judged(lambda *a: 1.5 * right(*a)).message
    assert "off by up to 1 where values reach" in judged(lambda *a: right(*a) + 1).checks[0].detail
    assert "within 1e-12" in judged(right).checks[0].detail


def test_outputs_earn_their_points_apart():
    def answer(dy, x, gamma, eps):
        xhat = (x - x.mean(0)) / np.sqrt(x.var(0) + eps)
        return np.zeros_like(x), (dy * xhat).sum(0), dy.sum(0)

    result = judged(answer, BACKWARD)
    assert result.points == 2
    assert [check.passed for check in result.checks] == [False, True, True, False]


def test_none_among_the_outputs_costs_its_own_check():
    def answer(dy, x, gamma, eps):
        return None, (dy * (x - x.mean(0)) / np.sqrt(x.var(0) + eps)).sum(0), dy.sum(0)

    result = judged(answer, BACKWARD)
    assert (result.status, result.points) == ("partly", 2)
    assert result.checks[0].detail.startswith("dx is None or empty")


def test_a_stub_that_stands_for_one_probe_keeps_the_points_of_the_others():
    def answer(x, sublayer, norm, placement):
        if placement == "both":
            raise NotImplementedError
        return x + sublayer(norm(x)) if placement == "pre" else norm(x + sublayer(x))

    result = judged(answer, find_task("ln.block"))
    assert (result.status, result.points) == ("raised", 3)
    assert "put your answer in its place" in result.message


@pytest.mark.parametrize(
    ("left", "points"),
    [
        (set(), 5),
        ({"training mode"}, 3),
        ({"softmax twice"}, 4),
        ({"gradients kept", "norm left out"}, 3),
        ({"training mode", "gradients kept", "softmax twice"}, 1),
        ({"training mode", "gradients kept", "softmax twice", "norm left out"}, 0),
    ],
)
def test_each_repair_of_the_script_earns_its_points(left, points):
    inputs = arguments(REPAIR, 0)
    found = [Outcome("returned", REPAIR.mistaken(frozenset(left), **given)) for given in inputs]
    result = mark(REPAIR, found)
    assert result.points == points
    assert set(result.mistakes) == left
    assert ("One of them" in result.message) == (len(left) > 2)


def test_what_is_off_for_an_unknown_reason_earns_no_repair():
    truth = [np.array(array) for array in REPAIR.reference(**arguments(REPAIR, 0)[0])]
    result = mark(REPAIR, [Outcome("returned", (truth[0] + 1, *truth[1:]))])
    assert [check.passed for check in result.checks] == [False, True, True, True]  # the weights are right
    result = mark(REPAIR, [Outcome("returned", tuple(array + 1 for array in truth))])
    assert result.points == 0


def test_a_forecast_is_neither_passed_nor_failed():
    task = find_task("bn.predictions")
    result = mark(task, [Outcome("returned", value={s.name: 0.5 for s in task.statements})])
    assert {check.of for check in result.checks} == {0}
    assert "which costs 0.25" in result.checks[0].detail
    assert "FAIL" not in str(Feedback(task, result))


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("0.5", "has '0.5', which is no number"),
        (True, "has True, which is no number"),
        (None, "has none"),
        (50, "is a percentage: divide it by 100"),
        (-1, "has -1"),
    ],
)
def test_what_is_no_probability_is_named(entry, said):
    task = find_task("bn.predictions")
    given = {s.name: 0.5 for s in task.statements} | {"ghosts": entry}
    assert mark(task, [Outcome("returned", value=given)]).message.endswith(f'but "ghosts" {said}.')


def test_an_exception_on_one_probe_keeps_the_points_of_the_others():
    def answer(x, gamma, beta, eps):
        if eps > 1e-3:
            raise ValueError("no")
        return right(x, gamma, beta, eps)

    result = judged(answer)
    assert (result.status, result.points) == ("raised", 3)
    assert "ValueError: no" in result.message


@pytest.mark.parametrize("kind", ["timeout", "crash", "malformed", "missing"])
def test_what_came_to_no_answer_says_why(kind):
    result = mark(FORWARD, [Outcome(kind, message="for a reason")])
    assert (result.status, result.points, result.message) == (kind, 0, "for a reason")


def test_a_seed_draws_the_same_inputs_and_another_one_others():
    one, same, other = (arguments(FORWARD, seed)[1] for seed in (5, 5, 2**200 + 1))
    assert all(np.array_equal(one[name], same[name]) for name in one)
    assert one["x"].shape != other["x"].shape or not np.array_equal(one["x"], other["x"])


def test_the_answer_of_another_seed_is_not_right():
    assert mark(FORWARD, outcomes(FORWARD, right, seed=1), seed=2).points == 0


def test_a_task_without_checks_that_see_a_mistake_would_be_caught():
    """The quality tests can fail: a probe with gamma 1 and beta 0 hides a forgotten affine."""

    def plain(rng):
        return {"x": rng.normal(size=(4, 3)), "gamma": np.ones(3), "beta": np.zeros(3), "eps": 1e-5}

    blind = replace(FORWARD, probes=tuple(replace(probe, draw=plain) for probe in FORWARD.probes))
    given = [Outcome("returned", arrays) for arrays in given_by(blind, 0, frozenset({"no affine"}))]
    assert mark(blind, given).status == "right"
    assert explain(FORWARD, outcomes(FORWARD, right)) == frozenset()
