"""Whatever an answer does, the page lives, and says what happened."""

import pytest

from normcourse.exercises import find_exercise
from tests.browser.exercises import ANY, OnThePage, address, press, solution
from tools.site_check.browser import watched_page

EXERCISE = find_exercise(ANY)
FORWARD, BACKWARD = EXERCISE.tasks[:2]
RIGHT = solution(FORWARD, EXERCISE)
HEAD = "def bn_forward(x, gamma, beta, eps):\n"


@pytest.fixture(scope="module")
def there(browser, site, served):
    with watched_page(browser, site) as (page, _):
        yield OnThePage(page, address(site, EXERCISE))


@pytest.fixture
def cell(there):
    """Return the first task; after the test its solution is right still."""
    forward = there.cell(FORWARD)
    yield forward
    assert "Right, 5 of 5 points" in forward.check(RIGHT)


def test_a_loop_without_end_is_stopped(cell):
    said = cell.check(HEAD + "    while True:\n        pass")
    assert said.startswith("Stopped after 10 seconds, in this cell: does a loop never end?")
    assert "while True" in cell.text


def test_a_loop_without_end_above_is_named(there, cell):
    cell.write("while True:\n    pass")
    said = there.cell(BACKWARD).check()
    assert f"in “{FORWARD.title}”, which stands above" in said


def test_stop_ends_it_at_once(cell):
    cell.write("while True:\n    pass")
    cell.press("Check")
    cell.press("Stop")
    assert cell.said().startswith("Stopped. Python starts again")


def test_a_million_lines_are_cut(cell):
    cell.write("for i in range(1_000_000):\n    print(i)")
    cell.press("Run")
    said = cell.said()
    assert said.startswith("0\n1\n2\n")
    assert "6,868,890 characters more were printed" in said
    assert len(said) < 30_000


def test_a_recursion_without_end_is_told(cell):
    assert "RecursionError" in cell.check(HEAD + "    return bn_forward(x, gamma, beta, eps)")


def test_a_recursion_in_c_is_told(cell):
    said = cell.check("x = []\nfor _ in range(1_000_000):\n    x = [x]\nrepr(x)")
    assert "RecursionError" in said or "Python itself broke off" in said


def test_too_much_memory_is_told(cell):
    assert "MemoryError" in cell.check("import numpy as np\nbig = [np.ones(2**27) for _ in range(8)]")


def test_a_syntax_error_shows_its_line(cell):
    said = cell.check("def bn_forward(x, gamma, beta, eps:\n    return x")
    assert "SyntaxError" in said
    assert "def bn_forward(x, gamma, beta, eps:" in said


def test_a_definition_that_is_missing_is_told(cell):
    assert "nothing is called bn_forward" in cell.check("bn_fwd = 1")


def test_an_earlier_answer_that_fails_is_named(there, cell):
    cell.write("1 / 0")
    said = there.cell(BACKWARD).check()
    assert f"Left out, because it fails: your answer to “{FORWARD.title}” (ZeroDivisionError" in said


def test_an_answer_that_ends_its_worker_is_told(cell):
    said = cell.check("import js\njs.self.close()\nwhile True:\n    pass")
    assert said.startswith("Stopped after 10 seconds")


def test_what_an_answer_changed_is_gone_after_a_restart(there, cell):
    cell.write("import numpy as np\nnp.mean = None")
    cell.press("Run")
    cell.said()
    press(there.page.get_by_role("button", name="Restart Python"))
    there.wait_for_python()


HTML = r"""
import normcourse.exercises.feedback as feedback
from normcourse.exercises import hint
links = ("javascript:1", "java\nscript:1", "\x01javascript:1", "JavaScript:1", "data:text/html,1")
acting = [f'<a href="{link}">a</a>' for link in links]
acting += ['<img src="x" onerror="window.acted = 1">', "<script>window.acted = 1</script>"]
acting += ["<svg><script>window.acted = 1</script></svg>", "<style>* {display: none}</style>", "<b>left</b>"]
feedback.Note._repr_html_ = lambda self: "".join(acting)
hint("bn.forward")
"""


def test_html_of_an_answer_does_not_act(there, cell):
    cell.write(HTML)
    cell.press("Run")
    assert cell.said().endswith("left")
    links = cell.output.locator("a").evaluate_all("all => all.map(link => link.getAttribute('href'))")
    assert links == [None] * 5
    assert cell.output.locator("script, style, svg, [onerror], [src]").count() == 0
    assert there.page.evaluate("window.acted") is None
    press(there.page.get_by_role("button", name="Restart Python"))
    there.wait_for_python()
