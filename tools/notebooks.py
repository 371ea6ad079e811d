"""Execute the book's notebooks and store them normalised: `python -m tools.notebooks [paths]`.

A normalised notebook holds what strict nbval can compare on any machine, and nothing else that changes from
run to run: text outputs stay; images, widget views, timestamps and an editor's settings go. Of an explorer
the still picture stays, for a reader who meets the notebook where nothing runs; the page's frames go.
"""

import sys
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbval.plugin import coalesce_streams

from normcourse.claims import STATEMENTS
from tools.execution import ROOT, execute, outputs

NOTEBOOK_KEYS = {"kernelspec", "language_info", "myst", "mystnb"}
CELL_KEYS = {"tags", "mystnb", "nbgrader"}
EXPLORER = "explorer"  # the key of an output's metadata by which `normcourse.explore` marks its own
WIDGET = "application/vnd.jupyter.widget-view+json"


def find() -> list[Path]:
    """Return the paths of the book's notebooks."""
    return sorted(p for p in (ROOT / "book").rglob("*.ipynb") if ".ipynb_checkpoints" not in p.parts)


def normalise(notebook: NotebookNode) -> None:
    """Drop from an executed notebook, in place, all that a second run could change and no reader needs."""
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    notebook.metadata = _only(notebook.metadata, NOTEBOOK_KEYS)
    notebook.metadata.kernelspec = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook.metadata.language_info = {"name": "python"}
    count = 0
    for cell in notebook.cells:
        cell.metadata = _only(cell.metadata, CELL_KEYS)
        if cell.cell_type == "code":
            count += 1
            cell.execution_count = count
            # A kernel cuts what a cell prints into pieces by the clock.
            cell.outputs = [_normalised_output(output, count) for output in coalesce_streams(cell.outputs)]


def _normalised_output(output: NotebookNode, count: int) -> NotebookNode:
    if output.output_type == "execute_result":
        output.execution_count = count
    if "data" in output:
        explorer = output.metadata.get(EXPLORER, False)
        for kind in [kind for kind in output.data if _changes(kind, explorer)]:
            del output.data[kind]
        output.metadata = _only(output.metadata, {"scrapbook", EXPLORER})  # the first is what glue needs
    return output


def _changes(kind: str, explorer: bool) -> bool:
    if explorer:
        return kind not in ("image/png", "text/plain")
    # What was ensured is kept to the last digit, for the comparison of processors alone.
    return kind in (WIDGET, STATEMENTS) or kind.startswith("image/")


def _only(metadata: NotebookNode, keys: set[str]) -> NotebookNode:
    return NotebookNode({key: value for key, value in metadata.items() if key in keys})


def dumps(notebook: NotebookNode) -> str:
    """Return the text of the notebook's file."""
    return nbformat.writes(notebook) + "\n"


def main(paths: list[Path]) -> None:
    """Execute the notebooks on all cores and write back those that change."""
    execute(paths)
    for path in paths:
        notebook = outputs(path)
        normalise(notebook)
        text = dumps(notebook)
        if text != path.read_text(encoding="utf-8"):
            path.write_text(text, encoding="utf-8")
            print(f"stored {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main([Path(argument).resolve() for argument in sys.argv[1:]] or find())
