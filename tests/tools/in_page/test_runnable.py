"""Which cells run in the page: said from their code, and tried with nothing but what a page has."""

import json
import os
import shutil
import subprocess
import sys

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from normcourse.claims import STATEMENTS
from tools.imports import ROOT
from tools.in_page.closure import PRESENT
from tools.in_page.runnable import PAGES, cells, package_files

# The cells that the reader cannot run in the page; all others it can.
NOTEBOOKS = {name: ROOT / f"{name}.ipynb" for name in PAGES}
NEED_PYTORCH = dict(
    zip(
        PAGES,
        (
            {"agree"},
            {"forward-torch", "step-by-step-agrees", "torch-check"},
            {"loop-agrees"},
        ),
        strict=True,
    )
)


def judged(*sources, hidden=(), tag="remove-cell"):
    made = [new_code_cell(source, id=str(n)) for n, source in enumerate(sources)]
    for number in hidden:
        made[number].metadata["tags"] = [tag]
    return {cell.id: cell for cell in cells(new_notebook(cells=[new_markdown_cell("# Title"), *made]))}


def test_a_cell_rests_on_the_last_cells_that_give_its_names():
    found = judged(
        "import numpy as np",
        "x = np.zeros(3)",
        "x = 1",
        "def double(a):\n    return a * x * later",
        "later = 2",
        "print([double(i) for i in range(3)])",
        "x = x + 1",
        "for later in range(3):\n    print(later)",
        "with open(x) as f, open(f) as later:\n    y, *_ = f",
        "'text'",
    )
    assert {id: cell.after for id, cell in found.items()} == {
        "0": (),
        "1": ("0",),
        "2": (),
        "3": ("2",),
        "4": (),
        "5": ("2", "3", "4"),
        "6": ("2",),
        "7": (),
        "8": ("2", "6"),
        "9": (),
    }
    assert all(cell.runs for cell in found.values())


@pytest.mark.parametrize(
    ("sources", "reason"),
    [
        (["import torch"], "needs PyTorch"),
        (["def f():\n    import scipy.stats, torch, sklearn"], "needs PyTorch, SciPy and scikit-learn"),
        (["import torch\nx = 1", "print(x)"], "needs PyTorch"),
        (["import torch\nx = 1", "x = 2", "print(x)"], ""),
        (["from normcourse import nn", "1"], ""),
        (["from normcourse import nn", "nn.BatchNorm"], "needs PyTorch"),
        (["from normcourse import plotting", "plotting.pooling_cubes()"], ""),
        (["from normcourse import plotting", "plotting.sphere_frame"], "needs PyTorch"),
        (["from normcourse.data import load_mnist1d"], "needs mnist1d"),
        (["%timeit 1"], "needs a notebook's own commands"),
        (["display(1)"], ""),
    ],
)
def test_the_last_cell_runs_or_has_a_reason(sources, reason):
    *_, last = judged(*sources).values()
    assert last.reason == reason
    assert last.runs is not bool(reason)


@pytest.mark.parametrize("tag", ["remove-cell", "remove-input"])
def test_hidden_cells_are_not_shown_and_what_rests_on_them_cannot_run(tag):
    sources = ["from myst_nb import glue", "x = 1", "glue('x', x)", "print(x)"]
    found = judged(*sources, hidden=[0, 1, 2], tag=tag)
    assert found.keys() == {"3"}
    assert found["3"].reason == "needs a cell that the page does not show"


@pytest.mark.parametrize("name", NEED_PYTORCH)
def test_of_the_pages_all_cells_run_but_those_with_pytorch(name):
    found = cells(NOTEBOOKS[name])
    assert {cell.id: cell.reason for cell in found if not cell.runs} == dict.fromkeys(
        NEED_PYTORCH[name], "needs PyTorch"
    )
    for cell in found:
        if cell.runs:
            assert not NEED_PYTORCH[name] & set(cell.after)


# Runs cells as a page does: with no module that it has not; an empty namespace for each list of cells.
PAGE = """
import ast, contextlib, io, json, sys

import matplotlib.backends.backend_svg, matplotlib.pyplot  # with what this version of it needs

present, lists = json.load(sys.stdin)

class OnlyWhatAPageHas:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in present:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

def run(id, source, names):
    seen = []
    names["display"] = seen.append
    body = ast.parse(source).body
    last = ast.Expression(body.pop().value) if isinstance(body[-1], ast.Expr) else None
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(compile(ast.Module(body, []), id, "exec"), names)
        if last is not None:
            seen.append(eval(compile(last, id, "eval"), names))
    return printed.getvalue(), [kinds(value) for value in seen if value is not None]

def kinds(value):
    if not hasattr(value, "_repr_mimebundle_"):
        return [type(value).__name__]
    bundle = value._repr_mimebundle_()
    return sorted(bundle[0] if isinstance(bundle, tuple) else bundle)

sys.meta_path.insert(0, OnlyWhatAPageHas())
shown = []
for cells in lists:
    names = {"__name__": "__main__"}
    shown.append({id: run(id, source, names) for id, source in cells.items()})
json.dump(shown, sys.stdout)
"""


@pytest.fixture(scope="session")
def shown(tmp_path_factory):
    """Return what lists of cells print and show where only the pages' files of the package are."""
    site = tmp_path_factory.mktemp("site")
    for path in package_files(NOTEBOOKS.values()):
        target = site / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    modules = sorted({*PRESENT, *sys.stdlib_module_names, "normcourse"})

    def run(*lists):
        done = subprocess.run(
            [sys.executable, "-c", PAGE],
            input=json.dumps([modules, lists]),
            env={**os.environ, "PYTHONPATH": str(site), "MPLBACKEND": "agg", "NORMCOURSE_EXPLORE": ""},
            cwd=site,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


@pytest.mark.parametrize("name", NEED_PYTORCH)
def test_the_cells_that_run_show_in_the_page_what_it_shows(shown, name):
    found = {cell.id: cell.source for cell in cells(NOTEBOOKS[name]) if cell.runs}
    [here] = shown(found)
    for cell in nbformat.read(NOTEBOOKS[name], as_version=4).cells:
        if cell.id not in found:
            continue
        printed, kinds = here[cell.id]
        assert printed == "".join(out.text for out in cell.outputs if out.output_type == "stream")
        # The notebook's outputs are stored without figures.
        stored = [sorted(out.data) for out in cell.outputs if out.output_type != "stream"]
        assert [[k for k in kind if k != STATEMENTS] for kind in kinds if kind != ["Figure"]] == [
            kind for kind in stored if kind != ["text/plain"]
        ]
        assert kinds.count(["Figure"]) == stored.count(["text/plain"])


@pytest.mark.parametrize("name", NEED_PYTORCH)
def test_each_cell_runs_after_those_that_it_rests_on_alone(shown, name):
    found = {cell.id: cell for cell in cells(NOTEBOOKS[name]) if cell.runs}
    shown(*({id: found[id].source for id in (*cell.after, cell.id)} for cell in found.values()))
