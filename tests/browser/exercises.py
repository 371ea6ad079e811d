"""The exercises of a page, as a reader sees them: what the tests of the browser press and read."""

import json
import re
from contextlib import ExitStack, contextmanager

from playwright.sync_api import expect

from normcourse.exercises.notebooks import load, solution_source
from normcourse.exercises.task import CodeTask, PredictionTask
from tools.site_check.browser import watched_page

STARTS = re.compile("Do the exercises on this page|Go on with the exercises here")
PATIENCE_MS = 120_000  # for Python to start and a page of figures to run, on a machine that does more
TORCH = "inference.repair"  # of many scripts one
ANY = "batchnorm"  # the exercise that most tests take


def address(site, exercise):
    """Return the address of an exercise's page."""
    return f"{site}/book/exercises/{exercise.notebook.removesuffix('.ipynb')}.html"


def serve_changed(page, url, change):
    """Serve a page that says something else of itself: `change` gets what it says, and changes it."""

    def fulfil(route):
        before, held, after = re.split(r'(?<= id="in-page")([^<]*)(?=</script>)', route.fetch().text())
        tag, _, written = held.partition(">")
        told = json.loads(written)
        change(told)
        route.fulfill(body=f"{before}{tag}>{json.dumps(told)}{after}", content_type="text/html")

    page.route(url, fulfil)


def solution(task, exercise):
    """Return a solution as it is typed."""
    return solution_source(task.name, exercise.notebook)


def in_page(task):
    """Return whether a task can be done in the page."""
    return not isinstance(task, CodeTask) or "torch" not in task.libraries


def setup_source(exercise):
    return next("".join(cell["source"]) for cell in load(exercise.notebook)["cells"] if cell["id"] == "setup")


@contextmanager
def opened_once(browser, site, start):
    """Give a function that starts something by its name, once each and in a context of its own.

    At the end nothing has left the site, and no complaint is logged.
    """
    started, faults = {}, []
    with ExitStack() as contexts:

        def of(name):
            if name not in started:
                page, found = contexts.enter_context(watched_page(browser, site))
                faults.append(found)
                started[name] = start(page, name)
            return started[name]

        yield of
    assert [found for found in faults if found.foreign or found.complaints] == []


def press(button):
    """Press a button or a fold by the keyboard: a click is lost if the page moves before the mouse is up."""
    button.press("Enter")


def wait_for_answer(box):
    """Wait until Python has answered in a box."""
    expect(box).to_have_attribute("aria-busy", "false", timeout=PATIENCE_MS)


class OnThePage:
    """The exercises of an open page, once they are started."""

    def __init__(self, page, url):
        self.page = page
        page.on("dialog", lambda dialog: dialog.accept())
        page.goto(url)
        press(page.get_by_role("button", name=STARTS))

    def cell(self, task):
        return Cell(self.page, task)

    @property
    def status(self):
        return self.page.locator(".in-page-status")

    def wait_for_python(self):
        self.page.get_by_text("Python is ready.").wait_for(timeout=PATIENCE_MS)


class Cell:
    """One task: its editor, buttons, and what is said of the answer."""

    def __init__(self, page, task):
        self.page = page
        self.task = task
        exact = {"name": task.title, "exact": True}
        self.group = page.get_by_role("group", **exact)
        self.editor = page.get_by_role("textbox", name=f"Your answer: {task.title}", exact=True)
        self.output = page.get_by_role("group", name=f"What came of it: {task.title}", exact=True)
        if isinstance(task, PredictionTask):
            self.verdict = page.get_by_role("group", name=f"The check: {task.title}", exact=True)
            self.checks = page.get_by_role("group", name=f"{task.title}: check", exact=True)
        else:
            self.verdict, self.checks = self.output, self.group

    def write(self, text):
        self.editor.focus()
        self.page.keyboard.press("Control+a")
        self.page.keyboard.insert_text(text)

    @property
    def text(self):
        """What stands in the editor."""
        lines = "box => [...box.querySelectorAll('.cm-line')].map(line => line.textContent).join('\\n')"
        return self.editor.evaluate(lines)

    def press(self, label):
        group = self.checks if label == "Check" else self.group
        press(group.get_by_role("button", name=label, exact=True))

    def said(self, box=None):
        """Return what is said, once Python has answered."""
        box = box or self.output
        wait_for_answer(box)
        return box.inner_text()

    def check(self, text=None):
        """Type an answer, check it, and return what is said."""
        if text is not None:
            self.write(text)
        self.press("Check")
        return self.said(self.verdict)
