"""The code of some pages runs in the page, and their own exercises are checked there."""

import re

import nbformat
import pytest

from normcourse.exercises import PRACTICE, find_task
from normcourse.exercises.notebooks import answer_cell
from tests.browser.exercises import PATIENCE_MS, OnThePage, opened_once, press, wait_for_answer
from tests.served import core_of
from tools import execution
from tools.in_page import runnable
from tools.site_check import axe
from tools.site_check.browser import watched_page
from tools.site_check.pages import ROOT

FORWARD, BACKWARD = runnable.PAGES[:2]
START = "Run the code of this page here"


class Code:
    """The code cells of an open page, once they are started."""

    def __init__(self, page, url):
        self.page = page
        page.goto(url)
        press(page.get_by_role("button", name=START))
        page.get_by_text("Python is ready.").wait_for(timeout=PATIENCE_MS)
        # Folded cells run as well.
        page.evaluate("document.querySelectorAll('details.hide').forEach(fold => { fold.open = true; })")

    def run(self, number, text=None):
        """Run a cell, changed or not, and return the box that shows what came of it."""
        title = f"Code cell {number}"
        if text is not None:
            self.page.get_by_role("textbox", name=title, exact=True).focus()
            self.page.keyboard.press("Control+a")
            self.page.keyboard.insert_text(text)
        press(self.page.get_by_role("group", name=title, exact=True).get_by_role("button", name="Run"))
        box = self.page.get_by_role("group", name=f"What code cell {number} shows", exact=True)
        wait_for_answer(box)
        return box


@pytest.fixture(scope="module")
def figures(served):
    if not list(core_of(served).glob("matplotlib-*.whl")):
        pytest.skip("the site was built without the packages of figures")


@pytest.fixture(scope="module")
def opened(browser, site, figures):
    """Return a function that opens a page and starts its code, once for all tests."""
    with opened_once(browser, site, lambda page, name: Code(page, f"{site}/{name}.html")) as of:
        yield of


def texts(cell):
    """Return what a built cell shows as text alone."""
    plain = (output.data for output in cell.outputs if output.output_type != "stream")
    printed = [output.text for output in cell.outputs if output.output_type == "stream"]
    return printed + [data["text/plain"] for data in plain if data.keys() == {"text/plain"}]


def pictures(cell):
    """Return how many figures and explorers a built cell shows."""
    shown = [output.data for output in cell.outputs if output.output_type != "stream"]
    return sum("image/png" in data or "explorer" in data.get("text/html", "") for data in shown)


@pytest.mark.parametrize("name", runnable.PAGES)
def test_each_cell_shows_what_the_page_shows(opened, name):
    path = ROOT / f"{name}.ipynb"
    built = {cell.id: cell for cell in execution.outputs(path).cells}
    code, drawn = opened(name), 0
    for number, cell in enumerate(runnable.cells(path), 1):
        if not cell.runs:
            assert code.page.get_by_role("textbox", name=f"Code cell {number}", exact=True).count() == 0
            continue
        box = code.run(number)
        assert box.locator(".in-page-trouble").count() == 0, box.inner_text()
        said = " ".join(box.locator("pre").all_inner_texts())
        assert said.split() == " ".join(texts(built[cell.id])).split(), cell.id
        wide = box.locator("img").evaluate_all("all => all.map(one => one.naturalWidth > 300)")
        assert wide == [True] * pictures(built[cell.id]), cell.id
        drawn += len(wide)
    assert drawn > 0


def test_a_cell_that_was_changed_shows_another_result_and_start_again_the_first(opened):
    code = opened(FORWARD)
    box = code.run(3, "print(2.0 * xhat.round(1))")
    assert box.inner_text().strip() == "[-2.  -0.6 -0.6  3.4]"
    output = code.page.locator("#cell-affine > .cell_output").last  # the first is where a run shows
    assert not output.is_visible()
    third = code.page.get_by_role("group", name="Code cell 3", exact=True)
    press(third.get_by_role("button", name="Start again"))
    assert output.is_visible()


def test_a_figure_keeps_its_caption_and_an_explorer_its_sliders(opened):
    code = opened(BACKWARD)
    code.run(6)
    parts = code.page.locator("#cell-parts")
    assert parts.locator("figcaption").is_visible()
    assert [one.is_visible() for one in parts.locator("img").all()] == [True, False]
    code = opened(FORWARD)
    box = code.run(7)
    assert "Below is the figure as it was built, with its sliders." in box.inner_text()
    assert code.page.locator("#cell-d659028b .explorer input").first.is_visible()


def test_a_sentence_that_a_change_denies_is_told(opened):
    code = opened(FORWARD)
    box = code.run(6, "claims.ensure(('one', 2.0, Below(1.0)))")
    assert "one" in box.locator(".in-page-trouble").inner_text()
    assert "Traceback" not in box.inner_text()


def test_what_cannot_run_says_why(opened):
    code = opened(FORWARD)
    note = code.page.locator("#cell-agree .in-page-note")
    assert note.inner_text() == "It does not run in the page: it needs PyTorch."


def test_axe_finds_no_violation_while_code_runs(opened):
    code = opened(FORWARD)
    code.run(2)
    for scheme in ("light", "dark"):
        for width in (1280, 390):
            code.page.set_viewport_size({"width": width, "height": 800})
            code.page.evaluate("scheme => (document.documentElement.dataset.theme = scheme)", scheme)
            assert not axe.violations(code.page), (scheme, width)
            assert code.page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("name", dict.fromkeys(task.section.page for task in PRACTICE))
def test_the_pages_own_exercises_are_checked(browser, site, served, name):
    ids = {cell.get("id") for cell in nbformat.read(ROOT / f"{name}.ipynb", as_version=4).cells}
    tasks = [task for task in PRACTICE if answer_cell(task.name) in ids]
    assert tasks
    with watched_page(browser, site) as (page, faults):
        there = OnThePage(page, f"{site}/{name}.html")
        for task in tasks:
            cell = there.cell(find_task(task.name))
            assert "Not attempted yet" in cell.check()
            said = cell.check(task.solution)
            assert f"{task.title}: Right" in said
            assert not re.search(r"\d of \d+ points", said)
    assert not faults.foreign
    assert not faults.complaints
