"""Give the pages that run Python what they need: ids for their cells, a list of them, the scripts.

A Sphinx extension. A page has exercises where its notebook has cells `answer-<task>`, and code that runs
where `runnable.PAGES` names it; others get nothing.
"""

import hashlib
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import nbformat
from docutils import nodes
from nbformat import NotebookNode
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.errors import ExtensionError
from sphinx.util import logging

from normcourse.exercises import EXERCISES, PRACTICE
from normcourse.exercises.notebooks import answer_cell
from normcourse.exercises.task import AnyTask, CodeTask, PredictionTask, is_practice
from tools import execution
from tools.in_page import runnable
from tools.in_page.bundle import Bundle, bundle
from tools.in_page.distribution import Distribution, assemble

FOLDER = "_static/in-page"
INDEX = "book/exercises/index"
RUNS = execution.ROOT / "_build" / "runs"
BAR = '<div class="in-page-bar" id="in-page-bar"></div>'
MARK = 'id="in-page" data-of="{}"'  # of the element that tells a page what it holds, and of what it was made
SERVED = ("numpy",)  # the libraries that Python in the page has

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Served:
    """What was made for the pages: the scripts, and Python where a source had it."""

    bundle: Bundle
    python: Distribution | None

    @cached_property
    def digest(self) -> str:
        """Changes with anything that a page names, or says of a task."""
        digest = hashlib.sha256(repr(self).encode())
        for path in sorted((execution.ROOT / "normcourse" / "exercises").rglob("*.py")):
            digest.update(path.read_bytes())
        return digest.hexdigest()


def make(app: Sphinx) -> None:
    """Bundle the scripts and assemble Python; say in one line where that cannot be had."""
    if app.builder.format != "html":
        return
    target = Path(app.outdir) / FOLDER
    python, line = assemble(target)
    if line:
        print(line, file=sys.stderr)  # the other stream is for progress alone
    app.in_page = Served(bundle(target), python)  # type: ignore[attr-defined]


def follow(
    app: Sphinx, env: BuildEnvironment, added: set[str], changed: set[str], removed: set[str]
) -> list[str]:
    """Name the pages to write again: a script, Python or a task has changed since they were written.

    What was written says of what. So a build that was cut short is made up for, and a page that takes no part
    any more loses its scripts.
    """
    if not hasattr(app, "in_page"):
        return []
    return [name for name in env.found_docs if _written_of(app, name) != _due(app, env, name)]


def _due(app: Sphinx, env: BuildEnvironment, name: str) -> str:
    return app.in_page.digest if _takes_part(env, name) else ""  # type: ignore[attr-defined]


def _written_of(app: Sphinx, name: str) -> str:
    """Return the digest that a page was written of; empty where it has no part or is not there."""
    path = Path(app.outdir) / f"{name}.html"
    found = re.search(MARK.format("(\\w+)"), path.read_text(encoding="utf-8")) if path.exists() else None
    return found[1] if found else ""


def run(app: Sphinx, env: BuildEnvironment, docnames: list[str]) -> None:
    """Execute the runs that follow a forecast: a page shows what they print once it is committed."""
    paths = []
    for exercise in EXERCISES:
        for task in exercise.tasks:
            code = _run_cell(_notebook(env, f"book/exercises/{Path(exercise.notebook).stem}"), task)
            if code:
                paths.append(_written(task, code))
    try:
        execution.execute(paths)
    except execution.NotebookFailedError as error:
        raise ExtensionError(str(error)) from None


def name_cells(app: Sphinx, doctree: nodes.document) -> None:
    """Give each code cell of a page with exercises its notebook's id."""
    notebook = _notebook(app.env, app.env.docname)
    if notebook is None or not _takes_part(app.env, app.env.docname):
        return
    for cell in doctree.findall(nodes.container):
        if cell.get("nb_element") == "cell_code":
            cell["ids"].append(f"cell-{notebook.cells[cell['cell_index']].id}")


def add(app: Sphinx, name: str, template: str, context: dict[str, Any], doctree: nodes.document) -> None:
    """Put the list of tasks and the scripts into a page with exercises."""
    if not hasattr(app, "in_page") or doctree is None or not _takes_part(app.env, name):
        return
    served: Served = app.in_page
    told = _manifest(served, name, _notebook(app.env, name), context)
    written = json.dumps(told, ensure_ascii=False)
    written = written.replace("<", "\\u003c")  # nothing in it ends the element, or begins another
    mark = MARK.format(served.digest)
    context["body"] += f'\n<script type="application/json" {mark}>{written}</script>\n'
    if told["kind"] == "exercise" or told["runnable"]:
        # The place of the bar, so that nothing moves when the script fills it.
        context["body"] = context["body"].replace("</h1>", f"</h1>\n{BAR}", 1)
    # In the page itself: a file would have to come before anything is shown.
    style = (Path(app.outdir) / FOLDER / served.bundle.style).read_text(encoding="utf-8")
    context["metatags"] = context.get("metatags", "") + f"<style>{style.strip()}</style>"
    app.add_js_file(f"{FOLDER.removeprefix('_static/')}/{served.bundle.start}", defer="defer")


def _takes_part(env: BuildEnvironment, name: str) -> bool:
    """Return whether a page has something to do with Python in it."""
    return name == INDEX or name in runnable.PAGES or bool(_tasks(_notebook(env, name)))


def _manifest(
    served: Served, name: str, notebook: NotebookNode | None, context: dict[str, Any]
) -> dict[str, Any]:
    """Return what a page is told: `web/src/manifest.ts` names and explains each entry."""
    python, tasks = served.python, _tasks(notebook)
    exercise = next((one for one in EXERCISES if tasks and tasks[0] in one.tasks), None)
    return {
        "kind": "index" if name == INDEX else "exercise" if exercise else "page",
        "name": exercise.name if exercise else name,
        "base": context["pathto"](f"{FOLDER}/", 1),
        "cells": served.bundle.cells,
        "worker": served.bundle.worker,
        "python": python and {"folder": f"{python.folder}/", "sent": dict(python.sent)},
        "notebook": context["pathto"](f"_sources/{name}.ipynb", 1),
        "setup": _source(notebook, "setup"),
        "tasks": [_described(notebook, task) for task in tasks],
        "runnable": _runnable(name, notebook) if python and "figures" in python.groups else [],
        "listed": list(_listed()) if name == INDEX else [],
    }


def _described(notebook: NotebookNode | None, task: AnyTask) -> dict[str, Any]:
    cell = answer_cell(task.name)
    stub = _source(notebook, cell)
    code = _run_cell(notebook, task)
    return {
        "name": task.name,
        "title": task.title,
        "points": task.points,
        "graded": not is_practice(task),
        "cell": cell.removeprefix("answer-"),
        "asks": task.answer,
        "stub": stub,
        "digest": hashlib.sha256(stub.encode()).hexdigest()[:12],
        "statements": [one.name for one in task.statements] if isinstance(task, PredictionTask) else [],
        "lacks": [one for one in task.libraries if one not in SERVED] if isinstance(task, CodeTask) else [],
        "ran": _printed(_written(task, code)) if code else "",
    }


def _runnable(name: str, notebook: NotebookNode | None) -> list[dict[str, Any]]:
    """Return the code cells of a page whose code runs, without those of its exercises."""
    if notebook is None or name not in runnable.PAGES:
        return []
    alts = {
        cell.id: cell.metadata.get("mystnb", {}).get("image", {}).get("alt", "") for cell in notebook.cells
    }
    cells = runnable.cells(notebook)
    return [
        {"id": cell.id, "source": cell.source, "reason": cell.reason, "alt": alts[cell.id]} for cell in cells
    ]


def _listed() -> Iterator[dict[str, Any]]:
    """Yield what the exercises' index needs to show the points that are kept."""
    for exercise in EXERCISES:
        tasks = [task.name for task in exercise.tasks]
        yield {"page": Path(exercise.notebook).stem, "points": exercise.points, "tasks": tasks}


def _notebook(env: BuildEnvironment, name: str) -> NotebookNode | None:
    """Return the notebook of a page; None where the page is none."""
    path = Path(env.doc2path(name))
    return _read(path, path.stat().st_mtime_ns) if path.suffix == ".ipynb" else None


@cache
def _read(path: Path, changed: int) -> NotebookNode:
    return nbformat.read(path, as_version=4)


def _tasks(notebook: NotebookNode | None) -> list[AnyTask]:
    """Return the tasks whose answers a notebook has a cell for, in its order."""
    graded = (task for exercise in EXERCISES for task in exercise.tasks)
    known = {answer_cell(task.name): task for task in (*graded, *PRACTICE)}
    return [known[cell.id] for cell in notebook.cells if cell.id in known] if notebook else []


def _source(notebook: NotebookNode | None, cell: str) -> str:
    cells = notebook.cells if notebook else []
    return next((one.source for one in cells if one.id == cell), "")


def _run_cell(notebook: NotebookNode | None, task: AnyTask) -> str:
    """Return the run that shows how a forecast came out; empty for other tasks."""
    run = answer_cell(task.name).replace("answer-", "run-", 1)
    return _source(notebook, run) if isinstance(task, PredictionTask) else ""


def _written(task: AnyTask, code: str) -> Path:
    """Return the notebook that holds a run alone: executed and cached as the book's are."""
    path = RUNS / f"{task.name}.ipynb"
    cell = nbformat.v4.new_code_cell(code, id="run")
    text: str = nbformat.writes(nbformat.v4.new_notebook(cells=[cell]))
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return path


def _printed(path: Path) -> str:
    """Return what a run printed."""
    [cell] = execution.outputs(path).cells
    return "".join(output.get("text", "") for output in cell.outputs)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension."""
    app.connect("builder-inited", make)
    app.connect("env-get-outdated", follow)
    app.connect("env-before-read-docs", run)
    app.connect("doctree-read", name_cells)
    app.connect("html-page-context", add)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
