"""Every task: right answers get full marks, every known mistake loses points and is called by its name."""

import importlib
from pathlib import Path

import numpy as np
import pytest

from normcourse.exercises.catalogue import EXERCISES, PRACTICE
from normcourse.exercises.diagnosis import explain
from normcourse.exercises.marking import mark
from normcourse.exercises.probes import arguments, distance, given_by
from normcourse.exercises.running import call_answer
from normcourse.exercises.task import ChoiceTask, CodeTask, PredictionTask
from tests.exercises.outcomes import outcomes

SEEDS = [0, 1, 20261, 2**70 + 3]
TASKS = [*(task for exercise in EXERCISES for task in exercise.tasks), *PRACTICE]
CODE = [task for task in TASKS if isinstance(task, CodeTask)]
SUSPECTS = [pytest.param(t, s, id=f"{t.name}: {' + '.join(sorted(s))}") for t in CODE for s in t.suspects()]
VARIANTS = {
    name: answers
    for module in (*(exercise.notebook[3:-6].replace("-", "_") for exercise in EXERCISES), "pages")
    for name, answers in importlib.import_module(f"tests.exercises.variants.{module}").VARIANTS.items()
}


def mistaken(task, mistakes, seed):
    """Return the outcomes of an answer that makes these mistakes."""
    rows = iter(arguments(task, seed))

    def answer(*_):
        return task.mistaken(mistakes, **next(rows))

    # A task's own way of calling is left out: the family takes the inputs as they are drawn.
    return [
        call_answer({"answer": answer}, "answer", lambda answer, _: answer(), {}, len(task.outputs))
        for _ in task.probes
    ]


def test_the_points_of_the_course_are_100():
    assert sum(exercise.points for exercise in EXERCISES if not exercise.on_its_own) == 100


def test_the_scripts_of_chapter_5_count_on_their_own():
    assert [(one.name, one.points) for one in EXERCISES if one.on_its_own] == [("clinic", 30)]


@pytest.mark.parametrize("task", [t for t in CODE if t.handed_out], ids=lambda t: t.name)
@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_handed_out_earns_nothing_and_is_named(task, seed):
    judged = mark(task, mistaken(task, frozenset(task.handed_out), seed), seed)
    assert judged.points == 0
    assert set(judged.mistakes) == set(task.handed_out)


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda e: e.name)
def test_an_exercise_has_5_to_8_tasks_of_one_prefix(exercise):
    assert 5 <= len(exercise.tasks) <= 8
    assert len({task.name.partition(".")[0] for task in exercise.tasks}) == 1


@pytest.mark.parametrize("task", CODE, ids=lambda t: t.name)
@pytest.mark.parametrize("seed", SEEDS)
def test_the_family_without_a_mistake_is_right(task, seed):
    assert mark(task, mistaken(task, frozenset(), seed), seed).status == "right"


@pytest.mark.parametrize(
    ("task", "variant"),
    [pytest.param(t, v, id=f"{t.name}: {v.__name__}") for t in CODE for v in VARIANTS.get(t.name, [])],
)
@pytest.mark.parametrize("seed", SEEDS)
def test_right_answers_get_full_marks(task, variant, seed):
    judged = mark(task, outcomes(task, variant, seed), seed)
    assert judged.status == "right", judged


@pytest.mark.parametrize("task", CODE, ids=lambda t: t.name)
def test_a_task_has_three_variants_at_least(task):
    assert len(VARIANTS[task.name]) >= 3


@pytest.mark.parametrize(("task", "mistakes"), SUSPECTS)
def test_a_mistake_loses_points_and_is_named(task, mistakes):
    for seed in SEEDS[:3]:
        given = mistaken(task, mistakes, seed)
        assert mark(task, given, seed).points < task.points
        named = explain(task, given, seed)
        assert named == mistakes or any({named, mistakes} <= group for group in task.alike), (seed, named)


@pytest.mark.parametrize("task", CODE, ids=lambda t: t.name)
def test_mistakes_are_far_from_right(task):
    """A mistake is told from rounding with room to spare: ten tolerances on some probe and output."""
    for mistake in task.mistakes:
        for seed in SEEDS:
            wrong = given_by(task, seed, frozenset([mistake.name]))
            truth = given_by(task, seed, frozenset())
            gaps = [
                np.inf if w is None else max(distance(a, b) for a, b in zip(w, t, strict=True))
                for w, t in zip(wrong, truth, strict=True)
            ]
            assert max(gaps) > 10 * task.tolerance, (mistake.name, seed)


@pytest.mark.parametrize("task", CODE, ids=lambda t: t.name)
def test_declared_sets_are_alike(task):
    for group in task.alike:
        assert len(group) > 1
        found = {explain(task, mistaken(task, mistakes, 0)) for mistakes in group}
        assert len(found) == 1, f"{group} are told apart: declare them no more"


@pytest.mark.parametrize("task", TASKS, ids=lambda t: t.name)
def test_a_task_has_two_hints_and_a_page(task):
    assert len(task.hints) >= 2
    page = Path(__file__).parents[2] / task.section.page
    found = [path for path in (page.with_suffix(".ipynb"), page.with_suffix(".md")) if path.is_file()]
    assert found
    assert f"# {task.section.title}" in found[0].read_text(encoding="utf-8")


@pytest.mark.parametrize("task", [t for t in TASKS if isinstance(t, ChoiceTask)], ids=lambda t: t.name)
def test_choices_offer_the_right_one_and_beliefs_are_told_apart(task):
    for question in task.questions:
        assert question.right in [option.name for option in question.options]
    sheets = [tuple(sorted(belief.answers.items())) for belief in task.beliefs]
    assert len(set(sheets)) == len(sheets)
    by_name = {question.name: question for question in task.questions}
    for belief in task.beliefs:
        for name, option in belief.answers.items():
            assert option in [o.name for o in by_name[name].options]
            assert option != by_name[name].right


@pytest.mark.parametrize("task", [t for t in TASKS if isinstance(t, PredictionTask)], ids=lambda t: t.name)
def test_statements_go_both_ways(task):
    assert {statement.true for statement in task.statements} == {True, False}
