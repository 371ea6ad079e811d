"""How a mark, a hint and the points look: as text, and as HTML where a notebook shows it.

Colour never stands alone: each line has a word. The HTML takes its colours from the page, so that it is
legible in light and dark.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from normcourse.exercises.marking import CheckMark, Mark
from normcourse.exercises.store import Progress
from normcourse.exercises.task import AnyTask, Exercise, Section, is_practice

__all__ = ["Feedback", "Note", "Table", "apart", "points"]

WORDS = {
    "right": "Right",
    "partly": "Partly right",
    "wrong": "Not yet right",
    "missing": "Not found",
    "not attempted": "Not attempted yet",
    "not here": "It cannot be tried here",
    "raised": "It raised an exception",
    "unreadable": "Not what was asked for",
    "timeout": "Too slow",
    "crash": "It ended the process",
    "malformed": "Not readable",
    "not graded": "Not graded",
}
BOX = '<div style="border-left: .3em solid {}; padding: .1em 0 .1em .8em; margin: .5em 0">{}</div>'
NEUTRAL, OTHER = "#0072b2", "#d55e00"  # of Okabe and Ito, as are the next
COLOURS = {"right": "#009e73", "partly": "#e69f00", "not attempted": NEUTRAL, "not here": NEUTRAL}


def points(number: float) -> str:
    """Return points without a needless decimal."""
    return f"{number:g}"


def apart(exercise: Exercise) -> str:
    """Say that an exercise's points are not among the 100 of the others; empty for these."""
    return " that count on their own" if exercise.on_its_own else ""


@dataclass(frozen=True, repr=False)
class Feedback:
    """What a learner sees of a mark. The last expression of a cell shows it; ``str()`` gives the text."""

    task: AnyTask
    mark: Mark
    note: str = ""

    @property
    def points(self) -> float:
        """The points of the mark, for a grader that asks for a number."""
        return self.mark.points

    def __repr__(self) -> str:
        checks = [
            f"  {_word(check, 'pass', 'FAIL')}  {check.name}{self._worth(check)}: {self._detail(check)}"
            for check in self.mark.checks
        ]
        texts = [f"  {text}" for text in self._texts()]
        section = self.task.section
        read = [f"  Read: {section.title} ({section.page})"] if self._sends_to_the_page() else []
        return "\n".join([f"{self.task.name}: {self._headline()}", *checks, *texts, *read])

    def _repr_html_(self) -> str:
        parts = [f"<p><strong>{escape(self.task.title)}: {escape(self._headline())}</strong></p>"]
        if self.mark.checks:
            rows = [
                (_word(check, "✓ pass", "✗ fail"), f"{check.name}{self._worth(check)}", self._detail(check))
                for check in self.mark.checks
            ]
            parts.append(_table(("Result", "Check", "Numbers"), rows))
        parts += [f"<p>{escape(text)}</p>" for text in self._texts()]
        if self._sends_to_the_page():
            parts.append(f"<p>Read {_link(self.task.section)}</p>")
        return BOX.format(COLOURS.get(self.mark.status, OTHER), "".join(parts))

    def _sends_to_the_page(self) -> bool:
        """Return whether there is something to read up: not for an answer that has not been begun.

        Who practises is reading the page.
        """
        return (
            not is_practice(self.task)
            and self.mark.points < self.mark.of
            and self.mark.status not in ("not attempted", "not here")
        )

    def _headline(self) -> str:
        if is_practice(self.task):
            passed = sum(check.passed for check in self.mark.checks)
            some = (
                f", {passed} of {len(self.mark.checks)} checks" if 0 < passed < len(self.mark.checks) else ""
            )
            return WORDS[self.mark.status] + some
        return f"{WORDS[self.mark.status]}, {points(self.mark.points)} of {self.mark.of} points"

    def _worth(self, check: CheckMark) -> str:
        if is_practice(self.task) or not check.of:
            return ""
        return f" ({check.of} point{'' if check.of == 1 else 's'})"

    def _detail(self, check: CheckMark) -> str:
        """Return a check's numbers, without what would stand in several checks."""
        return check.detail.replace(self.mark.message, "see below") if self._shared() else check.detail

    def _shared(self) -> bool:
        """Return whether several checks failed for the reason that the message tells."""
        message = self.mark.message
        return bool(message) and sum(message in check.detail for check in self.mark.checks) > 1

    def _texts(self) -> list[str]:
        message = "" if self.mark.repeats and not self._shared() else self.mark.message
        return [text for text in (*message.split("\n"), self.note) if text]


@dataclass(frozen=True, repr=False)
class Note:
    """A short text under a title: a hint, a solution, a confirmation."""

    title: str
    text: str
    code: bool = False

    def __repr__(self) -> str:
        return f"{self.title}\n{self.text}" if self.code else f"{self.title}: {self.text}"

    def _repr_html_(self) -> str:
        body = f"<pre>{escape(self.text)}</pre>" if self.code else f"<p>{escape(self.text)}</p>"
        return BOX.format(NEUTRAL, f"<p><strong>{escape(self.title)}</strong></p>{body}")


@dataclass(frozen=True, repr=False)
class Table:
    """The points of some exercises, task by task, with a bar for each exercise."""

    rows: Sequence[tuple[Exercise, Sequence[Progress]]]

    def __repr__(self) -> str:
        lines = []
        for exercise, kept in self.rows:
            got = sum(one.points for one in kept)
            filled = min(20, round(20 * got / max(exercise.points, 1)))
            lines.append(
                f"{exercise.title}: {points(got)} of {exercise.points} points{apart(exercise)}  "
                f"[{'#' * filled:.<20}]"
            )
            lines += [
                f"  {points(one.points):>4} of {task.points:<2}  {task.name}: {task.title}{_seen(one)}"
                for task, one in zip(exercise.tasks, kept, strict=True)
            ]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        parts = []
        for exercise, kept in self.rows:
            got = sum(one.points for one in kept)
            summary = f"{points(got)} of {exercise.points} points"
            bar = (
                f'<progress value="{points(got)}" max="{exercise.points}" aria-label="{summary}"></progress>'
            )
            parts.append(
                f"<p><strong>{escape(exercise.title)}</strong>: {summary}{apart(exercise)} {bar}</p>"
            )
            rows = [
                (f"{task.title}{_seen(one)}", f"{points(one.points)} of {task.points}")
                for task, one in zip(exercise.tasks, kept, strict=True)
            ]
            parts.append(_table(("Task", "Points"), rows))
        return "".join(parts)


def _word(check: CheckMark, good: str, bad: str) -> str:
    """Return the word for a check; what earns nothing by itself, a forecast's statement, has none."""
    return (good if check.passed else bad) if check.of else "-"


def _seen(progress: Progress) -> str:
    return " (solution seen)" if progress.solution else ""


def _link(section: Section) -> str:
    """Link the page for a notebook that lies in book/exercises, where the released ones do."""
    there = section.page.removeprefix("book/")
    return f'<a href="../{escape(there)}.ipynb">{escape(section.title)}</a> ({escape(section.page)})'


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    def row(cells: Sequence[str], tag: str) -> str:
        left = ' style="text-align: left"'  # notebooks align to the right
        return f"<tr>{''.join(f'<{tag}{left}>{escape(cell)}</{tag}>' for cell in cells)}</tr>"

    body = "".join(row(cells, "td") for cells in rows)
    return f"<table><thead>{row(head, 'th')}</thead><tbody>{body}</tbody></table>"
