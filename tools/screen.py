"""A plugin for pytest: one line of progress in place of a dot for each test."""

from collections import Counter
from collections.abc import Generator
from typing import Any

import pytest

from tools.build_times import folder_seconds
from tools.progress import Progress


class Screen:
    """Counts what is done in the seconds that docs/build-times.md gives to the folders of tests."""

    def __init__(self) -> None:
        self.progress: Progress | None = None
        self.seconds: dict[str, float] = {}

    def start(self, ids: list[str], processes: int) -> None:
        """Begin, once it is known which tests there are."""
        folders = Counter(map(_folder, ids))
        known = folder_seconds()
        self.seconds = {name: known.get(name, 1.0 * count) / count for name, count in folders.items()}
        total = sum(self.seconds[_folder(test)] for test in ids)
        self.progress = Progress(total, f"{len(ids)} tests", expected=total / processes)
        self.progress.__enter__()

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Without processes, the tests are known here."""
        if not session.config.getoption("numprocesses", None) and session.items:
            self.start([item.nodeid for item in session.items], 1)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, node: object, ids: list[str]) -> None:
        """With processes, each of them finds the same tests."""
        if self.progress is None:
            self.start(ids, node.config.getoption("numprocesses") or 1)  # type: ignore[attr-defined]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count a test that ended, and name one that failed at once."""
        if self.progress is None:
            return
        if report.failed:
            self.progress.say(f"FAILED {report.nodeid}")
        if report.when == "teardown":
            name = _folder(report.nodeid)
            self.progress.advance(self.seconds.get(name, 0.0), doing=name)

    @pytest.hookimpl(wrapper=True)
    def pytest_report_teststatus(self) -> Generator[None, Any, Any]:
        """Leave out the letter of each test; the summary counts them as ever."""
        status = yield
        return (status[0], "", "") if status else status

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        """Close the line before the summary."""
        if self.progress is not None:
            self.progress.__exit__(None, None, None)
            self.progress = None


def _folder(test: str) -> str:
    """Return the folder of a test, down to the second level."""
    return "/".join(test.partition("::")[0].split("/")[:-1][:2])


def pytest_configure(config: pytest.Config) -> None:
    """Register, in the process that has the screen."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Screen(), "screen")
