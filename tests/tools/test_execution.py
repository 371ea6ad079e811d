"""The cache of executed notebooks: what a notebook imports decides when it runs again."""

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor

import pytest
from nbformat.v4 import new_code_cell, new_notebook

from tools import execution
from tools.notebooks import dumps

KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


@pytest.fixture
def root(tmp_path, monkeypatch):
    """Return a root whose package is two modules, with the cache beside it."""
    package = tmp_path / "normcourse"
    package.mkdir()
    for name in ("__init__", "used", "other"):
        (package / f"{name}.py").write_text(f"name = {name!r}\n")
    monkeypatch.setattr(execution, "ROOT", tmp_path)
    monkeypatch.setattr(execution, "CACHE", tmp_path / "_build" / "notebooks")
    monkeypatch.setattr(execution, "PROGRESS", tmp_path / "_build" / "progress")
    return tmp_path


def written(root, name, *sources):
    path = root / f"{name}.ipynb"
    path.write_text(
        dumps(new_notebook(cells=list(map(new_code_cell, sources)), metadata={"kernelspec": KERNEL}))
    )
    return path


def test_a_notebook_runs_again_when_what_it_imports_changes(root):
    path = written(root, "uses", "def never():\n    from normcourse.used import name")
    assert execution.stale([path]) == [path]
    execution.execute([path])
    assert execution.stale([path]) == []
    (root / "normcourse" / "other.py").write_text("name = 2\n")
    assert execution.stale([path]) == []
    (root / "normcourse" / "used.py").write_text("name = 2\n")
    assert execution.stale([path]) == [path]
    with pytest.raises(KeyError):
        execution.outputs(path)  # the old output is gone, so nobody shows it


def test_a_notebook_runs_again_when_a_package_or_python_changes(root, monkeypatch):
    notebook = new_notebook(cells=[new_code_cell("1")])
    keys = [execution.key(notebook)]
    monkeypatch.setattr(execution, "_installed", lambda: "torch==0.1")
    keys.append(execution.key(notebook))
    monkeypatch.setattr(execution.sys, "version", "4.0")
    keys.append(execution.key(notebook))
    assert len(set(keys)) == 3


def test_key_ignores_packages_that_a_tool_brings_along(tmp_path, monkeypatch):
    brought = tmp_path / "vendored" / "brought-1.0.dist-info"
    brought.mkdir(parents=True)
    (brought / "METADATA").write_text("Metadata-Version: 2.1\nName: brought\nVersion: 1.0\n")
    monkeypatch.syspath_prepend(str(brought.parent))
    execution._installed.cache_clear()
    assert "brought" not in execution._installed()
    assert "numpy==" in execution._installed()


def test_kernels_get_the_environment_of_the_book_and_leave_ours(root):
    names = ("NORMCOURSE_EXPLORE", "NORMCOURSE_PROGRESS", "MADE_UP")
    path = written(root, "asks", f"import os\nprint(*map(os.environ.get, {names}), sep='\\n')")
    before = dict(os.environ)
    execution.execute([path], environment={"MADE_UP": "yes"})
    [cell] = execution.outputs(path).cells
    assert cell.outputs[0].text.splitlines() == ["page", str(execution.PROGRESS), "yes"]
    assert dict(os.environ) == before


def test_a_failing_cell_is_named_with_its_page_and_what_to_do(root):
    path = written(root, "fails", "1", "# two\nraise ValueError('nothing to normalize')", "3")
    with pytest.raises(execution.NotebookFailedError) as raised:
        execution.execute([path])
    *before, name, start, advice = str(raised.value).splitlines()
    assert any("nothing to normalize" in line for line in before)
    assert name == "fails.ipynb failed in code cell 1 (the first is 0), which starts with"
    assert start.strip() == "# two"
    assert advice == "To see it fail alone: python -m tools.notebooks fails.ipynb"
    assert execution.stale([path]) == [path]


@pytest.mark.parametrize(
    ("shows", "seen"),
    [
        ("from myst_nb import glue\nglue('count', np.int64(4), display=False)", "np.int64(4)"),
        ("print([np.float64(0.5)])", "np.float64(0.5)"),
        ("np.mean([True])", "np.float64(1.0)"),
    ],
)
def test_a_number_that_only_a_programmer_can_read_is_refused(root, shows, seen):
    path = written(root, "shows", "import numpy as np\nprint(np.float64(2))", f"import numpy as np\n{shows}")
    with pytest.raises(execution.NotebookFailedError) as raised:
        execution.execute([path])
    first, *_ = str(raised.value).splitlines()
    assert first.startswith(f"a reader would see {seen}: glue")
    assert "shows.ipynb failed in code cell 1" in str(raised.value)
    assert execution.stale([path]) == [path]


def test_several_failures_are_all_returned_if_asked(root):
    paths = [written(root, name, f"raise ValueError('{name}')") for name in "ab"]
    good = written(root, "c", "1")
    failures = execution.execute([*paths, good], keep_going=True)
    assert failures.keys() == set(paths)
    assert execution.stale([good]) == []


def test_a_kernel_says_nothing_and_does_not_stay(root, capfd):
    execution.execute([written(root, "asks", "import os\nprint(os.getpid())")])
    assert capfd.readouterr() == ("", "")
    [cell] = execution.outputs(root / "asks.ipynb").cells
    with pytest.raises(ProcessLookupError):
        os.kill(int(cell.outputs[0].text), 0)


@pytest.mark.parametrize(("threads", "most"), [("1", 4), ("2", 2), ("3", 1), ("8", 1)])
def test_kernels_of_several_threads_share_the_cores(root, monkeypatch, threads, most):
    running, seen = [], []

    async def run(self, number, path):
        running.append(path)
        seen.append(len(running))
        await asyncio.sleep(0)
        running.remove(path)

    monkeypatch.setattr(execution, "cores", lambda: 4)
    monkeypatch.setattr(execution._Kernels, "_run", run)
    paths = [written(root, f"page{number}", "1") for number in range(6)]
    execution.execute(paths, environment={"OMP_NUM_THREADS": threads})
    assert (len(seen), max(seen)) == (6, most)


def test_notebooks_run_under_a_loop_of_the_callers(root):
    path = written(root, "asks", "1")

    async def caller():
        execution.execute([path])

    with ThreadPoolExecutor(1) as thread:  # the test's own may have a loop already
        thread.submit(lambda: asyncio.run(caller())).result()
    assert execution.stale([path]) == []
