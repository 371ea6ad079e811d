"""What a learner calls in a notebook: check, hint, solution, commit and progress."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.util import find_spec
from types import FunctionType
from typing import Any

import numpy as np

from normcourse.exercises import calls
from normcourse.exercises.catalogue import EXERCISES, find_exercise, find_task
from normcourse.exercises.feedback import Feedback, Note, Table
from normcourse.exercises.imports import libraries
from normcourse.exercises.marking import Mark, mark
from normcourse.exercises.notebooks import solution_source
from normcourse.exercises.probes import arguments
from normcourse.exercises.running import Outcome, call_answer, describe, read_answer, read_numbers
from normcourse.exercises.store import Progress, keep, recall
from normcourse.exercises.task import AnyTask, CodeTask, NumberTask, PredictionTask, is_practice

__all__ = ["check", "commit", "hint", "progress", "solution"]

_trying: list[str] = []  # the tasks whose answers run just now


def check(task: str, namespace: Mapping[str, Any] | None = None) -> Feedback:
    """Try the answer to a task and say what is right, and which known mistake explains the rest.

    Args:
        task: Its name, ``"bn.forward"``.
        namespace: Where the answer is defined; by default where this is called from.

    Returns:
        Feedback, which a notebook shows; ``str()`` gives it as text, and ``points`` is a number.

    Raises:
        KeyError: No task has this name. Whatever the answer does, or is, is told, not raised.
        KeyboardInterrupt: The kernel was interrupted while the answer ran.

    Example:
        >>> def bn_forward(x, gamma, beta, eps):
        ...     return gamma * (x - x.mean(0)) / (x.var(0, ddof=1) + eps) ** 0.5 + beta
        >>> check("bn.forward", {"bn_forward": bn_forward}).mark.mistakes
        ('n - 1',)
    """
    found = find_task(task)
    namespace = sys._getframe(1).f_globals if namespace is None else namespace
    if _trying:
        said = "check was called by the answer that it checks. Call it in a cell of its own."
        return Feedback(found, Mark(task, "unreadable", 0, found.points, message=said))
    lacking = _not_here(found)
    if lacking:
        return Feedback(found, Mark(task, "not here", 0, found.points, message=lacking))
    before = recall(task)
    committed = _committed(found, before)
    outcomes, judged = _tried(found, namespace, committed)
    if isinstance(found, PredictionTask) and committed is None and outcomes[0].kind == "returned":
        judged = Mark(task, "not attempted", 0, found.points)
        return Feedback(found, judged, f'Commit your forecast first: commit("{task}"). Then run and look.')
    if judged.status == "not attempted":
        return Feedback(found, judged, f'If you are stuck, hint("{task}") helps by steps.')
    after = before.better(judged.points)
    trouble = keep(task, after)
    notes = [_earlier(found, after.points) if after.points > judged.points else "", trouble]
    try:
        order = _in_another_order(found, namespace) if judged.points < found.points else ""
        notes += [order, _not_allowed(found, namespace)]
    except KeyboardInterrupt:
        raise
    except BaseException:  # of a mapping of the learner's: a note that cannot be made costs no check
        pass
    return Feedback(found, judged, " ".join(text for text in notes if text))


def hint(task: str) -> Note:
    """Show the next hint of a task; after the last they begin again.

    Args:
        task: Its name.

    Raises:
        KeyError: No task has this name.
    """
    found = find_task(task)
    before = recall(task)
    number = before.hints % len(found.hints)
    keep(task, replace(before, hints=before.hints + 1))
    return Note(f"Hint {number + 1} of {len(found.hints)}", found.hints[number])


def solution(task: str) -> Note:
    """Show a solution of a task, and note that it was seen.

    Args:
        task: Its name.

    Raises:
        KeyError: No task has this name.
    """
    found = find_task(task)
    keep(task, replace(recall(task), solution=True))
    if not isinstance(found, PredictionTask) and found.solution:
        return Note(f"A solution of {task}", found.solution, code=True)
    notebook = next(exercise.notebook for exercise in EXERCISES if found in exercise.tasks)
    return Note(f"A solution of {task}", solution_source(task, notebook), code=True)


def commit(task: str, namespace: Mapping[str, Any] | None = None) -> Note:
    """Fix a forecast before its run: later changes of the dictionary do not count.

    Args:
        task: The name of a task that asks for probabilities.
        namespace: Where the answer is defined; by default where this is called from.

    Raises:
        KeyError: No task has this name.
        ValueError: The task asks for something else.
    """
    found = find_task(task)
    if not isinstance(found, PredictionTask):
        raise ValueError(f"commit is for tasks that ask for probabilities, and {task} does not: use check")
    before = recall(task)
    committed = _committed(found, before)
    if committed is not None:
        return Note("Committed earlier", _forecast(committed))
    (outcome,), judged = _tried(found, sys._getframe(1).f_globals if namespace is None else namespace, None)
    if outcome.value is None or not judged.checks:
        return Note("Nothing is committed", judged.message or f"fill in {found.answer} first")
    value = {statement.name: float(outcome.value[statement.name]) for statement in found.statements}
    trouble = keep(task, replace(before, committed=value))
    return Note("Committed", " ".join(text for text in (_forecast(value), trouble) if text))


def progress(exercise: str | None = None) -> Table:
    """Show the points so far, of one exercise or of all, with a bar.

    Args:
        exercise: Its name, ``"batchnorm"``, or None for all.

    Raises:
        KeyError: No exercise has this name.
    """
    exercises = EXERCISES if exercise is None else (find_exercise(exercise),)
    return Table([(one, [recall(task.name) for task in one.tasks]) for one in exercises])


def _earlier(task: AnyTask, best: float) -> str:
    """Say that an earlier answer was better."""
    if is_practice(task) and best == task.points:
        return "An earlier answer of yours was right."
    return f"Your best so far: {best:g} of {task.points}{' checks' * is_practice(task)}."


def _committed(task: AnyTask, kept: Progress) -> dict[str, float] | None:
    """Return the forecast that was committed; None too where it is of other statements than the task's."""
    if not isinstance(task, PredictionTask) or kept.committed is None:
        return None
    names = [statement.name for statement in task.statements]
    whole = kept.committed.keys() >= set(names)
    return {name: kept.committed[name] for name in names} if whole else None


def _tried(
    task: AnyTask, namespace: Mapping[str, Any], committed: dict[str, float] | None
) -> tuple[Sequence[Outcome], Mark]:
    """Return what came of an answer, and the judgement, whatever either of them meets.

    A notebook may turn warnings into errors, change NumPy's functions or leave little of the stack; that is
    told as what it is, and never raised.
    """
    _trying.append(task.name)
    try:
        outcomes = _outcomes(task, namespace, committed)
        return outcomes, mark(task, outcomes)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a mapping of the learner's may raise anything
        message = (
            f"It could not be judged, because of {describe(error, frames=0)}. Does the notebook change "
            "NumPy's functions, or Python's settings? Restart the kernel and run the answer alone."
        )
        failed = Outcome("unreadable", message=message)
        return [failed], Mark(task.name, failed.kind, 0, task.points, message=message)
    finally:
        _trying.pop()


def _outcomes(
    task: AnyTask, namespace: Mapping[str, Any], committed: dict[str, float] | None
) -> list[Outcome]:
    if not isinstance(task, CodeTask):
        if committed is not None:
            return [Outcome("returned", value=committed)]
        if isinstance(task, NumberTask):
            return [read_numbers(namespace, task.answer, np.shape(task.right))]
        return [read_answer(namespace, task.answer)]
    call = getattr(calls, task.call)
    return [
        call_answer(namespace, task.answer, call, inputs, len(task.outputs))
        for inputs in arguments(task, seed=0)
    ]


def _in_another_order(task: AnyTask, namespace: Mapping[str, Any]) -> str:
    """Say that a function has the right parameters in another order; empty if it has not."""
    answer = namespace.get(task.answer)
    if not isinstance(task, CodeTask) or type(answer) is not FunctionType:
        return ""
    due = calls.PARAMETERS.get(task.call) or tuple(arguments(task, seed=0)[0])
    names = answer.__code__.co_varnames[: answer.__code__.co_argcount]
    if names == due or sorted(names) != sorted(due):
        return ""
    return (
        f"Your function takes {', '.join(names)}, but is called with {', '.join(due)}, in this order. It is "
        "the order that counts, not the names."
    )


def _not_here(task: AnyTask) -> str:
    """Say which library a task needs that is not installed; empty if all are there."""
    for library in task.libraries if isinstance(task, CodeTask) else ():
        if library not in sys.modules and find_spec(library) is None:
            return (
                f"This task needs {library}, which is not installed here, so it cannot be tried. Do it in a "
                f"notebook that has {library}; your points of the other tasks stay."
            )
    return ""


def _not_allowed(task: AnyTask, namespace: Mapping[str, Any]) -> str:
    """Say which libraries an answer uses that the grader does not have; empty if there are none."""
    if not isinstance(task, CodeTask) or is_practice(task):
        return ""
    used = libraries(namespace.get(task.answer)) - set(task.libraries)
    if not used:
        return ""
    return (
        f"The grader has {' and '.join(task.libraries)} alone here, and your answer uses "
        f"{' and '.join(sorted(used))}: there it would fail."
    )


def _forecast(value: Mapping[str, float]) -> str:
    return ", ".join(f'"{name}" {chance:g}' for name, chance in value.items())
