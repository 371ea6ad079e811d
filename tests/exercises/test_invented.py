"""How much of the unknown is named: answers that nobody fitted the judgement to."""

import pytest

from normcourse.exercises.catalogue import find_task
from normcourse.exercises.diagnosis import diagnose
from normcourse.exercises.marking import mark
from tests.exercises.invented import INVENTED, SEEN
from tests.exercises.outcomes import outcomes

ALL = [
    pytest.param(task, answer, id=f"{task}: {described}")
    for answers in (INVENTED, SEEN)
    for task, entries in answers.items()
    for described, answer in entries
]


def share_named(answers):
    """Return which share of answers has a name for all that is wrong with them."""
    found = [
        diagnose(find_task(task), outcomes(find_task(task), answer))
        for task, entries in answers.items()
        for _, answer in entries
    ]
    return sum(bool(one.whole or (one.parts and not one.left)) for one in found) / len(found)


@pytest.mark.parametrize(("task", "answer"), ALL)
def test_a_wrong_answer_loses_points_and_is_told_why(task, answer):
    result = mark(find_task(task), outcomes(find_task(task), answer))
    assert result.points < result.of
    assert result.message


def test_twenty_mistakes_were_invented_for_every_big_task():
    assert {len(entries) for entries in INVENTED.values()} == {20}
    big = {"bn.forward", "bn.backward", "bn.conv_backward", "ln.backward", "ln.rms_backward", "ln.masked"}
    assert big <= INVENTED.keys()


def test_of_invented_mistakes_three_in_five_are_named():
    assert share_named(INVENTED) > 0.6


def test_of_mistakes_in_public_three_in_four_are_named():
    assert share_named(SEEN) > 0.75
