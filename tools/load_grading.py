"""Grade a large class undisturbed, then killed twice and resumed: `python -m tools.load_grading`.

Both must write the same bytes, and leave nothing among the temporary files. Some answers end their process,
show a set or do not parse. The answers differ, in a comment, so that no result is taken over from another.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path

from normcourse.exercises.catalogue import EXERCISES, find_exercise
from normcourse.exercises.task import CodeTask, Exercise
from normcourse.grading.sandbox import TIERS, strictest
from tools.bench_grading import sources

EVERY = 20  # submissions, of which one is odd


def hand_in(folder: Path, exercise: Exercise, count: int) -> None:
    """Write a class into a folder."""
    first = next(task.answer for task in exercise.tasks if isinstance(task, CodeTask))
    odd = (
        f"def {first}(*inputs):\n    import os\n    os._exit(3)\n",
        f"def {first}(*inputs):\n    raise ValueError({{str(i) for i in range(9)}})\n",
        f"def {first}(*inputs) return inputs\n",
    )
    folder.mkdir()
    for number, source in enumerate(islice(sources(exercise), count)):
        last = odd[number // EVERY % len(odd)] if number % EVERY == 0 else ""
        (folder / f"{number:04}.py").write_text(f"{source}\n\n{last}", encoding="utf-8")


class Run:
    """A grading in a process of its own.

    Args:
        root: Holds the submissions, and gets a folder for the results and one for temporary files.
        out: The name of the results.
        exercise: What was asked.
        tier: Of isolation.
    """

    def __init__(self, root: Path, out: str, exercise: Exercise, tier: str) -> None:
        self.out, self.temporary = root / out, root / f"{out}-temporary"
        self.temporary.mkdir(exist_ok=True)
        self._start = time.perf_counter()
        line = [sys.executable, "-m", "normcourse.grading", "grade", exercise.name, str(root / "in")]
        self._process = subprocess.Popen(
            [*line, "--out", str(self.out), "--isolation", tier, "--jobs", "2"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "TMPDIR": str(self.temporary)},
        )

    def kept(self) -> int:
        """Return how many results are finished."""
        return len(list((self.out / ".work").glob(f"{'[0-9a-f]' * 40}.json")))

    def end(self) -> None:
        """Wait for its end, which must be a good one."""
        status = self._process.wait()
        print(f"{self.out.name}: to its end after {time.perf_counter() - self._start:.1f} s")
        if status != 0:
            sys.exit(f"the grading left with exit status {status}")
        if left := [path.name for path in self.temporary.iterdir()]:
            sys.exit(f"temporary folders are left: {', '.join(left)}")

    def kill(self, count: int) -> None:
        """Kill it when so many results are finished."""
        while self.kept() < count and self._process.poll() is None:
            time.sleep(0.01)
        if self._process.poll() is not None:
            sys.exit("the grading ended before it could be killed: choose a larger --count")
        self._process.kill()
        self._process.wait()
        print(
            f"{self.out.name}: killed after {time.perf_counter() - self._start:.1f} s, {self.kept()} finished"
        )


def written(out: Path) -> dict[str, bytes]:
    """Return the reports of a folder by name, and the results that are kept."""
    files = (path for path in out.rglob("*") if path.is_file() and path.suffix != ".part")
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in files}


def main() -> None:
    """Print how long each run took; the exit status says whether all is well."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=500, help="submissions (500)")
    names = [exercise.name for exercise in EXERCISES]
    parser.add_argument("--exercise", choices=names, default="batchnorm", help="by default batchnorm")
    parser.add_argument("--isolation", choices=TIERS, help="default: the strictest that works here")
    chosen = parser.parse_args()
    tier, exercise = chosen.isolation or strictest(), find_exercise(chosen.exercise)
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        hand_in(root / "in", exercise, chosen.count)
        print(f"{chosen.count} submissions to {exercise.name}, isolated by {tier}")
        Run(root, "undisturbed", exercise, tier).end()
        for share in (1 / 3, 2 / 3):
            Run(root, "killed", exercise, tier).kill(round(share * chosen.count))
        Run(root, "killed", exercise, tier).end()
        one, other = written(root / "undisturbed"), written(root / "killed")
    if different := sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name)):
        sys.exit(f"{len(different)} files differ: {', '.join(different[:5])}")
    print(f"the same bytes in {len(one)} files")


if __name__ == "__main__":
    main()
