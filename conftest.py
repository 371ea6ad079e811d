"""What every test needs, those in the package's docstrings too."""

import pytest

pytest_plugins = ["tools.replay"]


@pytest.fixture(autouse=True)
def _own_progress(tmp_path, monkeypatch):
    """Keep what the exercises store out of the home folder."""
    monkeypatch.setenv("NORMCOURSE_PROGRESS", str(tmp_path / "progress"))


def pytest_collection_modifyitems(items):
    """Begin with the tests in a browser, the longest, so that no process has one of them left at the end."""
    items.sort(key=lambda item: "tests/browser/" not in item.nodeid)
