"""The Python that the built site serves to its pages, and a way to run it without a browser."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from tools.in_page.pyodide import VARIABLE
from tools.node import NODE
from tools.site_check.pages import HTML


def served_python():
    """Return the course's folder of it.

    A site without one skips the test, or fails it where nothing may be left out.
    """
    found = sorted((HTML / "_static" / "in-page").glob("python-*/files.json"))
    if len(found) == 1:
        return found[0].parent
    said = f"the built site holds {len(found)} folders of Python: see what `make book` says"
    required = os.environ.get("NORMCOURSE_REQUIRE_BROWSER") and os.environ.get(VARIABLE, "").lower() != "off"
    if found or required:
        pytest.fail(said)
    pytest.skip(said)


def core_of(folder):
    """Return the folder beside it that holds what others made."""
    return folder.parent / Path(json.loads((folder / "files.json").read_text(encoding="utf-8"))["core"]).name


def run_in_pyodide(folder, script, function, *packages):
    """Return what a function of a script returns there, through JSON."""
    command = [NODE, Path(__file__).with_suffix(".mjs"), folder, script, function, *packages]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)
