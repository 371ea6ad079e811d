"""Grade a folder of submissions: each is read, run in a sandbox and marked; none can stop the others."""

import hmac
import json
import platform
import re
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import normcourse
from normcourse.exercises.marking import Mark, mark
from normcourse.exercises.probes import arguments
from normcourse.exercises.running import Outcome
from normcourse.exercises.task import CodeTask, Exercise, GradedTask
from normcourse.grading import submissions
from normcourse.grading.folder import OutFolder
from normcourse.grading.reader import Reader
from normcourse.grading.results import (
    INTERNAL,
    NOT_GRADED,
    Graded,
    Result,
    from_json,
    one_line,
    plain,
    to_json,
)
from normcourse.grading.sandbox import Limits, LostError, Program, Request, Sandbox
from normcourse.grading.seeds import PUBLIC_SEED, Seed
from normcourse.grading.submissions import HandedIn, Submission, Unreadable
from normcourse.grading.tiers import image

__all__ = ["Grader", "grade"]

LIMITS = Limits()
Progress = Callable[[int, int], None]  # how many are done, of how many


@dataclass(frozen=True)
class _Part:
    """The tasks of an exercise that allow the same libraries: they share a sandbox."""

    libraries: tuple[str, ...]
    requests: tuple[Request, ...]


class Grader:
    """Grades submissions to one exercise, one after the other, in sandboxes that stay warm.

    Use it in the thread that made it: a sandbox ends with the thread that started it.

    Args:
        exercise: What was asked.
        tier: Of isolation, one of :data:`~normcourse.grading.sandbox.TIERS`.
        seed: Of the inputs.
        limits: For each submission.

    Example:
        >>> from normcourse.exercises import find_exercise
        >>> with Grader(find_exercise("batchnorm"), "limits") as grader:
        ...     code = "def bn_forward(x, gamma, beta, eps): return x"
        ...     answer = {"bn.forward": code}
        ...     marks = grader.mark(Submission("a.py", "a", "", answer))[1]
        >>> marks[0].status
        'wrong'
    """

    def __init__(
        self, exercise: Exercise, tier: str, *, seed: Seed = PUBLIC_SEED, limits: Limits = LIMITS
    ) -> None:
        self.exercise, self.tier, self.seed = exercise, tier, seed
        self._limits = limits
        self._parts = _parts(exercise, seed)
        self._sandboxes: dict[tuple[str, ...], Sandbox] = {}
        self._open = ExitStack()
        self._reader = self._open.enter_context(Reader())

    def __enter__(self) -> "Grader":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the sandboxes, and the process that reads."""
        self._open.close()

    def read(self, file: HandedIn | Unreadable) -> Submission | Unreadable:
        """Read a file as a submission to the exercise."""
        return submissions.understand(file, self.exercise, self._reader)

    def grade(self, read: Submission | Unreadable) -> Result:
        """Grade one submission, whatever it does.

        Raises:
            SandboxError: The sandbox cannot be started, or was ended from outside twice.
        """
        if isinstance(read, Unreadable):
            status, reason = "malformed", plain(read.reason)
            marks = self.nothing(status, reason)
            notes: tuple[str, ...] = ()
        else:
            (status, reason), marks = self.mark(read)
            if not read.answers:
                status, reason = "malformed", read.nothing
            notes = tuple(map(plain, read.notes))
        name, learner = one_line(read.name), one_line(read.learner)
        return Result(name, learner, read.digest, status, plain(reason), marks, notes)

    def nothing(self, status: str, reason: str) -> tuple[Mark, ...]:
        """Return marks without a point, one for each task."""
        return tuple(Mark(task.name, status, 0, task.points, message=reason) for task in self.exercise.tasks)

    def mark(self, submission: Submission) -> tuple[tuple[str, str], tuple[Mark, ...]]:
        """Return a submission's status with its reason, and the mark of each task."""
        cells = submissions.cells(submission, self.exercise)
        outcomes: dict[str, tuple[Outcome, ...]] = {}
        status, reason = "ok", ""
        for part in self._parts:
            requests = tuple(r for r in part.requests if r.task not in submission.missing)
            if not requests:
                continue
            ran = self._sandbox(part.libraries).run(Program(cells, requests))
            outcomes |= ran.outcomes
            if status == "ok":
                status, reason = ran.status, ran.reason
        for name, why in submission.missing.items():
            outcomes[name] = (Outcome("missing", message=why),)
        marks = []
        for task in self.exercise.tasks:
            ours = outcomes.get(task.name, (Outcome("missing"),))
            marks.append(self._mark(task, [_explained(task, one, submission.imports) for one in ours]))
        return (status, reason), tuple(marks)

    def _mark(self, task: GradedTask, outcomes: Sequence[Outcome]) -> Mark:
        judged = mark(task, outcomes, self.seed.number)
        checks = tuple(replace(check, detail=plain(check.detail)) for check in judged.checks)
        mistakes = tuple(plain(mistake) for mistake in judged.mistakes)
        return replace(judged, checks=checks, mistakes=mistakes, message=plain(judged.message))

    def _sandbox(self, libraries: tuple[str, ...]) -> Sandbox:
        if libraries not in self._sandboxes:
            made = Sandbox(self.tier, libraries=libraries, limits=self._limits)
            self._sandboxes[libraries] = self._open.enter_context(made)
        return self._sandboxes[libraries]


def grade(
    exercise: Exercise,
    folder: Path,
    out: OutFolder,
    *,
    tier: str,
    seed: Seed = PUBLIC_SEED,
    jobs: int = 1,
    limits: Limits = LIMITS,
    progress: Progress = lambda done, total: None,
) -> Graded:
    """Grade all submissions in a folder.

    What ``out`` holds already, of the same bytes, tasks, seed, tier and versions, is taken over. The results
    are the same for any number of jobs.

    Args:
        exercise: What was asked.
        folder: Of the submissions.
        out: Where results are kept as they come.
        tier: Of isolation.
        seed: Of the inputs.
        jobs: How many submissions run at a time.
        limits: For each submission.
        progress: Called after each.

    Raises:
        KeyboardInterrupt: After what was under way has been kept; another interrupt does not wait.
    """
    paths = submissions.collect(folder, exercise)
    versions = _versions(exercise)
    libraries = [f"{name} {number}" for name, number in versions.items()]
    python = platform.python_version()
    basis = [exercise.name, _code(), seed.digest, tier, image(tier), repr(limits), python, *libraries]
    kept = _Kept(out, "\n".join(basis), seed.number)
    batch = _Batch(lambda: Grader(exercise, tier, seed=seed, limits=limits), folder, paths, kept)
    batch.run(max(1, min(jobs, len(paths))), progress)
    found = tuple(batch.results[number] for number in range(len(paths)))
    return Graded(exercise, tier, seed, versions, found, tuple(sorted(batch.failures)))


@dataclass(frozen=True)
class _Kept:
    """Results that are kept for a next run, by all that they depend on.

    Each is sealed with its key and the seed, so that one that was edited, or put in another's place, is seen.
    """

    out: OutFolder
    basis: str
    secret: int

    def recall(self, file: HandedIn | Unreadable) -> Result | None:
        key = self._key(file)
        entries = self.out.recall(key) if file.digest else None
        try:
            if entries is None or entries["seal"] != self._seal(key, entries["result"]):
                return None
            return from_json(entries["result"])
        except (KeyError, TypeError, AttributeError, RecursionError):
            return None  # of another version, or edited

    def keep(self, file: HandedIn | Unreadable, result: Result) -> None:
        if file.digest:
            key, entries = self._key(file), to_json(result)
            self.out.keep(key, {"seal": self._seal(key, entries), "result": entries})

    def _seal(self, key: str, entries: dict[str, Any]) -> str:
        text = json.dumps([key, entries], sort_keys=True)
        return hmac.new(str(self.secret).encode(), text.encode(), "sha256").hexdigest()

    def _key(self, file: HandedIn | Unreadable) -> str:
        kind = Path(file.name).suffix.lower()  # the same bytes are read otherwise under another suffix
        return sha256(f"{file.digest}\n{kind}\n{self.basis}".encode()).hexdigest()[:40]


class _Batch:
    """Submissions that wait, and the threads that take them: the work is done by other processes."""

    def __init__(
        self, grader: Callable[[], Grader], folder: Path, paths: Sequence[Path], kept: _Kept
    ) -> None:
        self._grader, self._folder, self._kept = grader, folder, kept
        self._total = len(paths)
        self._waiting: SimpleQueue[tuple[int, Path]] = SimpleQueue()
        for entry in enumerate(paths):
            self._waiting.put(entry)
        self._finished: SimpleQueue[tuple[int, Result] | Exception] = SimpleQueue()
        self._stop = threading.Event()
        self.results: dict[int, Result] = {}
        self.failures: list[str] = []

    def run(self, jobs: int, progress: Progress) -> None:
        # Daemons, so that a second interrupt ends the program, and with it the sandboxes.
        threads = [threading.Thread(target=self._work, daemon=True) for _ in range(jobs)]
        try:
            for thread in threads:
                thread.start()
            while len(self.results) < self._total:
                finished = self._finished.get()
                if isinstance(finished, Exception):
                    raise finished
                self.results[finished[0]] = finished[1]
                progress(len(self.results), self._total)
        finally:
            self._stop.set()
            for thread in threads:
                if thread.is_alive():
                    thread.join()

    def _work(self) -> None:
        try:
            with self._grader() as grader:
                while not self._stop.is_set():
                    number, path = self._waiting.get_nowait()
                    self._finished.put((number, self._guarded(grader, path)))
        except Empty:
            pass
        except Exception as error:  # no grader can be made: whoever waits must know
            self._finished.put(error)

    def _guarded(self, grader: Grader, path: Path) -> Result:
        """Grade one submission; what it did not cause is told, not kept, and costs no other its result."""
        try:
            return self._one(grader, path)
        except Exception as error:
            name = one_line(path.relative_to(self._folder).as_posix())
            reason, told = INTERNAL, traceback.format_exc()
            if isinstance(error, LostError):
                reason = told = str(error)
            self.failures.append(f"{name}\n{plain(told)}")
            marks = grader.nothing(NOT_GRADED, reason)
            learner = one_line(submissions.learner(path, self._folder))
            return Result(name, learner, "", NOT_GRADED, reason, marks)

    def _one(self, grader: Grader, path: Path) -> Result:
        file = submissions.receive(path, self._folder)
        result = self._kept.recall(file)  # before it is read: the bytes are the same
        if result is None:
            result = grader.grade(grader.read(file))
            self._kept.keep(file, result)
        return replace(result, name=one_line(file.name), learner=one_line(file.learner))


def _explained(task: GradedTask, outcome: Outcome, imports: dict[str, str]) -> Outcome:
    """Say of a name that is not there that its import was left out, if that is why."""
    named = re.match(r"NameError: name '(\w+)' is not defined", outcome.message)
    absent = re.match(r"ModuleNotFoundError: No module named '(\w+)", outcome.message)
    library = imports.get(named[1]) if named else absent[1] if absent else None
    if library is None or not isinstance(task, CodeTask):
        return outcome
    if library in task.libraries or library in sys.stdlib_module_names:
        return outcome
    why = f"{library} is not there: this task allows {' and '.join(task.libraries)} and Python's own modules"
    return replace(outcome, message=f"{outcome.message}; {why}")


def _parts(exercise: Exercise, seed: Seed) -> tuple[_Part, ...]:
    """Sort an exercise's tasks by what they allow; dictionaries go with the first."""
    first = next((task.libraries for task in exercise.tasks if isinstance(task, CodeTask)), ("numpy",))
    by_libraries: dict[tuple[str, ...], list[Request]] = {}
    for task in exercise.tasks:
        libraries = task.libraries if isinstance(task, CodeTask) else first
        by_libraries.setdefault(libraries, []).append(_request(task, seed))
    return tuple(_Part(libraries, tuple(requests)) for libraries, requests in by_libraries.items())


def _versions(exercise: Exercise) -> dict[str, str]:
    """Return the versions on which results depend, without importing a library."""
    allowed = {name for task in exercise.tasks if isinstance(task, CodeTask) for name in task.libraries}
    names = sorted({"numpy", *allowed})
    return {"normcourse": normcourse.__version__} | {name: version(name) for name in names}


def _request(task: GradedTask, seed: Seed) -> Request:
    if not isinstance(task, CodeTask):
        return Request(task.name, task.answer, None)
    inputs = tuple(arguments(task, seed.number))
    return Request(task.name, task.answer, task.call, inputs, len(task.outputs))


@cache
def _code() -> str:
    """Return a digest of the tasks and of all that judges them."""
    root = Path(str(normcourse.__file__)).parent
    found = sha256()
    for part in ("exercises", "grading", "reference"):
        for path in sorted((root / part).rglob("*")):
            if path.suffix in (".py", ".ipynb"):
                found.update(path.relative_to(root).as_posix().encode() + path.read_bytes())
    return found.hexdigest()
