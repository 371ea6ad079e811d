"""Judge what an answer returned: points, and the mistake that explains all that was seen."""

import threading
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from normcourse.exercises.advice import advice, definitions
from normcourse.exercises.diagnosis import Diagnosis, diagnose
from normcourse.exercises.probes import distance, expected
from normcourse.exercises.running import Outcome
from normcourse.exercises.task import AnyTask, ChoiceTask, CodeTask, NumberTask, PredictionTask

__all__ = ["CheckMark", "Mark", "mark"]

_JUDGING = threading.Lock()

Arrays = tuple[NDArray[np.float64], ...]


@dataclass(frozen=True)
class CheckMark:
    """One check of a task: its name, whether it passed, its points, and the numbers that decided."""

    name: str
    passed: bool
    points: float
    of: int
    detail: str


@dataclass(frozen=True)
class Mark:
    """The judgement of one task.

    Attributes:
        task: Its name.
        status: ``right``, ``partly`` (some points), ``wrong``, the kind of an outcome without an answer, or
            ``not here`` (what the task needs is not installed).
        points: Earned.
        of: To be had.
        checks: One by one.
        mistakes: The names of what explains all the evidence; empty if nothing known does.
        message: To the learner: the mistake in words, or the reason of a failure.
    """

    task: str
    status: str
    points: float
    of: int
    checks: tuple[CheckMark, ...] = ()
    mistakes: tuple[str, ...] = ()
    message: str = ""

    @property
    def repeats(self) -> bool:
        """Whether the message stands in the checks too, so that it need not be shown."""
        return any(self.message in check.detail for check in self.checks)


def mark(task: AnyTask, outcomes: Sequence[Outcome], seed: int = 0) -> Mark:
    """Judge a task by the outcomes of its probes, in their order; the other kinds of task have one outcome.

    Args:
        task: Any.
        outcomes: Of :func:`~normcourse.exercises.running.call_answer` on ``arguments`` with the same
            seed, of ``read_answer`` or of ``read_numbers``. Arrays that were returned are not trusted: shape
            and finiteness are looked at here.
        seed: Of the probes.

    No warning of NumPy's comes out of it, whatever the arrays hold.
    """
    # The filters of warnings are of all threads: two at once would not leave them as they were.
    with _JUDGING, np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _mark(task, outcomes, seed)


def _mark(task: AnyTask, outcomes: Sequence[Outcome], seed: int) -> Mark:
    if any(outcome.kind != "not attempted" for outcome in outcomes):  # a part of it was
        outcomes = [replace(o, kind="raised") if o.kind == "not attempted" else o for o in outcomes]
    failed = next((outcome for outcome in outcomes if outcome.kind != "returned"), None)
    if failed is not None and (not isinstance(task, CodeTask) or failed.kind not in ("raised", "unreadable")):
        return Mark(task.name, failed.kind, 0, task.points, message=failed.message)
    if isinstance(task, ChoiceTask):
        return _mark_choices(task, outcomes[0])
    if isinstance(task, PredictionTask):
        return _mark_predictions(task, outcomes[0])
    if isinstance(task, NumberTask):
        return _mark_numbers(task, outcomes[0])
    return _mark_code(task, outcomes, seed)


def _mark_code(task: CodeTask, outcomes: Sequence[Outcome], seed: int) -> Mark:
    truths = expected(task, seed)
    apart: dict[tuple[str, str], float] = {}  # by probe and output
    for probe, outcome, truth in zip(task.probes, outcomes, truths, strict=True):
        for number, output in enumerate(task.outputs):
            returned = outcome.kind == "returned"
            apart[probe.name, output] = (
                distance(outcome.arrays[number], truth[number]) if returned else float("inf")
            )
    right = all(difference <= task.tolerance for difference in apart.values())
    found = Diagnosis() if right else diagnose(task, outcomes, seed)
    names = {mistake.name for mistake in found.whole}
    checks = []
    for check in task.checks:
        seen = {
            (probe, output): difference
            for (probe, output), difference in apart.items()
            if (not check.probes or probe in check.probes) and (not check.outputs or output in check.outputs)
        }
        (where, output), worst = max(seen.items(), key=lambda entry: entry[1])
        spared = bool(check.faults and names) and names.isdisjoint(check.faults)
        passed = worst <= task.tolerance or spared
        number = [probe.name for probe in task.probes].index(where)
        detail = _detail(task, outcomes[number], truths[number], output, worst, where)
        if spared and worst > task.tolerance:
            detail = "what is off has another reason"
        checks.append(CheckMark(check.name, passed, check.points if passed else 0, check.points, detail))
    points = sum(check.points for check in checks)
    if points == task.points:
        return Mark(task.name, "right", points, task.points, tuple(checks))
    status = next((o.kind for o in outcomes if o.kind != "returned"), "partly" if points else "wrong")
    mistakes = found.whole or tuple(dict.fromkeys(m for _, some in found.parts for m in some))
    message = _explained(found) if found.whole else advice(task, outcomes, seed, found)
    return Mark(
        task.name, status, points, task.points, tuple(checks), tuple(m.name for m in mistakes), message
    )


def _explained(found: Diagnosis) -> str:
    if len(found.whole) <= 2:
        return " ".join([*(m.says for m in found.whole), *definitions(found.whole)])
    first = found.whole[0].says  # more is the whole task
    return f"{len(found.whole)} mistakes together explain this. One of them: {first}"


def _detail(task: CodeTask, outcome: Outcome, truth: Arrays, output: str, worst: float, probe: str) -> str:
    """Say in numbers how a check went, at its worst probe."""
    if outcome.kind != "returned":
        return f'tried on "{probe}": {outcome.message}'
    number = task.outputs.index(output)
    array, right = outcome.arrays[number], truth[number]
    if not array.size and right.size:
        return f'{output} is None or empty, tried on "{probe}"'
    if array.shape != right.shape:
        return f'{output} has shape {array.shape} where {right.shape} is due, tried on "{probe}"'
    if not np.isfinite(array).all() and np.isfinite(right).all():
        many = np.count_nonzero(~np.isfinite(array))
        values = "1 value that is" if many == 1 else f"{many} values that are"
        return f'{output} holds {values} not finite, tried on "{probe}"'
    if worst <= task.tolerance:
        bound = next(b for b in (1e-12, 1e-9, task.tolerance) if worst <= b)
        return f"within {bound:.0e}"
    largest = float(np.max(np.abs(right)))
    reach = f" where values reach {largest:.2g}" if largest > 1 else ""
    return f'{output} is off by up to {worst * max(1.0, largest):.2g}{reach}, tried on "{probe}"'


def _mark_choices(task: ChoiceTask, outcome: Outcome) -> Mark:
    given = outcome.value or {}
    checks, wrong = [], {}
    for question in task.questions:
        choice = given.get(question.name)
        option = next((option for option in question.options if option.name == choice), None)
        passed = choice == question.right
        if option is None:
            allowed = ", ".join(repr(option.name) for option in question.options)
            detail = (
                f"choose one of {allowed}" if choice is None else f"{_shown(choice)} is none of {allowed}"
            )
        else:
            detail = option.says
            if not passed:
                wrong[question.name] = option.name
        checks.append(
            CheckMark(question.name, passed, question.points if passed else 0, question.points, detail)
        )
    points = sum(check.points for check in checks)
    status = "right" if points == task.points else "partly" if points else "wrong"
    belief = next((b for b in task.beliefs if wrong and dict(b.answers) == wrong), None)
    if belief is not None:
        return Mark(task.name, status, points, task.points, tuple(checks), (belief.name,), belief.says)
    names = tuple(f"{question}: {option}" for question, option in wrong.items())
    return Mark(task.name, status, points, task.points, tuple(checks), names)


def _mark_predictions(task: PredictionTask, outcome: Outcome) -> Mark:
    given = outcome.value or {}
    bad = {s.name: why for s in task.statements if (why := _no_probability(given.get(s.name)))}
    if bad:
        mistakes: tuple[str, ...] = ("percent",) if set(bad.values()) == {PERCENT} else ()
        faults = ", ".join(f'"{name}" {why}' for name, why in bad.items())
        message = f"Each statement needs a probability from 0 to 1, but {faults}."
        return Mark(task.name, "wrong", 0, task.points, (), mistakes, message)
    errors = {s.name: (given[s.name] - s.true) ** 2 for s in task.statements}
    brier = sum(errors.values()) / len(errors)
    skill = max(0.0, 1 - 4 * brier)
    points = round(task.points / 2 * (1 + skill), 1)
    checks = tuple(
        CheckMark(
            s.name,
            errors[s.name] < 0.25,
            0,
            0,
            f"it is {str(s.true).lower()}; you gave {given[s.name]:g}, which costs {errors[s.name]:.2g}",
        )
        for s in task.statements
    )
    mistakes = _miscalibrated(task, given)
    message = (
        f"Brier score {brier:.3f}, the mean of these costs: 0 is perfect, 0.25 is what 0.5 throughout gives."
    )
    if mistakes:
        message += " " + FORECASTERS[mistakes[0]]
    return Mark(
        task.name, "right" if skill > 0.5 else "partly", points, task.points, checks, mistakes, message
    )


PERCENT = "is a percentage: divide it by 100"


def _no_probability(given: object) -> str:
    """Say why an entry is no probability; empty if it is one."""
    if given is None:
        return "has none"
    if isinstance(given, bool) or not isinstance(given, int | float):
        return f"has {_shown(given)}, which is no number"
    if 0 <= given <= 1:
        return ""
    return PERCENT if 1 < given <= 100 else f"has {_shown(given)}"


def _shown(given: object) -> str:
    """Return what was given, in few characters; a whole number may have more digits than Python prints."""
    try:
        return f"{given:g}" if type(given) is float else f"{given!r:.60}"
    except ValueError:
        return "a number of thousands of digits"


def _mark_numbers(task: NumberTask, outcome: Outcome) -> Mark:
    given, right = outcome.arrays[0], np.asarray(task.right, dtype=np.float64)
    if distance(given, right) <= task.tolerance:
        return Mark(task.name, "right", 1, 1)
    for wrong in task.wrong:
        if distance(given, np.asarray(wrong.value, dtype=np.float64)) <= task.tolerance:
            return Mark(task.name, "wrong", 0, 1, (), (wrong.name,), wrong.says)
    if any(np.array_equal(given, right.round(decimals)) for decimals in range(3)):
        message = "It is rounded: give three digits after the point, or an expression, such as np.sqrt(2)."
        return Mark(task.name, "wrong", 0, 1, (), ("rounded",), message)
    message = f"None of the {len(task.wrong)} mistakes that we know gives this."
    close = np.abs(given - right) <= task.tolerance * max(1.0, np.abs(right).max())
    if close.any():
        message += f" {task.answer}[{np.flatnonzero(close)[0]}] is right."
    return Mark(task.name, "wrong", 0, 1, message=message)


FORECASTERS = {
    "turned round": "You were surer of what failed than of what held: read each statement's direction again.",
    "too sure": "A statement to which you gave 0.9 or more, or 0.1 or less, came out the other way.",
    "always even": "You gave nearly the same to every statement: a forecast that cannot fail says nothing.",
}


def _miscalibrated(task: PredictionTask, given: dict[str, float]) -> tuple[str, ...]:
    chances = [given[s.name] for s in task.statements]
    if max(chances) - min(chances) < 0.1:
        return ("always even",)
    held = [given[s.name] for s in task.statements if s.true]
    failed = [given[s.name] for s in task.statements if not s.true]
    if held and failed and max(held) < min(failed):
        return ("turned round",)
    if any(abs(given[s.name] - s.true) >= 0.9 for s in task.statements):
        return ("too sure",)
    return ()
