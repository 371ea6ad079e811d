"""Reports of a grading: a class page, a page for each submission, a table of grades, and all of it as JSON.

They hold no time and no address of this machine: the same submissions, seed and tier give the same bytes.
"""

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from itertools import pairwise
from statistics import median
from typing import Any
from unicodedata import normalize

from jinja2 import Environment, PackageLoader, StrictUndefined

from normcourse.exercises.feedback import WORDS, apart, points
from normcourse.exercises.marking import Mark
from normcourse.exercises.task import CodeTask, GradedTask, Section
from normcourse.grading.results import Graded, Result, to_json
from normcourse.grading.sandbox import caveat
from normcourse.grading.seeds import PUBLIC_SEED

__all__ = ["SCHEMA", "Bar", "book_address", "feedback_name", "files", "histogram"]

SCHEMA = 1
TIERS = {
    "bubblewrap": "Submissions ran in namespaces of their own, without a network and without other files.",
    "docker": "Submissions ran in a container without a network, which sees no files of this machine.",
    "limits": "Submissions ran with limits on time and memory, but could read whatever the grading user can.",
}
STATUSES = {
    "ok": "ran to the end",
    "timeout": "a task took too long",
    "crash": "a task ended the process",
    "malformed": "could not be read",
    "not graded": "not the submission's fault: grade again",
}
PUBLIC = (
    "These points rest on the public seed: a submission can know the inputs. "
    "For grades that count, use a seed file of your own."
)
FORMULA = ("=", "+", "-", "\u2212", "@", ";", "|", "\t", "\r", "\n")
AFTER_SEPARATOR = re.compile(r"(?<=[;|\t\r\n])")  # the signs other than a comma that may part columns
TENTHS = 10  # of the points, as bars


@dataclass(frozen=True)
class Bar:
    """One line of a histogram: what was counted, how often, and what it means."""

    name: str
    count: int
    says: str = ""


def files(graded: Graded, book: str = "") -> dict[str, str]:
    """Return all reports, by the name of the file.

    Args:
        graded: The results.
        book: The address of the built book, for links to its pages.
    """
    texts = {"results.json": _json(graded), "grades.csv": _csv(graded), "index.html": _index(graded)}
    return texts | {feedback_name(result): _feedback(graded, result, book) for result in graded.results}


def book_address(text: str) -> str:
    """Check the address of a book, and return it without a slash at the end.

    Raises:
        ValueError: It is not one of the web.

    Example:
        >>> book_address("https://example.org/book/")
        'https://example.org/book'
    """
    if not re.fullmatch(r"https?://[^\s\"'<>]+", text):
        raise ValueError(f"{text!r} is no address of a book: it should begin with https://")
    return text.rstrip("/")


def feedback_name(result: Result) -> str:
    """Return the name of a submission's page: legible, safe on any file system, and like no other.

    Example:
        >>> feedback_name(Result("ada/../x.ipynb", "ada", "", "ok", "", ()))
        'feedback/ada-x-ipynb-20faa4e116.html'
    """
    legible = re.sub(r"[^A-Za-z0-9]+", "-", result.name).strip("-")[:60] or "submission"
    return f"feedback/{legible}-{sha256(result.name.encode()).hexdigest()[:10]}.html"


def histogram(task: GradedTask, marks: Sequence[Mark]) -> list[Bar]:
    """Count what went wrong in a task, the most frequent first; who makes two mistakes counts twice."""
    named = Counter(mistake for mark in marks for mistake in mark.mistakes)
    other = Counter(
        "no known mistake" if mark.status in ("wrong", "partly") else WORDS[mark.status].lower()
        for mark in marks
        if not mark.mistakes and mark.status != "right"
    )
    says = {mistake.name: mistake.says for mistake in task.mistakes} if isinstance(task, CodeTask) else {}
    bars = [Bar(name, count, says.get(name, "")) for name, count in named.items()]
    bars += [Bar(name, count) for name, count in other.items()]
    return sorted(bars, key=lambda bar: (-bar.count, bar.name))


def _json(graded: Graded) -> str:
    exercise = graded.exercise
    content = {
        "schema": SCHEMA,
        "exercise": {
            "name": exercise.name,
            "title": exercise.title,
            "points": exercise.points,
            "on_its_own": exercise.on_its_own,
        },
        "isolation": {"tier": graded.tier, "means": _isolation(graded.tier)},
        "seed": {"digest": graded.seed.digest, "public": graded.seed == PUBLIC_SEED},
        "versions": dict(graded.versions),
        "submissions": [to_json(result) | {"notes": graded.notes(result)} for result in graded.results],
    }
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def _isolation(tier: str) -> str:
    """Say what a tier keeps from the submissions, and what it lacks on this machine."""
    return f"{TIERS[tier]} {caveat(tier)}".strip()


def _csv(graded: Graded) -> str:
    """Return a table for a spreadsheet, in which no text of a learner is taken for a formula."""
    stream = io.StringIO()
    table = csv.writer(stream, lineterminator="\n")
    tasks = graded.exercise.tasks
    head = ["learner", "file", "status", "reason", "points", "of", *(task.name for task in tasks), "notes"]
    table.writerow(head)
    for result in graded.results:
        earned = [points(mark.points) for mark in result.marks]
        texts = [result.learner, result.name, result.status, result.reason]
        notes = "; ".join(graded.notes(result))
        row = [*map(_harmless, texts), points(result.points), result.of, *earned, _harmless(notes)]
        table.writerow(row)
    return stream.getvalue()


def _harmless(text: str) -> str:
    """Put a sign before all that a spreadsheet could take for a formula, wherever it begins a column.

    Blanks and quotation marks do not count, and a full-width sign counts as what it stands for.
    """
    parts = AFTER_SEPARATOR.split(text)
    begins = [normalize("NFKC", part.lstrip(' "')[:1]) for part in parts]
    return "".join(
        f"'{part}" if begin.startswith(FORMULA) else part for part, begin in zip(parts, begins, strict=True)
    )


def _index(graded: Graded) -> str:
    tasks = graded.exercise.tasks
    columns = [[result.marks[number] for result in graded.results] for number in range(len(tasks))]
    statuses = Counter(result.status for result in graded.results)
    return _render(
        "index.html",
        graded,
        rows=[(result, feedback_name(result), graded.notes(result)) for result in graded.results],
        histograms=[
            (task, sum(mark.status == "right" for mark in marks), histogram(task, marks))
            for task, marks in zip(tasks, columns, strict=True)
        ],
        median=median(result.points for result in graded.results) if graded.results else None,
        statuses=[Bar(STATUSES[name], statuses[name]) for name in STATUSES],
        distribution=_distribution(graded),
    )


def _distribution(graded: Graded) -> list[Bar]:
    of = max(graded.exercise.points, 1)
    tenths = Counter(min(int(TENTHS * result.points / of), TENTHS - 1) for result in graded.results)
    edges = [f"{100 * tenth // TENTHS}%" for tenth in range(TENTHS + 1)]
    names = [f"{low} to under {high}" for low, high in pairwise(edges[:-1])]
    return [Bar(name, tenths[tenth]) for tenth, name in enumerate([*names, f"{edges[-2]} to {edges[-1]}"])]


def _feedback(graded: Graded, result: Result, book: str) -> str:
    def link(section: Section) -> str:
        return f"{book}/{section.page}.html" if book else ""

    return _render(
        "feedback.html",
        graded,
        result=result,
        marked=list(zip(graded.exercise.tasks, result.marks, strict=True)),
        link=link,
    )


def _render(template: str, graded: Graded, **values: Any) -> str:
    common: Mapping[str, Any] = {
        "exercise": graded.exercise,
        "graded": graded,
        "tier": _isolation(graded.tier),
        "statuses_say": STATUSES,
        "warning": PUBLIC if graded.seed == PUBLIC_SEED else "",
        "words": WORDS,
        "points": points,
        "apart": apart,
    }
    return _environment().get_template(template).render(**common, **values) + "\n"


@cache
def _environment() -> Environment:
    """Return what renders pages; made once, because it takes longer to read a template than to fill it in."""
    return Environment(
        loader=PackageLoader("normcourse.grading"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
