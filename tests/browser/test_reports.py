"""The reports of the grader in a browser: accessible, on any screen, and complete in themselves."""

from dataclasses import replace

import pytest

from normcourse.exercises.marking import CheckMark, Mark
from normcourse.grading import report
from normcourse.grading.results import Graded, Result
from normcourse.grading.seeds import PUBLIC_SEED
from tests.grading.handed_in import WHOLE
from tools.site_check import axe

WRONG = Mark(
    "bn.forward",
    "wrong",
    0,
    5,
    (CheckMark("ordinary batches", False, 0, 5, "y is off by up to 0.3, on three examples"),),
    ("n - 1",),
    "You divide the sum of squares by n - 1.\nA second line.",
)


@pytest.fixture
def reports(tmp_path):
    """Write the reports of a small class, with one name that is long and one that is hostile."""
    marks = [Mark(task.name, "right", task.points, task.points) for task in WHOLE.tasks]
    right = Result("ada.ipynb", "ada", "1", "ok", "", tuple(marks))
    wrong = replace(right, name="ben_" * 40 + ".py", learner="ben_" * 40, marks=(WRONG, *marks[1:]))
    slow = replace(right, name="x.py", learner="<script>x</script>", status="timeout", reason="took 10 s")
    graded = Graded(WHOLE, "limits", PUBLIC_SEED, {"numpy": "2"}, (right, wrong, slow))
    (tmp_path / "feedback").mkdir()
    files = report.files(graded, "https://example.org")
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return [tmp_path / name for name in files if name.endswith(".html")]


@pytest.mark.parametrize("width", [1200, 360])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_reports_are_accessible_fit_the_screen_and_ask_for_nothing(browser, reports, scheme, width):
    context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 800})
    opened = context.new_page()
    asked, said = [], []
    opened.on("request", lambda request: asked.append(request.url))
    opened.on("console", lambda message: said.append(message.text))
    for path in reports:
        opened.goto(path.as_uri())
        assert not axe.violations(opened), path.name
        assert opened.evaluate("document.documentElement.scrollWidth") <= width, path.name
    assert asked == [path.as_uri() for path in reports]
    assert not said
    context.close()


def test_a_fault_of_a_report_is_found(browser, reports):
    opened = browser.new_page()
    path = reports[0]
    path.write_text(path.read_text().replace('lang="en"', "").replace("--soft: #595959", "--soft: #aaaaaa"))
    opened.goto(path.as_uri())
    rules = {line.split()[0] for line in axe.violations(opened)}
    assert {"html-has-lang", "color-contrast"} <= rules
    opened.close()


def test_the_class_page_leads_to_the_feedback(browser, reports):
    opened = browser.new_page()
    opened.goto(reports[0].as_uri())
    opened.get_by_role("link", name="<script>x</script>").click()
    opened.get_by_text("timeout: a task took too long").wait_for()
    assert opened.title() == "BatchNorm by hand: <script>x</script>"
    opened.close()
