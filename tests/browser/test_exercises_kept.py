"""What a reader did in the page is there again: after a reload, in another tab, as a notebook, elsewhere."""

import csv
import json
from pathlib import Path

import pytest

from normcourse.exercises import EXERCISES, find_exercise
from normcourse.exercises.task import PredictionTask
from normcourse.grading import cli
from tests.browser.exercises import (
    ANY,
    PATIENCE_MS,
    TORCH,
    OnThePage,
    address,
    in_page,
    press,
    serve_changed,
    solution,
)
from tools.site_check.browser import watched_page

EXERCISE = find_exercise(ANY)
FORWARD, BACKWARD = EXERCISE.tasks[:2]
PREDICTIONS = EXERCISE.tasks[-1]
RIGHT = solution(FORWARD, EXERCISE)
MISTAKEN = "def bn_forward(x, gamma, beta, eps):\n    return gamma * (x - x.mean(0)) / x.std(0) + beta"


def points_of(reader, task):
    """Return what stands beside a task's heading."""
    return reader.get_by_role("heading", name=task.title).first.locator(".in-page-points")


def download(reader, folder):
    with reader.expect_download() as waiting:
        press(reader.get_by_role("button", name="Download the notebook with my answers"))
    path = folder / waiting.value.suggested_filename
    waiting.value.save_as(path)
    return path


def take(reader, path):
    """Take the answers out of a notebook, and return what is said."""
    region = reader.get_by_role("group", name="What came of it: Points and notebook")
    reader.locator("input[type=file]").set_input_files(path)
    region.get_by_text(path.name).wait_for()
    return region.inner_text()


def test_a_reload_keeps_answers_and_points(reader, url, site):
    there = OnThePage(reader, url)
    assert "Right" in there.cell(FORWARD).check(RIGHT)
    assert points_of(reader, FORWARD).inner_text() == "✓ 5 of 5 points"
    reader.reload()
    assert points_of(reader, FORWARD).inner_text() == "✓ 5 of 5 points"
    assert points_of(reader, BACKWARD).count() == 0
    assert reader.locator(".cm-editor").count() == 0
    assert not reader.locator(
        "#cell-check-bn-forward .cell_output"
    ).is_visible()  # that nothing was attempted
    assert reader.locator("#cell-check-bn-backward .cell_output").is_visible()
    reader.goto(f"{site}/book/exercises/index.html")
    row = reader.get_by_role("row").filter(has_text=EXERCISE.title)
    assert row.locator(".in-page-points").inner_text() == "5 so far"
    again = OnThePage(reader, url)
    assert again.cell(FORWARD).text == RIGHT


def test_a_new_start_of_the_browser_keeps_them(browser, site, url, served):
    with watched_page(browser, site) as (reader, _):
        OnThePage(reader, url).cell(FORWARD).check(RIGHT)
        state = reader.context.storage_state()
    with watched_page(browser, site, storage_state=state) as (reader, _):
        reader.goto(url)
        assert points_of(reader, FORWARD).inner_text() == "✓ 5 of 5 points"
        assert "1 answer is kept in this browser" in reader.locator(".in-page-bar").inner_text()


def test_the_best_points_stay(reader, url):
    cell = OnThePage(reader, url).cell(FORWARD)
    cell.check(RIGHT)
    assert "Your best so far: 5 of 5" in cell.check(MISTAKEN)
    assert points_of(reader, FORWARD).inner_text() == "✓ 5 of 5 points"


def test_a_hint_and_a_solution_are_remembered(reader, url):
    cell = OnThePage(reader, url).cell(FORWARD)
    cell.press("Hint")
    assert "Hint 1 of" in cell.said()
    cell.press("Solution")
    assert "A solution of bn.forward" in cell.said()
    again = OnThePage(reader, url).cell(FORWARD)
    again.press("Hint")
    assert "Hint 2 of" in again.said()
    press(reader.get_by_role("button", name="Show my points"))
    reader.get_by_text(f"{FORWARD.title} (solution seen)").wait_for(timeout=PATIENCE_MS)


def test_who_declines_sees_no_solution_and_commits_nothing(reader, url):
    there = OnThePage(reader, url)
    reader.evaluate("window.confirm = () => false")
    cell = there.cell(FORWARD)
    cell.press("Solution")
    assert cell.output.inner_text() == ""
    forecast = there.cell(PREDICTIONS)
    forecast.write(solution(PREDICTIONS, EXERCISE))
    forecast.press("Commit")
    assert forecast.output.inner_text() == ""
    assert forecast.group.get_by_role("button", name="Commit").count() == 1


def test_help_stands_below_what_it_helps_with(reader, url):
    cell = OnThePage(reader, url).cell(FORWARD)
    cell.check(MISTAKEN)
    cell.press("Hint")
    cell.said()
    cell.press("Hint")
    said = cell.said()
    assert said.index("of 5 points") < said.index("Hint 1 of") < said.index("Hint 2 of")


def test_the_download_says_what_earned_more_before(reader, url, tmp_path):
    cell = OnThePage(reader, url).cell(FORWARD)
    cell.check(RIGHT)
    cell.check(MISTAKEN)
    download(reader, tmp_path)
    said = reader.get_by_role("group", name="What came of it: Points and notebook").inner_text()
    assert f"an earlier answer of yours earned more: “{FORWARD.title}”." in said


def test_a_forecast_stands_once_it_is_committed(reader, url):
    cell = OnThePage(reader, url).cell(PREDICTIONS)
    text = solution(PREDICTIONS, EXERCISE)
    cell.write(text)
    assert reader.get_by_text("is shown here once your forecast is committed").count() == 1
    cell.press("Commit")
    assert cell.said().startswith("Committed")
    assert "batches of 2, norm batch" in reader.locator(".in-page-ran pre").inner_text()
    cell.editor.focus()
    reader.keyboard.type("x")
    assert cell.text == text
    again = OnThePage(reader, url).cell(PREDICTIONS)
    assert again.text == text
    assert reader.locator(".in-page-ran pre").count() == 1
    assert again.group.get_by_role("button", name="Commit").count() == 0


def test_what_is_not_filled_in_is_not_committed(reader, url):
    cell = OnThePage(reader, url).cell(PREDICTIONS)
    cell.press("Commit")
    assert cell.said().startswith("Nothing is committed")
    assert cell.group.get_by_role("button", name="Commit").count() == 1


def test_start_again_brings_the_first_lines_and_keeps_the_answer(reader, url):
    cell = OnThePage(reader, url).cell(FORWARD)
    cell.write(RIGHT)
    cell.press("Start again")
    assert "NotImplementedError" in cell.text
    cell.editor.press("Control+z")
    assert cell.text == RIGHT
    cell.press("Start again")
    again = OnThePage(reader, url).cell(FORWARD)
    assert "NotImplementedError" in again.text
    press(reader.get_by_text("Another answer of yours is kept"))
    press(reader.get_by_role("button", name="Put it into the editor"))
    assert again.text == RIGHT


def of_another_release(name):
    """Return what makes a page one of a release in which the first task is another."""

    def change(told):
        told["tasks"][0] |= {"digest": name, "stub": f"def bn_forward(x, {name}):\n    pass"}

    return change


def test_an_answer_to_a_changed_task_is_kept_beside_it(reader, url):
    OnThePage(reader, url).cell(FORWARD).write(MISTAKEN)
    for name in ("second", "third"):  # opened in each release, and not touched
        serve_changed(reader, url, of_another_release(name))
        cell = OnThePage(reader, url).cell(FORWARD)
        assert cell.text == f"def bn_forward(x, {name}):\n    pass"
    press(reader.get_by_text("Another answer of yours is kept"))
    press(reader.get_by_role("button", name="Put it into the editor"))
    assert cell.text == MISTAKEN
    again = OnThePage(reader, url).cell(FORWARD)
    assert again.text == MISTAKEN


def test_a_commitment_to_other_statements_does_not_stand(reader, url):
    cell = OnThePage(reader, url).cell(PREDICTIONS)
    cell.write(solution(PREDICTIONS, EXERCISE))
    cell.press("Commit")
    assert cell.said().startswith("Committed")

    def change(told):
        task = next(one for one in told["tasks"] if one["name"] == PREDICTIONS.name)
        task["statements"].append("a new one")

    serve_changed(reader, url, change)
    again = OnThePage(reader, url).cell(PREDICTIONS)
    again.group.get_by_role("button", name="Commit").wait_for()
    assert reader.locator(".in-page-ran").count() == 0
    again.editor.focus()
    reader.keyboard.type("#")
    assert again.text != solution(PREDICTIONS, EXERCISE)


def test_what_is_typed_while_a_forecast_is_committed_does_not_count(reader, url):
    cell = OnThePage(reader, url).cell(PREDICTIONS)
    text = solution(PREDICTIONS, EXERCISE)
    cell.write(text)
    cell.press("Commit")  # Python is still on its way
    cell.write(text.replace("0.9", "0.1"))
    assert cell.said().startswith("Committed")
    assert cell.text == text
    assert OnThePage(reader, url).cell(PREDICTIONS).text == text


def test_two_tabs_follow_each_other(reader, url):
    first = OnThePage(reader, url)
    other = reader.context.new_page()
    second = OnThePage(other, url)
    second.cell(FORWARD).write(MISTAKEN)
    second.cell(BACKWARD).write("mine = 1")
    first.page.bring_to_front()
    first.cell(BACKWARD).editor.filter(has_text="mine = 1").wait_for()
    assert first.cell(FORWARD).text == MISTAKEN
    first.cell(FORWARD).check(RIGHT)
    other.bring_to_front()
    points_of(other, FORWARD).filter(has_text="5 of 5").wait_for()
    second.cell(FORWARD).editor.filter(has_text="np.sqrt").wait_for()


NO = "throw new DOMException('no', '{}')"
REFUSED = f"Object.defineProperty(window, 'localStorage', {{get() {{{NO.format('SecurityError')}}}}})"
FULL = f"Storage.prototype.setItem = () => {{{NO.format('QuotaExceededError')}}}"


@pytest.mark.parametrize(
    ("script", "said"),
    [(REFUSED, "keeps nothing for this site"), (FULL, "storage is full")],
    ids=["refused", "full"],
)
def test_a_storage_that_refuses_is_told_with_the_way_out(browser, site, url, served, script, said):
    with watched_page(browser, site) as (reader, _):  # the theme complains: it does not expect that
        reader.add_init_script(script)
        there = OnThePage(reader, url)
        assert "Right" in there.cell(FORWARD).check(RIGHT)
        warning = reader.get_by_role("alert")
        assert said in warning.inner_text()
        assert points_of(reader, FORWARD).inner_text() == "✓ 5 of 5 points"
        with reader.expect_download() as waiting:
            press(warning.get_by_role("button", name="Download"))
        held = json.loads(Path(waiting.value.path()).read_text(encoding="utf-8"))
        assert RIGHT in ["".join(cell["source"]) for cell in held["cells"]]


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda exercise: exercise.name)
def test_the_notebook_that_is_downloaded_gets_the_same_points(reader, site, tmp_path, exercise):
    there = OnThePage(reader, address(site, exercise))
    there.wait_for_python()
    shown = {}
    for number, task in enumerate(filter(in_page, exercise.tasks)):
        cell = there.cell(task)
        if number % 3 != 2:  # some stay as they were handed out
            cell.write(solution(task, exercise))
            if isinstance(task, PredictionTask):
                cell.press("Commit")
                cell.said()
        cell.check()
        text = points_of(reader, task).inner_text() if points_of(reader, task).count() else "0 of"
        shown[task.name] = float(text.removeprefix("✓ ").partition(" ")[0])
    (tmp_path / "class").mkdir()
    assert download(reader, tmp_path / "class").name == exercise.notebook
    out = tmp_path / "out"
    asked = ["grade", exercise.name, str(tmp_path / "class"), "--out", str(out), "--isolation", "limits"]
    assert cli.main(asked) == 0
    [row] = csv.DictReader((out / "grades.csv").read_text(encoding="utf-8").splitlines())
    assert {name: float(row[name]) for name in shown} == shown


def test_a_notebook_that_is_brought_along_goes_on(reader, url, browser, site, tmp_path):
    there = OnThePage(reader, url)
    there.cell(FORWARD).write(RIGHT)
    there.cell(BACKWARD).write("mine = 1")
    path = download(reader, tmp_path)
    with watched_page(browser, site) as (other, _):
        elsewhere = OnThePage(other, url)
        elsewhere.cell(FORWARD).write(MISTAKEN)
        said = take(other, path)
        assert f"“{FORWARD.title}” is in its editor now: check it for its points." in said
        assert elsewhere.cell(FORWARD).text == RIGHT
        assert elsewhere.cell(BACKWARD).text == "mine = 1"
        press(other.get_by_text("Another answer of yours is kept"))
        assert "x.std(0)" in other.locator("details pre").first.inner_text()
        assert "Right, 5 of 5" in elsewhere.cell(FORWARD).check()


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("photo.ipynb", "\ufffd", "it is not a notebook"),
        ("empty.ipynb", '{"cells": []}', "it holds no answer to a task of this page"),
        ("large.ipynb", "x" * 8_000_001, "it is too large"),
    ],
)
def test_a_file_that_holds_no_answer_is_refused(reader, url, tmp_path, name, content, said):
    OnThePage(reader, url)
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    assert f"{name} was not taken: {said}" in take(reader, path)


def test_the_torch_answer_travels_through_the_page(reader, site, tmp_path):
    exercise = find_exercise("inference")
    OnThePage(reader, address(site, exercise))
    task = next(task for task in exercise.tasks if task.name == TORCH)
    source = solution(task, exercise)
    path = download(reader, tmp_path)
    held = json.loads(path.read_text(encoding="utf-8"))
    for cell in held["cells"]:
        if cell.get("id") == "answer-inference-repair":
            cell["source"] = source
    path.write_text(json.dumps(held), encoding="utf-8")
    assert "is kept for the next download" in take(reader, path)
    again = json.loads(download(reader, tmp_path).read_text(encoding="utf-8"))
    assert source in ["".join(cell["source"]) for cell in again["cells"]]


def test_offline_it_goes_on_after_the_first_visit(reader, url):
    there = OnThePage(reader, url)
    assert "Right" in there.cell(FORWARD).check(RIGHT)
    reader.goto("about:blank")
    reader.context.set_offline(True)
    again = OnThePage(reader, url)
    assert "n - 1" in again.cell(FORWARD).check(RIGHT.replace("var(axis=0)", "var(axis=0, ddof=1)"))
