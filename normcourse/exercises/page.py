"""What a published page asks of Python: run its cells, then check, commit, or show a hint.

The page's worker calls :func:`answer` with text and gets text, both JSON. It runs in Pyodide, so it imports
what the judgement imports and nothing else; nothing here needs a browser.
"""

import base64
import builtins
import io
import json
import linecache
import math
import sys
import traceback
from ast import Expr, Expression, parse
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import asdict
from types import ModuleType
from typing import Any

import numpy as np

from normcourse.exercises import learner, store
from normcourse.exercises.running import is_learners

__all__ = ["answer"]

MOST_TEXT = 20_000  # characters of what cells print that a page shows
MOST_ITEMS = 200
# What an answer may change for the next.
SHARED: tuple[ModuleType, ...] = (np, np.linalg, np.random, math, builtins)

Item = dict[str, str]

_page: dict[str, Any] = {}  # what the cells of a chapter's page have defined so far
_ran: dict[str, str] = {}  # their sources, by name


class Shown(io.TextIOBase):
    """What cells print and display, in order: texts, HTML of this package, figures."""

    def __init__(self) -> None:
        self.items: list[Item] = []
        self.left = MOST_TEXT
        self.lost = 0

    def write(self, text: str) -> int:
        """Take what is printed, as far as there is room."""
        kept = text[: self.left]
        self.left -= len(kept)
        self.lost += len(text) - len(kept)
        if kept and self.items and self.items[-1]["kind"] == "text":
            self.items[-1]["text"] += kept
        elif kept:
            self.items.append({"kind": "text", "text": kept})
        return len(text)

    def display(self, *values: object) -> None:
        """Show values as a notebook does."""
        for value in values:
            if len(self.items) >= MOST_ITEMS:
                self.lost += len(repr(value))
            elif figure := _figure(value):
                self.items.append({"kind": "figure", "data": figure})
            elif html := _html(value):
                self.items.append({"kind": "html", "html": html})
            elif value is not None:
                self.write(f"{value!r}\n")

    def trouble(self, error: BaseException) -> None:
        """Show an exception: the lines that are the learner's, and what was said.

        What the course itself says of a page's numbers needs no lines.
        """
        frames = [frame for frame in traceback.extract_tb(error.__traceback__) if is_learners(frame.filename)]
        lines = [*traceback.format_list(frames), *traceback.format_exception_only(error)]
        lines = [str(error)] if _is_ours(error) else lines
        self.items.append({"kind": "trouble", "text": "".join(lines)[-MOST_TEXT:].rstrip()})

    def note(self, text: str) -> None:
        """Add a sentence of the page's own."""
        self.items.append({"kind": "note", "text": text})

    def all(self) -> list[Item]:
        """Return what is shown, and say how much is not."""
        if self.lost:
            self.note(f"{self.lost:,} characters more were printed, and are left out.")
        return self.items


class _Screen(io.TextIOBase):
    """Stands for the standard streams: who keeps it, as logging does, writes to the request that runs."""

    shown: Shown | None = None

    def write(self, text: str) -> int:
        """Hand on what is printed."""
        return self.shown.write(text) if self.shown else len(text)


_screen = _Screen()


def answer(request: str, starts: Callable[[str], object] = lambda title: None) -> str:
    """Run the cells of a request, do what it asks, and return what the page shows.

    Args:
        request: A JSON object. ``action``: ``check``, ``commit``, ``hint``, ``solution``, ``progress``,
            ``run`` (the last cell, in a namespace of its own) or ``cell`` (the same in the page's namespace,
            where cells that ran as they are do not run again). ``name``: of the task, or of the exercise for
            ``progress``. ``cells``: objects with ``title`` and ``source``, the one asked about last.
            ``kept``: what is kept of tasks, by name.
        starts: Called with the title of each cell before it runs, so that one without end can be named.

    Returns:
        A JSON object. ``items``: what is shown, in order, each with a ``kind``. ``kept``: what is to be kept.
        ``mark``: points and status, for ``check``.

    Example:
        >>> cell = {"title": "A sum", "source": "print(1 + 1, end='')"}
        >>> reply = answer(json.dumps({"action": "run", "name": "", "cells": [cell], "kept": {}}))
        >>> json.loads(reply)["items"]
        [{'kind': 'text', 'text': '2'}]
    """
    asked = json.loads(request)
    action, name, cells = asked["action"], asked["name"], asked["cells"]
    shown, mark = Shown(), None
    _restore(asked["kept"])
    _screen.shown = shown
    with redirect_stdout(_screen), redirect_stderr(_screen):
        try:
            if action == "cell":
                _run_on(cells, shown, starts)
            elif action == "run":
                _run(cells, shown, starts, show=True)
            elif action in ("check", "commit"):
                mark = _judge(action, name, cells, shown, starts)
            else:
                shown.display(getattr(learner, action)(name))
        except BaseException as error:  # an answer may raise KeyboardInterrupt, which check hands on
            shown.trouble(error)
    kept = {task: asdict(store.recall(task)) for task in asked["kept"]}
    return json.dumps({"items": shown.all(), "kept": kept, "mark": mark})


def _judge(
    action: str,
    name: str,
    cells: Sequence[Mapping[str, str]],
    shown: Shown,
    starts: Callable[[str], object],
) -> dict[str, Any] | None:
    """Run an answer and check it, or commit it; return the mark of a check."""
    with _as_it_was(SHARED):
        namespace, failed = _run(cells, shown, starts, show=False)
    if failed:
        return None
    with _as_it_was(SHARED):  # anew: what the cells changed must not reach the judgement, which remembers
        said = getattr(learner, action)(name, namespace)
    printed, shown.items = shown.items, []
    shown.display(said)
    shown.items += printed  # the verdict first: an answer may print a lot
    if action == "commit":
        return None
    return {"status": said.mark.status, "points": said.mark.points, "of": said.mark.of}


@contextmanager
def _as_it_was(modules: Sequence[ModuleType]) -> Iterator[None]:
    """Give modules their contents back: what one answer changes must not reach the next."""
    before = [dict(vars(module)) for module in modules]
    try:
        yield
    finally:
        for module, contents in zip(modules, before, strict=True):
            vars(module).update(contents)


def _no_input(prompt: object = "") -> str:
    raise OSError("input() has nobody to ask here: write the value into the code")


def _restore(kept: Mapping[str, Mapping[str, Any]]) -> None:
    """Put back what the page keeps of the tasks; what it cannot have written is as if it were not there."""
    for task, entries in kept.items():
        with suppress(ValueError):
            store.keep(task, store.checked(entries))


def _run(
    cells: Sequence[Mapping[str, str]], shown: Shown, starts: Callable[[str], object], *, show: bool
) -> tuple[dict[str, Any], bool]:
    """Run cells in a new namespace; return it, and whether the last one failed.

    An earlier one that fails is another task's: it is named, and left out. Of them nothing else is shown.
    """
    namespace = _namespace(shown)
    last_failed = False
    for number, cell in enumerate(cells):
        last = number == len(cells) - 1
        starts(cell["title"])
        error = _execute(cell, namespace, shown, show=show and last, quiet=not last)
        last_failed = error is not None
        if error is not None and last:
            shown.trouble(error)
        elif error is not None:
            reason = traceback.format_exception_only(error)[-1].strip()
            shown.note(f"Left out, because it fails: your answer to “{cell['title']}” ({reason}).")
    return namespace, last_failed


def _run_on(cells: Sequence[Mapping[str, str]], shown: Shown, starts: Callable[[str], object]) -> None:
    """Run the last cell in the page's namespace, after those before it that have not run as they are."""
    if not _page:
        _page.update(_namespace(shown))
    _page["display"] = shown.display
    for number, cell in enumerate(cells):
        last = number == len(cells) - 1
        if not last and _ran.get(cell["title"]) == cell["source"]:
            continue
        starts(cell["title"])
        _ran.pop(cell["title"], None)
        error = _execute(cell, _page, shown, show=last, quiet=not last)
        if error is not None:
            if not last:
                shown.note(f"{cell['title']}, above, fails:")
            shown.trouble(error)
            return
        _ran[cell["title"]] = cell["source"]


def _namespace(shown: Shown) -> dict[str, Any]:
    return {"__name__": "__main__", "display": shown.display, "input": _no_input}


def _execute(
    cell: Mapping[str, str], namespace: dict[str, Any], shown: Shown, *, show: bool, quiet: bool
) -> BaseException | None:
    """Run one cell, and show its last expression if asked; return what it raised."""
    title, source = cell["title"], cell["source"]
    linecache.cache[title] = len(source), None, source.splitlines(keepends=True), title
    try:
        with _silence(quiet):
            value = _evaluate(source, title, namespace)
            if show and not source.rstrip().endswith(";"):
                shown.display(value)
    except BaseException as error:  # a cell may raise anything: SystemExit too
        return error
    return None


def _evaluate(source: str, title: str, namespace: dict[str, Any]) -> Any:
    """Execute a cell and return the value of its last line, if that is an expression."""
    tree = parse(source, title)
    last = tree.body[-1] if tree.body else None
    if not isinstance(last, Expr):
        exec(compile(tree, title, "exec"), namespace)
        return None
    tree.body.pop()
    exec(compile(tree, title, "exec"), namespace)
    return eval(compile(Expression(last.value), title, "eval"), namespace)


@contextmanager
def _silence(quiet: bool) -> Iterator[None]:
    if not quiet:
        yield
        return
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        yield


def _is_ours(value: object) -> bool:
    """Return whether a value is this package's: of others no HTML is taken."""
    return type(value).__module__.startswith("normcourse.")


def _html(value: object) -> str:
    """Return how a value of this package looks; empty for anything else."""
    if not _is_ours(value):
        return ""
    if hasattr(value, "_repr_mimebundle_"):
        bundle = value._repr_mimebundle_()
        data = bundle[0] if isinstance(bundle, tuple) else bundle
        return str(data.get("text/html", ""))
    return str(value._repr_html_()) if hasattr(value, "_repr_html_") else ""


def _figure(value: object) -> str:
    """Return a figure of matplotlib as a PNG in base64; empty for anything else."""
    figures = sys.modules.get("matplotlib.figure")
    if figures is None or not isinstance(value, figures.Figure):
        return ""
    picture = io.BytesIO()
    value.savefig(picture, format="png", bbox_inches="tight")
    return base64.b64encode(picture.getvalue()).decode()
