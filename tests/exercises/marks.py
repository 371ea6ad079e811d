"""What is said to every answer that the course knows: `marks()`, the same in CPython and in Pyodide.

It needs NumPy and the parts of normcourse that the page has, so that its text runs in the page's Python too.
"""

from dataclasses import asdict

import numpy as np

from normcourse.exercises import calls
from normcourse.exercises.catalogue import EXERCISES
from normcourse.exercises.marking import mark
from normcourse.exercises.notebooks import answer_cell, load
from normcourse.exercises.probes import arguments
from normcourse.exercises.running import call_answer, read_answer
from normcourse.exercises.task import ChoiceTask, CodeTask


def in_page(task):
    """Tell whether the page's Python has all that an answer needs."""
    return not isinstance(task, CodeTask) or task.libraries == ("numpy",)


def solved(exercise):
    """Return what the answers of a solution notebook define."""
    namespace = {"np": np, "__name__": "__main__"}
    sources = {cell["id"]: "".join(cell["source"]) for cell in load(exercise.notebook)["cells"]}
    for task in exercise.tasks:
        if in_page(task):
            exec(compile(sources[answer_cell(task.name)], task.name, "exec"), namespace)
    return namespace


def outcomes(task, namespace):
    """Return what comes of the answer in a namespace."""
    if not isinstance(task, CodeTask):
        return [read_answer(namespace, task.answer)]
    call = getattr(calls, task.call)
    return [
        call_answer(namespace, task.answer, call, inputs, len(task.outputs)) for inputs in arguments(task, 0)
    ]


def mistaken(task, mistakes):
    """Return what comes of an answer that makes these mistakes."""
    rows = iter(arguments(task, 0))
    namespace = {"answer": lambda: task.mistaken(mistakes, **next(rows))}
    return [
        call_answer(namespace, "answer", lambda answer, _: answer(), {}, len(task.outputs))
        for _ in task.probes
    ]


def wrong_answers(task):
    """Yield a name and the outcomes of each answer that is known to be wrong, or not quite right."""
    if isinstance(task, CodeTask):
        for mistakes in task.suspects():
            yield " + ".join(sorted(mistakes)), mistaken(task, mistakes)
    elif isinstance(task, ChoiceTask):
        right = {question.name: question.right for question in task.questions}
        for belief in task.beliefs:
            yield belief.name, outcomes(task, {task.answer: right | dict(belief.answers)})
        for question in task.questions:
            for option in question.options:
                answer = right | {question.name: option.name}
                yield f"{question.name}: {option.name}", outcomes(task, {task.answer: answer})
    else:
        for truth in (1.0, 0.9, 0.7, 0.5, 0.1):
            answer = {line.name: truth if line.true else 1 - truth for line in task.statements}
            yield f"{truth} for what is true", outcomes(task, {task.answer: answer})


def marks():
    """Return the marks of all solutions and of all that is known to be wrong, by task and answer."""
    found = {}
    for exercise in EXERCISES:
        namespace = solved(exercise)
        for task in filter(in_page, exercise.tasks):
            found[f"{task.name}: solution"] = asdict(mark(task, outcomes(task, namespace)))
            for name, given in wrong_answers(task):
                found[f"{task.name}: {name}"] = asdict(mark(task, given))
    return found
