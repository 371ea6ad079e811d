"""The command ``normcourse``: grade a class, check a file, release the exercises, list them.

Exit status 0 means that all is well, 1 that there is a problem (in ``check`` a task that is not done, in
``grade`` a submission that could not be graded), 2 that the command was not understood.
"""

import argparse
import io
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tqdm import tqdm

import normcourse
from normcourse.exercises.catalogue import EXERCISES, find_exercise
from normcourse.exercises.feedback import Feedback, apart, points
from normcourse.exercises.marking import Mark
from normcourse.exercises.task import ChoiceTask, CodeTask, Exercise, GradedTask, PredictionTask
from normcourse.grading import engine, release, report, submissions
from normcourse.grading.folder import FolderError, OutFolder
from normcourse.grading.reader import Reader
from normcourse.grading.results import Graded
from normcourse.grading.sandbox import TIERS, SandboxError, probe, strictest
from normcourse.grading.seeds import PUBLIC_SEED, Seed, read_seed
from normcourse.grading.submissions import Submission, Unreadable

__all__ = ["main", "parser"]

OK, PROBLEM, USAGE = 0, 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status.

    Args:
        arguments: Of the command line, by default this program's.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):  # a path may hold what the terminal's encoding lacks
        sys.stdout.reconfigure(errors="backslashreplace")
    commands = parser()
    chosen = commands.parse_args(arguments)
    if chosen.run is None:
        commands.print_help()
        return OK
    try:
        with _interruptible():
            status: int = chosen.run(chosen)
    except FolderError as error:
        return _say(error, USAGE)
    except (SandboxError, OSError) as error:
        return _say(error, PROBLEM)
    except KeyboardInterrupt:
        return _say("interrupted", PROBLEM)
    return status


@contextmanager
def _interruptible() -> Iterator[None]:
    """Take the signals that end a program or close its terminal for interrupts, after which we tidy up."""
    changed = []
    if threading.current_thread() is threading.main_thread():
        changed = [s for s in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(s) == signal.SIG_DFL]
    for number in changed:
        signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number in changed:
            signal.signal(number, signal.SIG_DFL)


def parser() -> argparse.ArgumentParser:
    """Return what reads the command line."""
    top = argparse.ArgumentParser(prog="normcourse", description="Exercises of the course on normalization.")
    top.add_argument("--version", action="version", version=f"normcourse {normcourse.__version__}")
    top.set_defaults(run=None)
    commands = top.add_subparsers(title="commands", metavar="COMMAND")
    names = ", ".join(exercise.name for exercise in EXERCISES)

    grade = commands.add_parser("grade", help="grade a folder of submissions, each in a sandbox")
    grade.add_argument("exercise", type=_exercise, help=names)
    grade.add_argument(
        "submissions", type=_folder, help="folder of .ipynb and .py files, or of folders with them"
    )
    grade.add_argument(
        "--out", type=Path, required=True, help="folder for the results, new or of an earlier run"
    )
    grade.add_argument(
        "--seed-file",
        dest="seed",
        type=_seed,
        default=PUBLIC_SEED,
        metavar="FILE",
        help="makes the inputs that answers are tried on; keep it private",
    )
    grade.add_argument(
        "--jobs",
        type=_count,
        default=min(4, os.cpu_count() or 1),
        metavar="N",
        help="submissions at a time (%(default)s)",
    )
    grade.add_argument(
        "--book-url",
        type=_address,
        default=None,
        metavar="URL",
        help="where the built book is, for links in the feedback",
    )
    grade.set_defaults(run=_grade)

    check = commands.add_parser("check", help="check your own notebook as a grader would")
    check.add_argument("file", type=_file, help="a notebook or a .py file")
    check.add_argument("--exercise", type=_exercise, help=f"{names}; by default that which the file answers")
    check.set_defaults(run=_check)

    for command in (grade, check):
        command.add_argument("--isolation", choices=TIERS, help="default: the strictest that works here")

    released = commands.add_parser("release", help="write the exercise notebooks, without their solutions")
    released.add_argument("exercise", type=_exercises, help=f"{names}, or all")
    released.add_argument("--out", type=Path, required=True, help="folder to write them to")
    released.add_argument("--nbgrader", action="store_true", help="with the metadata that nbgrader asks for")
    released.set_defaults(run=_release)

    listed = commands.add_parser("exercises", help="list the exercises, their tasks and points")
    listed.set_defaults(run=_list)
    return top


def _grade(chosen: argparse.Namespace) -> int:
    exercise: Exercise = chosen.exercise
    if not submissions.collect(chosen.submissions, exercise):
        return _say(f"there is no .ipynb or .py file in {chosen.submissions}", PROBLEM)
    tier = _tier(chosen.isolation)
    with OutFolder(chosen.out, exercise.name, chosen.submissions) as out:
        with tqdm(unit="submission", file=sys.stderr) as bar:

            def progress(done: int, total: int) -> None:
                bar.total = total
                bar.update(done - bar.n)

            try:
                graded = engine.grade(
                    exercise,
                    chosen.submissions,
                    out,
                    tier=tier,
                    seed=chosen.seed,
                    jobs=chosen.jobs,
                    progress=progress,
                )
            except KeyboardInterrupt:
                return _say("interrupted; what is finished is kept, and the same command goes on", PROBLEM)
        out.publish(report.files(graded, chosen.book_url or ""))
    for name in submissions.left_out(chosen.submissions, exercise):
        _print(f"Left out: {name}")
    return _summary(graded, chosen.out)


def _summary(graded: Graded, out: Path) -> int:
    count = len(graded.results)
    troubled = sum(result.status != "ok" for result in graded.results)
    _print(f"{count} submissions, {troubled} with trouble, isolated by {graded.tier}: {out / 'index.html'}")
    if graded.seed == PUBLIC_SEED:
        _print(f"Warning: {report.PUBLIC}")
    for failure in graded.failures:
        print(failure, file=sys.stderr)  # noqa: T201
    if graded.failures:
        return _say(f"{len(graded.failures)} not graded; the same command tries them again", PROBLEM)
    return OK


def _check(chosen: argparse.Namespace) -> int:
    """Check a learner's own file; in its owner's hands it needs no isolation, and does without if need be."""
    path: Path = chosen.file
    exercise = chosen.exercise or _answered(path)
    if exercise is None:
        read = submissions.read(path, EXERCISES[0], path.parent)
        if isinstance(read, Unreadable):
            return _say(f"{path} cannot be read: {read.reason}", PROBLEM)
        return _say(f"{path} answers no task of any exercise; --exercise names one", PROBLEM)
    try:
        tier = _tier(chosen.isolation)
    except SandboxError:
        if chosen.isolation:
            raise
        tier = "limits"
    with engine.Grader(exercise, tier) as grader:
        result = grader.grade(grader.read(submissions.receive(path, path.parent)))
    if result.status != "ok":
        _print(f"{result.status}: {result.reason}")
    if result.status != "malformed":
        for task, mark in zip(exercise.tasks, result.marks, strict=True):
            _print(f"{Feedback(task, mark)}\n")
    _print(f"{points(result.points)} of {result.of} points (isolation: {tier})")
    done = [_done(task, mark) for task, mark in zip(exercise.tasks, result.marks, strict=True)]
    return OK if all(done) else PROBLEM


def _done(task: GradedTask, mark: Mark) -> bool:
    """Return whether all points are earned; a forecast is done when it is made, however it turned out."""
    return mark.points == mark.of or (isinstance(task, PredictionTask) and mark.points > 0)


def _answered(path: Path) -> Exercise | None:
    """Return the exercise of which a file answers the most tasks."""
    counts = {}
    with Reader() as reader:
        for exercise in EXERCISES:
            read = submissions.read(path, exercise, path.parent, reader)
            counts[exercise.name] = len(read.answers) if isinstance(read, Submission) else 0
    best = max(EXERCISES, key=lambda exercise: counts[exercise.name])
    return best if counts[best.name] else None


def _release(chosen: argparse.Namespace) -> int:
    for exercise in chosen.exercise:
        try:
            _print(str(release.write(exercise, chosen.out, nbgrader=chosen.nbgrader)))
        except FileExistsError as error:
            return _say(error, PROBLEM)
    return OK


def _list(_: argparse.Namespace) -> int:
    for exercise in EXERCISES:
        worth = f"{exercise.points} points{apart(exercise)}"
        _print(f"{exercise.name}: {exercise.title} ({worth}, {exercise.notebook})")
        for task in exercise.tasks:
            kind = (
                "code"
                if isinstance(task, CodeTask)
                else "choice"
                if isinstance(task, ChoiceTask)
                else "forecast"
            )
            _print(f"  {task.points:>3}  {task.name:22} {kind:9} {task.title}")
    return OK


def _tier(asked: str | None) -> str:
    """Return the tier asked for, if it works, or else the strictest that does."""
    if asked is None:
        return strictest()
    reason = probe(asked)
    if reason:
        raise SandboxError(f"--isolation {asked}: {reason}")
    return asked


def _exercise(name: str) -> Exercise:
    try:
        return find_exercise(name)
    except KeyError as error:
        raise argparse.ArgumentTypeError(error.args[0]) from None


def _exercises(name: str) -> Sequence[Exercise]:
    return EXERCISES if name == "all" else (_exercise(name),)


def _folder(name: str) -> Path:
    path = Path(name)
    if not path.is_dir():
        raise argparse.ArgumentTypeError(f"{name} is not a folder: name the one that holds the submissions")
    return path


def _file(name: str) -> Path:
    path = Path(name)
    if not path.is_file():
        raise argparse.ArgumentTypeError(f"{name} is not a file: name a notebook or a .py file")
    return path


def _seed(name: str) -> Seed:
    try:
        return read_seed(Path(name))
    except (OSError, ValueError) as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of jobs: give 1 or more")
    return int(text)


def _address(text: str) -> str:
    try:
        return report.book_address(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _print(text: str) -> None:
    print(text)  # noqa: T201 - the purpose of a command


def _say(problem: object, status: int) -> int:
    print(f"normcourse: {problem}", file=sys.stderr)  # noqa: T201
    return status
