"""What nbval compares is what the build executed; a stored output that differs is seen."""

import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from tools import execution, replay
from tools.notebooks import dumps

pytest_plugins = ["pytester"]
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
CONFTEST = """
from pathlib import Path
from tools import execution, replay
execution.CACHE = Path({cache!r})
execution.PROGRESS = Path({cache!r}) / "progress"
replay.ROOT = Path({root!r})
pytest_plugins = ["tools.replay"]
"""


def stored(*cells, **metadata):
    notebook = new_notebook(cells=list(cells), metadata={"kernelspec": KERNEL, **metadata})
    for count, cell in enumerate(notebook.cells, 1):
        cell.execution_count = count
    return notebook


def printed(source, text, *tags):
    return new_code_cell(source, metadata={"tags": list(tags)}, outputs=[new_output("stream", text=text)])


@pytest.fixture
def compared(pytester, monkeypatch):
    """Return a function that stores a notebook, executes it and compares both."""
    folder, cache = pytester.path, pytester.path / "cache"
    monkeypatch.setattr(execution, "CACHE", cache)
    monkeypatch.setattr(execution, "PROGRESS", cache / "progress")
    pytester.makeconftest(CONFTEST.format(cache=str(cache), root=str(folder)))
    (folder / "book").mkdir()

    def compare(notebook, *, execute=True):
        path = folder / "book" / "page.ipynb"
        path.write_text(dumps(notebook))
        if execute:
            execution.execute([path])
        return pytester.runpytest_subprocess("-p", "no:cacheprovider", f"--rootdir={folder}", "book")

    monkeypatch.setenv("PYTHONPATH", str(replay.ROOT))
    return compare


def test_what_is_stored_as_it_ran_passes(compared):
    notebook = stored(printed("print(1)", "1\n"), new_code_cell("x = 2"), printed("print(x)", "2\n"))
    compared(notebook).assert_outcomes(passed=3)


def test_another_output_fails_but_where_it_may_differ(compared):
    notebook = stored(printed("print(1)", "2\n"), printed("print(1)", "2\n", "nbval-ignore-output"))
    result = compared(notebook)
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*Cell outputs differ*"])


@pytest.mark.parametrize(
    "outputs", [[], [new_output("stream", text="1\n"), new_output("display_data", data={"text/plain": "2"})]]
)
def test_an_output_too_few_or_too_many_fails(compared, outputs):
    cell = new_code_cell("print(1)", outputs=outputs)
    compared(stored(cell)).assert_outcomes(failed=1)


def test_a_notebook_that_the_build_did_not_execute_is_an_error(compared):
    result = compared(stored(printed("print(1)", "1\n")), execute=False)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*page.ipynb has not been executed as it is now: run `make book`*"])


def test_a_cell_that_is_skipped_is_passed_over(compared):
    skipped = new_code_cell("2", metadata={"tags": ["nbval-skip"]})
    notebook = stored(printed("print(1)", "1\n"), skipped, printed("print(3)", "3\n"))
    compared(notebook).assert_outcomes(passed=2, skipped=1)
