"""The cache of executed notebooks: a change of the package empties it."""

import os

import pytest
from jupyter_cache import get_cache
from nbformat.v4 import new_code_cell, new_notebook

from tools import execution
from tools.notebooks import dumps

KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


@pytest.fixture
def root(tmp_path, monkeypatch):
    """Return a root whose package is one module, with the caches beside it."""
    (tmp_path / "normcourse").mkdir()
    (tmp_path / "normcourse" / "module.py").write_text("x = 1\n")
    monkeypatch.setattr(execution, "ROOT", tmp_path)
    monkeypatch.setattr(execution, "CACHES", tmp_path / "_build" / "notebooks")
    monkeypatch.setattr(execution, "PROGRESS", tmp_path / "_build" / "progress")
    return tmp_path


def test_key_follows_the_content_and_the_names_of_the_package(root):
    module = root / "normcourse" / "module.py"
    keys = [execution.cache_key()]
    module.write_text("x = 2\n")
    keys.append(execution.cache_key())
    module.rename(root / "normcourse" / "renamed.py")
    keys.append(execution.cache_key())
    assert len(set(keys)) == 3


def test_key_ignores_compiled_files(root):
    before = execution.cache_key()
    (root / "normcourse" / "__pycache__").mkdir()
    (root / "normcourse" / "__pycache__" / "module.pyc").write_bytes(b"1")
    assert execution.cache_key() == before


def test_key_ignores_packages_that_a_tool_brings_along(root, tmp_path, monkeypatch):
    before = execution.cache_key()
    brought = tmp_path / "vendored" / "brought-1.0.dist-info"
    brought.mkdir(parents=True)
    (brought / "METADATA").write_text("Metadata-Version: 2.1\nName: brought\nVersion: 1.0\n")
    monkeypatch.syspath_prepend(str(brought.parent))
    assert execution.cache_key() == before


def test_stale_caches_are_removed(root):
    stale = execution.CACHES / ("0" * 16)
    stale.mkdir(parents=True)
    current = execution.cache_folder()
    current.mkdir()
    assert execution.cache_folder() == current
    assert [path.name for path in execution.CACHES.iterdir()] == [current.name]


def test_notebooks_with_long_runs_start_first(root, monkeypatch):
    for name, runs in (("a", 0), ("b", 2), ("c", 1)):
        cells = [new_code_cell("1", metadata={"tags": ["remove-output"]}) for _ in range(runs)]
        notebook = new_notebook(cells=[new_code_cell("1"), *cells], metadata={"kernelspec": KERNEL})
        (root / f"{name}.ipynb").write_text(dumps(notebook))
    started = []
    executor = execution.load_executor("local-parallel", get_cache(execution.cache_folder()))
    kind, run = type(executor), type(executor).run_and_cache

    def watched(self, **settings):
        started.extend(record.uri[-7] for record in self.cache.list_unexecuted(settings["filter_uris"]))
        return run(self, **settings)

    monkeypatch.setattr(kind, "run_and_cache", watched)
    execution.execute(sorted(root.glob("*.ipynb")))
    assert started == ["b", "c", "a"]


def test_kernels_get_the_environment_of_the_book_and_leave_ours(root):
    code = "import os\nprint(os.environ['NORMCOURSE_EXPLORE'], os.environ['NORMCOURSE_PROGRESS'], sep='\\n')"
    notebook = new_notebook(cells=[new_code_cell(code)])
    notebook.metadata.kernelspec = KERNEL
    path = root / "asks.ipynb"
    path.write_text(dumps(notebook))
    before = dict(os.environ)
    (record,) = (cache := execution.execute([path])).list_cache_records()
    (cell,) = cache.get_cache_bundle(record.pk).nb.cells
    assert cell.outputs[0].text.splitlines() == ["page", str(execution.PROGRESS)]
    assert dict(os.environ) == before


def test_a_failing_notebook_is_named_with_its_error(root):
    path = root / "fails.ipynb"
    notebook = new_notebook(cells=[new_code_cell("raise ValueError('nothing to normalize')")])
    notebook.metadata.kernelspec = KERNEL
    path.write_text(dumps(notebook))
    with pytest.raises(RuntimeError, match=r"(?s)fails\.ipynb failed.*nothing to normalize"):
        execution.execute([path])
