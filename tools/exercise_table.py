"""Try every task's known mistakes and write what came of it: `python -m tools.exercise_table`."""

from collections.abc import Iterator
from math import floor, inf, log10

from normcourse.exercises import EXERCISES
from normcourse.exercises.diagnosis import distance, explain, given_by
from normcourse.exercises.running import Outcome
from normcourse.exercises.task import ChoiceTask, CodeTask, Mistakes
from tools.execution import ROOT

SEEDS = range(5)
PATH = ROOT / "docs" / "exercises.md"
HEAD = """# What the exercises can tell apart

Written by `make exercises`. Each set of mistakes, single or in pairs, is made on purpose and judged like a
learner's answer, with {seeds} seeds.

- *mistakes*: known by name. *sets*: these and their pairs, where they spoil different places.
- *named*: sets that were called by their own names, with every seed. *alike*: sets that are declared to give
  the same outputs as a smaller one; they are called by that.
- *margin*: how far the least visible mistake lies from the truth, on its clearest input, in tolerances;
  rounded down to a power of ten.

| task | kind | points | mistakes | sets | named | alike | margin |
| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |
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
    return ["code", task.points, len(singles), len(sets), len(named), len(sets) - len(named), f"10^{power}"]


def rows() -> Iterator[str]:
    """Yield a line of the table for each task."""
    for exercise in EXERCISES:
        for task in exercise.tasks:
            if isinstance(task, CodeTask):
                cells = code_row(task)
            elif isinstance(task, ChoiceTask):
                wrong = sum(len(question.options) - 1 for question in task.questions)
                cells = ["choice", task.points, f"{wrong} + {len(task.beliefs)} beliefs", "", "", "", ""]
            else:
                cells = ["forecast", task.points, "", "", "", "", ""]
            yield f"| `{task.name}` | {' | '.join(map(str, cells))} |"


def text() -> str:
    """Return the whole file."""
    return HEAD.format(seeds=len(SEEDS)) + "\n".join(rows()) + "\n"


if __name__ == "__main__":
    PATH.write_text(text(), encoding="utf-8")
