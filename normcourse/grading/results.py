"""What grading a class comes to, and how one result is kept as JSON."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from normcourse.exercises.marking import CheckMark, Mark
from normcourse.exercises.task import Exercise
from normcourse.grading.seeds import Seed

__all__ = ["INTERNAL", "NOT_GRADED", "Graded", "Result", "from_json", "one_line", "plain", "to_json"]

NOT_GRADED = "not graded"
INTERNAL = "internal error of the grader, not of the submission"


@dataclass(frozen=True)
class Result:
    """What came of one submission.

    Attributes:
        name: Its path from the folder of submissions.
        learner: Whose it is, by the name of the file or its folder.
        digest: Of its bytes.
        status: ``ok``; ``timeout`` or ``crash`` (some task was too slow, or ended the process);
            ``malformed`` (not a notebook, or not the worker's language); ``not graded`` (the grader failed,
            or something ended the submission that was none of its own).
        reason: Of a status that is not ``ok``.
        marks: One for each task of the exercise, in its order.
        notes: What was mended in reading it.
    """

    name: str
    learner: str
    digest: str
    status: str
    reason: str
    marks: tuple[Mark, ...]
    notes: tuple[str, ...] = ()

    @property
    def points(self) -> float:
        """Earned in all tasks together."""
        total = round(sum(mark.points for mark in self.marks), 2)
        return int(total) if total == int(total) else total

    @property
    def of(self) -> int:
        """To be had in all tasks together."""
        return sum(mark.of for mark in self.marks)


@dataclass(frozen=True)
class Graded:
    """The results of a class, by name, and what they rest on.

    Attributes:
        exercise: What was asked.
        tier: Of isolation.
        seed: Of the inputs.
        versions: Of the grader and the libraries, by name.
        results: One for each submission.
        failures: What went wrong in the grader itself, as text for who mends it.
    """

    exercise: Exercise
    tier: str
    seed: Seed
    versions: Mapping[str, str]
    results: tuple[Result, ...]
    failures: tuple[str, ...] = ()

    def notes(self, result: Result) -> list[str]:
        """Say what a human should look at: a learner with two submissions, two of the same bytes."""
        notes = list(result.notes)
        if self._learners[result.learner] > 1:
            notes.append("one of several by this learner")
        if result.digest and self._digests[result.digest] > 1:
            notes.append("same file as another")
        return notes

    @cached_property
    def _learners(self) -> Counter[str]:
        return Counter(one.learner for one in self.results)

    @cached_property
    def _digests(self) -> Counter[str]:
        return Counter(one.digest for one in self.results)


def to_json(result: Result) -> dict[str, Any]:
    """Return a result as plain dictionaries and lists; :func:`from_json` reads them."""
    marks = [asdict(mark) for mark in result.marks]
    summary = {"points": result.points, "of": result.of}
    head = {name: getattr(result, name) for name in ("name", "learner", "digest", "status", "reason")}
    tasks = [{**mark, "mistakes": list(mark["mistakes"]), "checks": list(mark["checks"])} for mark in marks]
    return {**head, **summary, "notes": list(result.notes), "tasks": tasks}


def from_json(entries: Mapping[str, Any]) -> Result:
    """Read what :func:`to_json` made.

    Raises:
        KeyError, TypeError: It made something else.
    """
    marks = [
        Mark(
            **{
                **task,
                "mistakes": tuple(task["mistakes"]),
                "checks": tuple(CheckMark(**check) for check in task["checks"]),
            }
        )
        for task in entries["tasks"]
    ]
    head = {name: str(entries[name]) for name in ("name", "learner", "digest", "status", "reason")}
    return Result(**head, marks=tuple(marks), notes=tuple(entries["notes"]))


def plain(text: str) -> str:
    """Make a learner's text fit for a file: no half characters, no control characters, no addresses.

    An address in memory, as in the text of some errors, would differ from run to run.

    Example:
        >>> plain("<function f at 0x7f21a80c5e40> is not an array")
        '<function f at 0x...> is not an array'
    """
    whole = text.encode("utf-8", "backslashreplace").decode("utf-8")
    shown = "".join(c if c.isprintable() or c in "\n\t" else f"\\x{ord(c):02x}" for c in whole)
    return re.sub(r"\b0x[0-9a-fA-F]{6,}", "0x...", shown)


def one_line(text: str) -> str:
    r"""Make a name, which may hold anything, fit for a table, so that two names never look the same.

    Example:
        >>> one_line("a\nb"), one_line(r"a\nb")
        ('a\\nb', 'a\\\\nb')
    """
    return "".join(c if c.isprintable() and c != "\\" else c.encode("unicode_escape").decode() for c in text)
