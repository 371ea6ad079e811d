"""The exercises in the page can be reached, by whatever a reader has, and say what they cannot do."""

import re

import pytest

from normcourse.exercises import find_exercise
from tests.browser.exercises import (
    ANY,
    PATIENCE_MS,
    STARTS,
    OnThePage,
    address,
    press,
    serve_changed,
    solution,
)
from tools.site_check import axe
from tools.site_check.browser import watched_page
from tools.site_check.pages import HTML
from tools.site_check.server import serve

EXERCISE = find_exercise(ANY)
FORWARD = EXERCISE.tasks[0]
RIGHT = solution(FORWARD, EXERCISE)
MISTAKEN = "def bn_forward(x, gamma, beta, eps):\n    return x"


def focused(reader, selector):
    return reader.evaluate("selector => document.activeElement.matches(selector)", selector)


def tab_to(reader, selector, limit=80):
    """Press Tab until the focus is on an element, and fail if it never is."""
    for _ in range(limit):
        reader.keyboard.press("Tab")
        if focused(reader, selector):
            return
    pytest.fail(f"{limit} times Tab did not lead to {selector}")


def test_all_is_done_by_keyboard(reader, url):
    reader.goto(url)
    tab_to(reader, ".in-page-bar button")
    reader.keyboard.press("Enter")
    reader.locator(".cm-editor").first.wait_for()
    tab_to(reader, ".cm-content")
    reader.keyboard.press("Control+a")
    reader.keyboard.type("def bn_forward(x, gamma, beta, eps):\nreturn x / 2")  # the editor indents by itself
    reader.keyboard.press("Tab")
    assert focused(reader, ".cm-content"), "Tab indents"
    first = reader.get_by_role("textbox", name=f"Your answer: {FORWARD.title}")
    assert first.inner_text().rstrip() == "def bn_forward(x, gamma, beta, eps):\n        return x / 2"
    reader.keyboard.press("Control+Enter")
    output = reader.get_by_role("group", name=f"What came of it: {FORWARD.title}")
    output.get_by_text("Not yet right").wait_for(timeout=PATIENCE_MS)
    assert focused(reader, ".cm-content")
    reader.keyboard.press("Escape")
    reader.keyboard.press("Tab")
    assert reader.evaluate("document.activeElement.textContent") == "Check"
    reader.keyboard.press("Tab")
    reader.keyboard.press("Tab")
    assert reader.evaluate("document.activeElement.textContent") == "Hint"
    reader.keyboard.press("Enter")
    output.get_by_text("Hint 1 of").wait_for()
    assert reader.evaluate("document.activeElement.textContent") == "Hint", "the focus stays at work"


def test_a_screen_reader_is_told_what_things_are(reader, url):
    there = OnThePage(reader, url)
    cell = there.cell(FORWARD)
    assert cell.editor.get_attribute("aria-multiline") == "true"
    keys = reader.locator(f"#{cell.editor.get_attribute('aria-describedby')}")
    assert "Escape and then Tab leaves it" in keys.inner_text()
    assert cell.group.get_by_role("button").all_inner_texts() == [
        "Check",
        "Run",
        "Hint",
        "Solution",
        "Start again",
    ]
    assert cell.output.get_attribute("aria-live") == "polite"
    there.wait_for_python()
    assert reader.get_by_role("status").filter(has_text="Python is ready.").count() == 1
    assert focused(reader, ".in-page-bar"), "the button that had the focus is gone"
    cell.check(MISTAKEN)
    assert cell.output.get_by_role("table").count() == 1


def test_axe_finds_no_violation_before_or_after(reader, url):
    reader.goto(url)
    assert not axe.violations_in_all_views(reader)
    there = OnThePage(reader, url)
    there.cell(FORWARD).check(MISTAKEN)
    predictions = there.cell(EXERCISE.tasks[-1])
    predictions.write(solution(EXERCISE.tasks[-1], EXERCISE))
    predictions.press("Commit")
    predictions.said()
    press(reader.get_by_role("button", name="Show my points"))
    reader.get_by_text(f"{EXERCISE.title}: ").wait_for(timeout=PATIENCE_MS)
    # Not in all views by itself: that opens the page anew.
    for scheme in ("light", "dark"):
        for width in (1280, 390):
            reader.set_viewport_size({"width": width, "height": 800})
            reader.evaluate("scheme => (document.documentElement.dataset.theme = scheme)", scheme)
            assert not axe.violations(reader), (scheme, width)
            assert reader.evaluate("document.documentElement.scrollWidth") <= width


def test_a_page_loads_nothing_heavy_before_the_click(reader, url):
    loaded = []
    reader.on("request", lambda request: loaded.append(request.url))
    reader.goto(url, wait_until="networkidle")
    ours = [one.rpartition("/")[2].partition("?")[0] for one in loaded if "/in-page/" in one]
    assert sorted(re.sub("-[A-Z0-9]+", "", name) for name in ours) == ["start.js"]
    assert reader.locator(".cm-editor").count() == 0


def test_a_page_without_exercises_loads_nothing_of_it(reader, site):
    loaded = []
    reader.on("request", lambda request: loaded.append(request.url))
    reader.goto(f"{site}/book/glossary.html", wait_until="networkidle")
    assert [one for one in loaded if "in-page" in one] == []


def test_without_scripts_the_page_is_complete(browser, site, url):
    with watched_page(browser, site, java_script_enabled=False) as (reader, _):
        reader.goto(url)
        assert reader.get_by_role("heading", name=FORWARD.title).count() == 1
        assert reader.get_by_text("raise NotImplementedError").count() > 0
        assert reader.get_by_role("button", name=STARTS).count() == 0


def test_a_page_that_was_opened_as_a_file_says_so(browser, served):
    context = browser.new_context()
    try:
        reader = context.new_page()
        reader.goto((HTML / "book" / "exercises" / EXERCISE.notebook).with_suffix(".html").as_uri())
        bar = reader.locator(".in-page-bar")
        assert "In a page that was opened as a file Python cannot run." in bar.inner_text()
        assert (
            bar.get_by_role("link")
            .get_attribute("href")
            .endswith(f"_sources/book/exercises/{EXERCISE.notebook}")
        )
    finally:
        context.close()


def test_a_build_without_python_sends_the_reader_to_the_notebook(reader, url):
    serve_changed(reader, url, lambda told: told.update(python=None))
    reader.goto(url)
    bar = reader.locator(".in-page-bar")
    assert "In this build of the book Python does not run in the page." in bar.inner_text()
    link = bar.get_by_role("link", name="Download the notebook").evaluate("link => link.href")
    held = reader.request.get(link).json()
    assert "answer-bn-forward" in [cell["id"] for cell in held["cells"]]


def test_a_page_that_was_published_anew_says_so(browser, url, site, served):
    with watched_page(browser, site) as (reader, _):  # the browser complains of what is not there
        reader.route("**/files.json", lambda route: route.fulfill(status=404))
        there = OnThePage(reader, url)
        there.status.filter(has_text="this page was published anew").wait_for(timeout=PATIENCE_MS)


def test_a_start_button_that_is_pressed_twice_starts_once(reader, url):
    reader.goto(url)
    reader.get_by_role("button", name=STARTS).dblclick()
    reader.locator(".cm-editor").first.wait_for()
    assert reader.locator(".cm-editor").count() == len(EXERCISE.tasks)
    assert reader.locator("#in-page-keys").count() == 1


def test_python_can_be_restarted_and_stopped_while_it_loads(browser, served):
    with serve(HTML, kilobytes_per_second=1500) as slow, watched_page(browser, slow) as (reader, _):
        cell = OnThePage(reader, address(slow, EXERCISE)).cell(FORWARD)
        cell.write(RIGHT)
        cell.press("Check")
        cell.press("Stop")
        assert cell.said().startswith("Stopped. Your answers")
        cell.press("Check")
        press(reader.get_by_role("button", name="Restart Python"))
        assert cell.said().startswith("Stopped.")
        assert "Right, 5 of 5 points" in cell.check()


def test_a_file_that_was_changed_is_refused_and_named(browser, url, site, served):
    with watched_page(browser, site) as (reader, _):  # the browser itself complains of the hash
        reader.route(
            "**/numpy-*.whl", lambda route: route.fulfill(body=b"not NumPy", content_type="application/zip")
        )
        there = OnThePage(reader, url)
        there.status.filter(has_text="Python could not be loaded: numpy-2.0.2").wait_for(timeout=PATIENCE_MS)
        assert "is not the file that was published" in there.status.inner_text()
        said = there.cell(FORWARD).check(RIGHT)
        assert "numpy-2.0.2" in said
        reader.unroute("**/numpy-*.whl")
        press(reader.get_by_role("button", name="Restart Python"))
        assert "Right, 5 of 5 points" in there.cell(FORWARD).check()


NOTE_PROGRESS = """
window.progress = [];
new MutationObserver(() => {
  const text = document.querySelector(".in-page-progress")?.textContent;
  if (text && text !== progress.at(-1)) progress.push(text);
}).observe(document, {subtree: true, childList: true});
"""


def test_a_slow_network_shows_how_much_has_come(browser, served):
    with serve(HTML, kilobytes_per_second=1500) as slow, watched_page(browser, slow) as (reader, _):
        reader.add_init_script(NOTE_PROGRESS)
        cell = OnThePage(reader, address(slow, EXERCISE)).cell(FORWARD)
        cell.write(RIGHT)
        assert "Right, 5 of 5 points" in cell.check()
        shown = [re.fullmatch(r"([\d.]+) of ([89]\.\d) MB", text) for text in reader.evaluate("progress")]
        assert all(shown)
        assert len({match[2] for match in shown}) == 1
        come = [float(match[1]) for match in shown]
        assert come == sorted(come)
        assert len(come) > 3
        assert come[-1] == float(shown[-1][2])


def test_a_start_that_finds_no_network_can_be_tried_again(browser, url, site, served):
    with watched_page(browser, site) as (reader, _):
        reader.goto(url)
        reader.context.set_offline(True)
        start = reader.get_by_role("button", name=STARTS)
        press(start)
        reader.get_by_text("The editor did not come: is the network there?").wait_for()
        reader.context.set_offline(False)
        press(start)
        reader.locator(".cm-editor").first.wait_for()
