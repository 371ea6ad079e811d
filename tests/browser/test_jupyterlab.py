"""A real JupyterLab: a notebook of the book runs whole, and a slider redraws its figure."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "book" / "03-inference-statistics" / "02-lag-and-recalibration.ipynb"
SECONDS = 120
TOKEN = "normcourse"


@pytest.fixture
def lab(tmp_path):
    """Start JupyterLab on a free port of this machine, in a folder of its own, and return its address."""
    work, home = tmp_path / "work", tmp_path / "home"
    work.mkdir()
    shutil.copy(NOTEBOOK, work)
    places = ("CONFIG", "DATA", "RUNTIME")
    settings = {f"JUPYTER_{place}_DIR": str(home / place.lower()) for place in places}
    settings |= {"JUPYTERLAB_SETTINGS_DIR": str(home / "s"), "JUPYTERLAB_WORKSPACES_DIR": str(home / "w")}
    log = tmp_path / "log"
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"]
    command += ["--ip=127.0.0.1", "--port=0", f"--ServerApp.root_dir={work}"]
    command += [f"--IdentityProvider.token={TOKEN}"]
    with log.open("w") as stream:
        server = subprocess.Popen(command, env=os.environ | settings, stdout=stream, stderr=stream, cwd=work)
    try:
        yield _address(server, home / "runtime", log)
    finally:
        server.terminate()
        try:
            server.wait(timeout=20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait(timeout=10)


def _address(server, runtime, log):
    """Wait for the file in which a server says where it is."""
    for _ in range(SECONDS):
        for said in runtime.glob("jpserver-*.json"):
            with contextlib.suppress(json.JSONDecodeError):  # not written whole yet
                return json.loads(said.read_text())["url"].rstrip("/")
        assert server.poll() is None, log.read_text()
        time.sleep(1)
    pytest.fail(f"JupyterLab did not start in {SECONDS} s: {log.read_text()}")


def test_all_cells_run_and_a_slider_redraws(browser, lab):
    context = browser.new_context(viewport={"width": 1300, "height": 1000})
    try:
        page = context.new_page()
        page.goto(f"{lab}/lab/tree/{NOTEBOOK.name}?token={TOKEN}")
        page.locator(".jp-Notebook .jp-CodeCell").first.wait_for(timeout=60_000)
        page.get_by_text("(ipykernel) | Idle").wait_for(timeout=60_000)  # or it asks which kernel to take
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        drawn = "count => document.querySelectorAll('.jupyter-widgets img').length >= count"
        page.wait_for_function(drawn, arg=1, timeout=180_000)  # the cells before it train
        assert not page.locator("[data-mime-type='application/vnd.jupyter.error']").count()
        first = page.locator(".jupyter-widgets img").first
        before, alt = first.get_attribute("src"), first.get_attribute("alt")
        handle = page.locator(".jupyter-widgets .noUi-handle").first
        handle.focus()
        page.keyboard.press("ArrowRight")
        page.wait_for_function(
            "was => document.querySelector('.jupyter-widgets img').alt !== was", arg=alt, timeout=30_000
        )
        assert first.get_attribute("src") != before
    finally:
        context.close()
