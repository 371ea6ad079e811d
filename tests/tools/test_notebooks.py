"""The stored notebooks are executed, normalised and described; nbval compares their outputs (`make test`)."""

import re

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from tools.notebooks import ROOT, dumps, find, normalise

NOTEBOOKS = find()
# The value of a flag may be shown after its name and "=" or "is".
ANSWER = re.compile(r"(?<!= )(?<!=)(?<!is )\b(True|False)\W*$")


@pytest.fixture(params=NOTEBOOKS, ids=[str(path.relative_to(ROOT)) for path in NOTEBOOKS])
def path(request):
    return request.param


def test_there_are_notebooks():
    assert NOTEBOOKS


def test_stored_notebook_is_normalised(path):
    notebook = nbformat.read(path, as_version=4)
    normalise(notebook)
    assert dumps(notebook) == path.read_text(encoding="utf-8"), "run `make notebooks`"


def test_stored_notebook_is_valid_and_ran_without_error(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert not [o for o in outputs if o.output_type == "error" or o.get("name") == "stderr"]


def test_no_answer_is_a_bare_true_or_false(path):
    """A reader cannot tell from `True` what was measured, and a `False` would stand there as quietly."""
    bare = [line for line in answers(nbformat.read(path, as_version=4)) if ANSWER.search(line)]
    assert not bare, "show the quantity with claims.ensure, which fails where the sentence does"


def answers(notebook):
    """Yield the lines of text that a page shows."""
    for cell in notebook.cells:
        if "remove-cell" in cell.metadata.get("tags", []):
            continue
        for output in cell.get("outputs", []):
            yield from output.get("text", "").splitlines()
            if "text/html" not in output.get("data", {}):
                yield from str(output.get("data", {}).get("text/plain", "")).splitlines()


@pytest.mark.parametrize(
    ("line", "bare"),
    [
        ("without, at most 20%?  True", True),
        ("the same to twelve digits: False", True),
        ("True", True),
        ("layer.training = False", False),
        ("after model.train(): training mode is True", False),
        ("accuracy   10% to 17%  (below 30%)", False),
    ],
)
def test_a_bare_answer_is_seen(line, bare):
    assert bool(ANSWER.search(line)) == bare


def test_notebook_describes_itself(path):
    description = nbformat.read(path, as_version=4).metadata["myst"]["html_meta"]["description"]
    assert 50 <= len(description) <= 160


def test_every_figure_has_a_caption_a_name_and_alt_text(path):
    for cell in nbformat.read(path, as_version=4).cells:
        options = cell.metadata.get("mystnb", {})
        if "figure" in options:
            assert options["figure"].keys() >= {"caption", "name"}
            drawn_by_explore = any(output.get("metadata", {}).get("explorer") for output in cell.outputs)
            drawn_as_svg = any(
                'aria-label="' in output.get("data", {}).get("text/html", "") for output in cell.outputs
            )
            assert drawn_by_explore or drawn_as_svg or options["image"]["alt"]


def test_normalise_drops_what_changes_and_keeps_what_nbval_compares():
    text = {"text/plain": "<Figure size 640x480 with 1 Axes>"}
    widget = {"application/vnd.jupyter.widget-view+json": {"model_id": "1"}}
    cell = new_code_cell(
        "1",
        execution_count=7,
        metadata={"execution": {"iopub.execute_input": "12:00"}, "tags": ["hide-input"], "scrolled": True},
        outputs=[
            new_output("display_data", data={**text, **widget, "image/png": "iVBORw0"}),
            new_output("execute_result", data={"text/plain": "1"}, execution_count=7),
            new_output("stream", name="stdout", text="hello"),
        ],
    )
    notebook = new_notebook(cells=[cell], metadata={"widgets": {}, "signature": "1"})
    normalise(notebook)
    figure, result, stream = notebook.cells[0].outputs
    assert notebook.metadata.keys() == {"kernelspec", "language_info"}
    assert notebook.cells[0].metadata == {"tags": ["hide-input"]}
    assert (notebook.cells[0].execution_count, result.execution_count) == (1, 1)
    assert (figure.data, result.data, stream.text) == (text, {"text/plain": "1"}, "hello")
    nbformat.validate(notebook)


def test_normalise_joins_what_a_kernel_cut_in_two():
    printed = [new_output("stream", name="stdout", text=text) for text in ("one\n", "two\n")]
    notebook = new_notebook(cells=[new_code_cell("1", outputs=printed)])
    normalise(notebook)
    (stream,) = notebook.cells[0].outputs
    assert stream.text == "one\ntwo\n"


def test_normalise_keeps_the_still_of_an_explorer():
    still = {"image/png": "iVBORw0", "text/plain": "Explorer"}
    page = {"text/html": "<div>", "application/vnd.jupyter.widget-view+json": {"model_id": "1"}}
    output = new_output("display_data", data={**still, **page}, metadata={"explorer": True})
    notebook = new_notebook(cells=[new_code_cell("1", outputs=[output])])
    normalise(notebook)
    [kept] = notebook.cells[0].outputs
    assert (kept.data, kept.metadata) == (still, {"explorer": True})
