"""What an answer's outcomes are, without a notebook or a worker."""

from normcourse.exercises import calls
from normcourse.exercises.probes import arguments
from normcourse.exercises.running import call_answer


def outcomes(task, answer, seed=0):
    """Return what came of an answer on each probe of a task for code."""
    call = getattr(calls, task.call)
    return [
        call_answer({task.answer: answer}, task.answer, call, inputs, len(task.outputs))
        for inputs in arguments(task, seed)
    ]
