"""The line of progress of a run of tests, and that a run's summary stays what it is."""

from pathlib import Path

import pytest

from tools.build_times import expected_seconds, folder_seconds, page, page_seconds
from tools.notebooks import find
from tools.screen import Screen

pytest_plugins = ["pytester"]
ROOT = Path(__file__).parents[2]


def test_every_notebook_has_its_seconds():
    assert {page(path) for path in find()} == page_seconds().keys()
    assert all(seconds > 0 for seconds in expected_seconds(find()).values())


def test_every_folder_of_tests_has_its_seconds():
    folders = {f"tests/{path.name}" for path in (ROOT / "tests").iterdir() if list(path.glob("test_*.py"))}
    assert folders <= folder_seconds().keys()


def test_the_share_follows_the_seconds_of_the_folders(monkeypatch):
    monkeypatch.setattr("tools.screen.folder_seconds", lambda: {"tests/slow": 8.0, "tests/fast": 2.0})
    screen = Screen()
    slow = [f"tests/slow/test_{name}.py::test_1" for name in "ab"]
    screen.start([*slow, "tests/fast/test_c.py::test_1"], 2)
    report = pytest.TestReport(slow[0], ("", 0, ""), {}, "passed", None, "teardown")
    screen.pytest_runtest_logreport(report)
    assert screen.progress.done / screen.progress.total == 0.4
    screen.pytest_sessionfinish()


def test_a_run_counts_and_shows_failures_as_ever(pytester, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    pytester.makepyfile(
        "import pytest\ndef test_a(): pass\ndef test_b(): assert 0\ndef test_c(): pytest.skip('no')"
    )
    result = pytester.runpytest_subprocess("-q", "-p", "tools.screen", "-p", "no:cacheprovider", "-rs")
    result.assert_outcomes(passed=1, failed=1, skipped=1)
    result.stderr.fnmatch_lines(["FAILED *::test_b"])
    result.stdout.no_fnmatch_line("*.Fs*")
    result.stdout.fnmatch_lines(["*def test_b(): assert 0*", "*: no"])
