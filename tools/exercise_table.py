"""Try every task's known mistakes and write what came of it: `python -m tools.exercise_table`."""

import gc
from collections.abc import Iterator
from math import floor, inf, log10
from time import process_time

import numpy as np

from normcourse.exercises import EXERCISES, PRACTICE
from normcourse.exercises.diagnosis import diagnose, explain
from normcourse.exercises.probes import arguments, distance, expected, given_by
from normcourse.exercises.running import Outcome
from normcourse.exercises.slips import slips, spoilt
from normcourse.exercises.task import AnyTask, ChoiceTask, CodeTask, Inputs, Mistakes, NumberTask, is_practice
from normcourse.exercises.terms import Form
from tools.execution import ROOT

SEEDS = range(5)
TASKS: list[AnyTask] = [*(task for exercise in EXERCISES for task in exercise.tasks), *PRACTICE]
PATH = ROOT / "docs" / "exercises.md"
HEAD = """# What the exercises can tell apart

Written by `make exercises`. Each listed set of mistakes, single or in pairs, is made on purpose and judged
like a learner's answer, with {seeds} seeds.

- *listed*: mistakes in the task's own list. *sets*: these and their pairs, where they spoil different places.
- *named*: sets that were called by their own names, with every seed. *alike*: sets that are declared to give
  the same outputs as a smaller one; they are called by that.
- *margin*: how far the least visible mistake lies from the truth, on its clearest input, in tolerances;
  rounded down to a power of ten.
- *made*: further mistakes that are made from the task's formulas. *apart*: how many of them can be
  told from the truth and from each other; the rest give what another gives, in another way of writing.

Tasks without points are practice: a page asks them. {apart}

| task | kind | points | listed | sets | named | alike | margin | made | apart |
| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
"""
TIMES = """
## How long a judgement takes

Seconds of the processor in milliseconds, with one seed, on the machine that wrote this: for an answer that no
known mistake explains, which is the slowest. *first*: in a new process. *then*: each further one.

| task | first | then |
| --- | ---: | ---: |
"""


def outcomes(task: CodeTask, mistakes: Mistakes, seed: int) -> list[Outcome]:
    """Return what an answer that makes these mistakes gives on each probe."""
    return [
        Outcome("raised") if arrays is None else Outcome("returned", arrays)
        for arrays in given_by(task, seed, mistakes)
    ]


def distances(task: CodeTask, mistakes: Mistakes, seed: int) -> list[float]:
    """Return how far these mistakes lie from the truth on each probe."""
    truth, wrong = given_by(task, seed, frozenset()), given_by(task, seed, mistakes)
    return [
        inf if given is None or right is None else max(map(distance, given, right))
        for given, right in zip(wrong, truth, strict=True)
    ]


def code_row(task: CodeTask) -> list[object]:
    """Return what a task for code has to show for its mistakes."""
    sets = set(task.suspects())
    named = sets.copy()
    for seed in SEEDS:  # the outer loop: what all sets give with one seed fits the cache
        named = {s for s in named if explain(task, outcomes(task, s, seed), seed) == s}
    singles = [frozenset([mistake.name]) for mistake in task.mistakes]
    least = min(max(distances(task, single, seed)) for single in singles for seed in SEEDS)
    power = floor(log10(least / task.tolerance))
    told = [len(singles), len(sets), len(named), len(sets) - len(named), f"10^{power}"]
    sentences = {slip.says for form in task.forms for slip in slips(form)}
    return ["code", worth(task), *told, len(sentences) or "", len(told_apart(task)) or ""]


def worth(task: AnyTask) -> object:
    """Return the points of a task, of which practice has none."""
    return "" if is_practice(task) else task.points


def told_apart(task: CodeTask) -> set[tuple[str, ...]]:
    """Return the different results of a task's made mistakes, none of them right."""
    inputs = arguments(task, 0)
    found = {
        result(form, inputs) for some in task.forms for form in (spoilt(some, (s,)) for s in slips(some))
    }
    return found - {result(form, inputs) for form in task.forms}


def result(form: Form, inputs: list[Inputs]) -> tuple[str, ...]:
    """Return what tells a result apart: the shape and a weighted mean of each output, to eight digits."""
    with np.errstate(all="ignore"):
        arrays = [array for given in inputs for array in form.computed(given)]
        means = [np.average(array.ravel(), weights=1 + np.sqrt(np.arange(array.size))) for array in arrays]
    return tuple(f"{array.shape} {mean:.7e}" for array, mean in zip(arrays, means, strict=True))


def seconds(task: CodeTask) -> list[float]:
    """Return the processor's seconds of judging an answer that nothing explains, first and again."""
    given = [
        Outcome(
            "returned", tuple(array + np.cos(np.arange(array.size)).reshape(array.shape) for array in arrays)
        )
        for arrays in expected(task, 0)
    ]
    taken = []
    for _ in range(2):
        gc.collect()  # what others left is not to be paid for here
        start = process_time()
        diagnose(task, given)
        taken.append(process_time() - start)
    return taken


def rows() -> Iterator[str]:
    """Yield a line of the table for each task."""
    for task in TASKS:
        if isinstance(task, CodeTask):
            cells = code_row(task)
        elif isinstance(task, ChoiceTask):
            wrong = sum(len(question.options) - 1 for question in task.questions)
            beliefs = f" + {len(task.beliefs)} beliefs" if task.beliefs else ""
            cells = ["choice", worth(task), f"{wrong}{beliefs}", *[""] * 6]
        elif isinstance(task, NumberTask):
            cells = ["number", worth(task), len(task.wrong), *[""] * 6]
        else:
            cells = ["forecast", task.points, *[""] * 7]
        yield f"| `{task.name}` | {' | '.join(map(str, cells))} |"


def apart() -> Iterator[str]:
    """Yield a sentence for the exercises of the course together, and one for each that counts on its own."""
    together = [exercise for exercise in EXERCISES if not exercise.on_its_own]
    yield f"The points of {len(together)} exercises are {sum(one.points for one in together)} together."
    for exercise in EXERCISES:
        if exercise.on_its_own:
            prefix = exercise.tasks[0].name.partition(".")[0]
            yield f"Those of `{prefix}`, which are {exercise.points}, count on their own."


def text() -> str:
    """Return the table, which is the same on every machine."""
    return HEAD.format(seeds=len(SEEDS), apart=" ".join(apart())) + "\n".join(rows()) + "\n"


def times() -> str:
    """Return the table of times, which is of this machine."""
    tasks = [task for task in TASKS if isinstance(task, CodeTask)]
    return TIMES + "".join(
        f"| `{task.name}` | {' | '.join(f'{1000 * taken:.0f}' for taken in seconds(task))} |\n"
        for task in tasks
    )


if __name__ == "__main__":
    of_this_machine = times()  # first: what the other table tries would be known already
    PATH.write_text(text() + of_this_machine, encoding="utf-8")
