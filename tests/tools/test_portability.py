"""The comparison of processors sees what differs, and how near a sentence is to breaking."""

import json
import os
import subprocess
import sys

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from tools import execution, portability, portability_report
from tools.notebooks import dumps, normalise
from tools.portability_report import Quantity

KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
IGNORED = ["nbval-ignore-output"]
PAGE = [
    (
        "import os\nfrom myst_nb import glue\nfrom normcourse import claims\n"
        "from normcourse.claims import Above, Exactly\nway = float(os.environ.get('WAY', 0))",
        [],
    ),
    ("print('sum', round(1 + way, 1))", []),
    ("claims.ensure(('a quantity', 10 + way, Above(9)), ('a count', 3, Exactly(3)))", IGNORED),
    ("glue('number', f'{way:.1f}', display=False)", IGNORED),
    ("print('the same')", []),
]


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    """Run a page in four ways, the second of which moves its numbers and the third breaks it, and report."""
    root = tmp_path_factory.mktemp("root")
    path = root / "book" / "page.ipynb"
    path.parent.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(portability, "ROOT", root)
        patch.setattr(portability, "FOLDER", root / "_build" / "portability")
        patch.setattr(portability_report, "ROOT", root)
        patch.setattr(execution, "CACHE", root / "_build" / "notebooks")
        patch.setattr(execution, "PROGRESS", root / "_build" / "progress")
        cells = [new_code_cell(source, metadata={"tags": tags}) for source, tags in PAGE]
        path.write_text(dumps(new_notebook(cells=cells, metadata={"kernelspec": KERNEL})))
        execution.execute([path])
        notebook = execution.outputs(path)
        normalise(notebook)
        nbformat.write(notebook, path)
        for way in ("0", "0.25", "-2"):
            portability.run_notebooks(f"way{way}", {"WAY": way}, [path])
        folders = sorted(portability.FOLDER.iterdir())
        yield path, folders, portability_report.report(folders, [path], [])


def test_a_strict_cell_that_differs_and_a_page_that_fails_are_faults(compared):
    _, _, (text, faults) = compared
    assert faults == 2
    assert "| page | 1 | way0.25 |" in text
    assert 'the page rests on "a quantity" being above 9; this run gave 8' in text


def test_what_moves_is_listed_with_its_margin(compared):
    _, _, (text, _) = compared
    assert "| page | a quantity | 10 | 10.25 | 0.25 | 1 | 4.0 |" in text
    assert "| page | number | 0.0 / 0.2 |" in text
    assert "a count" not in text


def test_a_run_that_was_stopped_goes_on(compared, monkeypatch):
    path, *_ = compared
    started = []
    monkeypatch.setattr(execution._Kernels, "_run", lambda self, number, path: started.append(path))
    portability.run_notebooks("way0", {"WAY": "0"}, [path])
    assert not started


def test_a_thin_margin_is_marked():
    values = {"stored": (2.0, 2.5), "native-1": (1.8, 2.5), "avx2-1": (2.0, 2.6)}
    thin = Quantity("page", "a ratio", values, [0.5, 0.3, 0.5])
    wide = Quantity("page", "another", values, [1.0, 0.8, 1.0])
    assert [row[-1] for row in portability_report._rows([wide, thin])] == ["1.5*", "4.0"]


def test_a_corner_is_compared_in_its_unit(tmp_path):
    folder = tmp_path / "native-1" / "corners"
    folder.mkdir(parents=True)
    sweep = portability_report.find_sweeps()["batch_size"]
    values = {name: sweep.load().get(name, **sweep.corner)[:2] for name in sweep.load().values}
    moved = {name: (array + (name == "error") / 300 * 2.5).tolist() for name, array in values.items()}
    (folder / "batch_size.json").write_text(json.dumps({"values": moved}))
    text, faults = portability_report.report([folder.parent], [], ["batch_size"])
    assert faults == 1
    assert "| batch_size: error | 2.5 | 2 of 300 examples | yes |" in text
    assert "2 measurements of corners do not move at all" in text


def test_the_arithmetics_do_calculate_differently():
    """In PyTorch's kernels and in NumPy's products at least, on a processor that has more than the oldest."""
    code = (
        "import torch, numpy as np; x, y = np.random.default_rng(0).normal(size=(2, 200, 200)); "
        "print(torch.backends.cpu.get_cpu_capability(), torch.get_num_threads(), hash((x @ y).tobytes()))"
    )
    said = {
        name: subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, **variables, "PYTHONHASHSEED": "0"},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        for name, variables in portability.arithmetics().items()
        if name in ("native-1", "default-1", "default-2")
    }
    assert said["default-1"][:2] == ["DEFAULT", "1"]
    assert said["default-2"][:2] == ["DEFAULT", "2"]
    if said["native-1"][0] == "DEFAULT":
        pytest.skip("this processor knows no other way to calculate")
    assert said["native-1"][2] != said["default-1"][2]


def test_what_is_not_there_is_named():
    with pytest.raises(SystemExit, match=r"there is no avx3-1; there are native-1, avx2-1"):
        list(portability.chosen(["avx3-1"], portability.arithmetics()))
