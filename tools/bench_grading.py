"""Time the grader on a class of right, wrong and empty answers: `python -m tools.bench_grading`.

The answers of a class differ, in a comment, so that no result is taken over from another. What starts the
sandboxes counts, for it is paid once a batch; so the time for a submission falls with the size of the class.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path

from normcourse.exercises import EXERCISES
from normcourse.exercises.notebooks import solution_source
from normcourse.exercises.task import CodeTask, Exercise
from normcourse.grading.engine import grade
from normcourse.grading.folder import OutFolder
from normcourse.grading.sandbox import TIERS, probe, strictest

JOBS = (1, 2)


def sources(exercise: Exercise) -> Iterator[str]:
    """Yield without end: all right, the first function wrong, the first function as it was released."""
    answers = [solution_source(task.name, exercise.notebook) for task in exercise.tasks]
    first = next(task.answer for task in exercise.tasks if isinstance(task, CodeTask))
    wrong = f"def {first}(*inputs):\n    return inputs[0]\n"
    empty = f"def {first}(*inputs):\n    raise NotImplementedError\n"
    for number, last in enumerate(cycle(("", wrong, empty))):
        yield "\n\n".join([f"# {number}", "import numpy as np", *answers, last])


def seconds(exercise: Exercise, count: int, jobs: int, tier: str) -> float:
    """Return the seconds for each of so many submissions."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "submissions"
        folder.mkdir()
        for number, source in enumerate(islice(sources(exercise), count)):
            (folder / f"{number:04}.py").write_text(source, encoding="utf-8")
        with OutFolder(Path(name) / "out", exercise.name, folder) as out:
            start = time.perf_counter()
            graded = grade(exercise, folder, out, tier=tier, jobs=jobs)
            taken = time.perf_counter() - start
    if graded.failures or any(result.status != "ok" for result in graded.results):
        sys.exit(f"the grader failed: {graded.failures or [result.reason for result in graded.results]}")
    return taken / count


def uses_torch(exercise: Exercise) -> bool:
    """Return whether some task allows torch, whose sandbox takes seconds to start."""
    return any(isinstance(task, CodeTask) and "torch" in task.libraries for task in exercise.tasks)


def main() -> None:
    """Print a line for each exercise and number of jobs."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=60, help="submissions in a class (60)")
    parser.add_argument("--isolation", choices=TIERS, help="default: the strictest that works here")
    chosen = parser.parse_args()
    tier = chosen.isolation or strictest()
    if reason := probe(tier):
        sys.exit(reason)
    print(f"grading {chosen.count} submissions, isolated by {tier}; seconds for each, the start included")
    print(f"{'exercise':20}{'libraries':16}{'tasks':>6}" + "".join(f"{f'{n} job(s)':>12}" for n in JOBS))
    for exercise in EXERCISES:
        libraries = "numpy, torch" if uses_torch(exercise) else "numpy"
        times = "".join(f"{seconds(exercise, chosen.count, jobs, tier):12.3f}" for jobs in JOBS)
        print(f"{exercise.name:20}{libraries:16}{len(exercise.tasks):6}{times}")


if __name__ == "__main__":
    main()
