"""What a published page asks of Python, asked under CPython."""

import json

import pytest

from normcourse.exercises import EXERCISES, page
from normcourse.exercises.notebooks import solution_source
from normcourse.exercises.task import PredictionTask

SETUP = {
    "title": "The set-up cell",
    "source": "import numpy as np\nfrom normcourse.exercises import check, hint",
}
WRONG = """def bn_forward(x, gamma, beta, eps):
    return gamma * (x - x.mean(0)) / (x.var(0, ddof=1) + eps) ** 0.5 + beta"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("NORMCOURSE_PROGRESS", str(tmp_path))
    monkeypatch.setattr(page, "_page", {})
    monkeypatch.setattr(page, "_ran", {})


def ask(action, name="bn.forward", *sources, kept=None, starts=lambda title: None):
    cells = [{"title": f"Cell {number}", "source": source} for number, source in enumerate(sources, 1)]
    asked = {"action": action, "name": name, "cells": cells and [SETUP, *cells], "kept": kept or {}}
    return json.loads(page.answer(json.dumps(asked), starts))


def text(reply):
    """Return all that a reply shows, in one text."""
    return "\n".join(item.get("text") or item.get("html") or item["kind"] for item in reply["items"])


@pytest.mark.parametrize(
    "task",
    [task for one in EXERCISES for task in one.tasks if "torch" not in getattr(task, "libraries", ())],
    ids=lambda task: task.name,
)
def test_each_solution_is_right(task):
    notebook = next(one.notebook for one in EXERCISES if task in one.tasks)
    source = solution_source(task.name, notebook)
    kept = {task.name: {}}
    if isinstance(task, PredictionTask):
        kept = ask("commit", task.name, source, kept=kept)["kept"]
    reply = ask("check", task.name, source, kept=kept)
    due = 1.8 if isinstance(task, PredictionTask) else task.points  # a forecast that is sure of all gets 2
    assert due <= reply["mark"]["points"] <= reply["mark"]["of"] == task.points
    assert reply["kept"][task.name]["points"] == reply["mark"]["points"]


def test_a_mistake_is_named_and_its_points_are_kept():
    reply = ask("check", "bn.forward", WRONG, kept={"bn.forward": {"points": 2, "checks": 3}})
    assert "divide the sum of squares by n - 1" in text(reply)
    assert reply["mark"] == {"status": "wrong", "points": 0, "of": 5}
    assert reply["kept"]["bn.forward"]["points"] == 2
    assert reply["kept"]["bn.forward"]["checks"] == 4


def test_what_the_page_keeps_replaces_what_python_remembers():
    ask("hint", kept={"bn.forward": {"hints": 1}})
    assert "Hint 1 of" in text(ask("hint", kept={"bn.forward": {"hints": 0}}))


def test_what_is_no_progress_is_passed_over():
    reply = ask("hint", kept={"bn.forward": {"hints": "many"}})
    assert "Hint 1 of" in text(reply)
    assert reply["kept"]["bn.forward"]["hints"] == 1


def test_an_answer_may_use_those_above_it():
    helper = "def centre(x):\n    return x - x.mean(0)"
    answer = (
        "def bn_forward(x, gamma, beta, eps):\n    return gamma * centre(x) / (x.var(0) + eps) ** 0.5 + beta"
    )
    assert ask("check", "bn.forward", helper, answer)["mark"]["status"] == "right"


def test_an_earlier_answer_that_fails_is_named():
    reply = ask("check", "bn.forward", "1 / 0", WRONG)
    assert "Left out, because it fails: your answer to “Cell 1” (ZeroDivisionError" in text(reply)
    assert reply["mark"]["status"] == "wrong"


def test_an_answer_that_fails_shows_the_learners_lines_alone():
    reply = ask("check", "bn.forward", "def f():\n    return missing\n\nf()")
    [item] = reply["items"]
    assert item["kind"] == "trouble"
    assert "NameError: name 'missing' is not defined" in item["text"]
    assert 'File "Cell 1", line 2, in f\n    return missing' in item["text"]
    assert "page.py" not in item["text"]
    assert reply["mark"] is None


def test_a_syntax_error_shows_its_line():
    [item] = ask("check", "bn.forward", "def f(:\n    pass")["items"]
    assert "def f(:" in item["text"]
    assert "SyntaxError" in item["text"]


def test_a_check_that_is_interrupted_is_told():
    source = "def bn_forward(x, gamma, beta, eps):\n    raise KeyboardInterrupt"
    [item] = ask("check", "bn.forward", source)["items"]
    assert item["text"].endswith("KeyboardInterrupt")


def test_what_one_answer_changes_does_not_reach_the_next():
    ask("check", "bn.forward", "np.asarray = None\n" + WRONG)
    assert "divide the sum of squares by n - 1" in text(ask("check", "bn.forward", WRONG))


def test_who_keeps_the_screen_as_logging_does_writes_to_the_run_that_is_on(monkeypatch):
    monkeypatch.setattr(page, "kept", None, raising=False)
    ask("run", "", "import sys\nfrom normcourse.exercises import page\npage.kept = sys.stderr")
    source = "from normcourse.exercises import page\nprint('careful', file=page.kept)"
    assert text(ask("run", "", source)) == "careful\n"


def test_input_says_that_there_is_nobody_to_ask():
    assert "input() has nobody to ask here" in text(ask("run", "", "input('n?')"))


def test_of_very_many_things_some_are_shown():
    source = "for _ in range(1000):\n    display(hint('bn.forward'))"
    reply = ask("run", "", source)
    assert len(reply["items"]) == page.MOST_ITEMS + 1
    assert "are left out" in reply["items"][-1]["text"]


@pytest.mark.parametrize("source", ["raise SystemExit(3)", "raise KeyboardInterrupt", "exit()"])
def test_a_cell_may_raise_anything(source):
    assert ask("run", "", source)["items"][-1]["kind"] == "trouble"


def test_a_run_shows_what_is_printed_and_the_last_value():
    reply = ask("run", "", "print('a')\n'b'")
    assert reply["items"] == [{"kind": "text", "text": "a\n'b'\n"}]


def test_a_run_shows_nothing_of_the_cells_above():
    assert ask("run", "", "print('above')\n1", "x = 1")["items"] == []


def test_a_semicolon_shows_nothing():
    assert ask("run", "", "1 + 1;")["items"] == []


def test_the_verdict_stands_above_what_an_answer_prints():
    kinds = [item["kind"] for item in ask("check", "bn.forward", WRONG + "\nprint(1)")["items"]]
    assert kinds == ["html", "text"]


def test_many_lines_are_cut_and_counted():
    reply = ask("run", "", "for i in range(1_000_000):\n    print(i)")
    shown, note = reply["items"]
    assert len(shown["text"]) == page.MOST_TEXT
    assert note["text"].startswith("6,868,890 characters more")


def test_display_shows_html_of_the_course_alone():
    source = (
        "class Mine:\n    def _repr_html_(self):\n        return '<script>'\n    def __repr__(self):\n"
        "        return 'mine'\ndisplay(Mine(), hint('bn.forward'))"
    )
    kinds = [item["kind"] for item in ask("run", "", source)["items"]]
    assert kinds == ["text", "html"]


def test_a_figure_comes_as_a_picture():
    source = "from matplotlib.figure import Figure\nfigure = Figure()\nfigure.subplots().plot([1, 2])\nfigure"
    [item] = ask("run", "", source)["items"]
    assert item["kind"] == "figure"
    assert item["data"].startswith("iVBOR")


def test_each_cell_is_named_before_it_runs():
    named = []
    ask("check", "bn.forward", "x = 1", WRONG, starts=named.append)
    assert named == ["The set-up cell", "Cell 1", "Cell 2"]


def test_a_check_leaves_nothing_behind():
    ask("run", "", "left = 1")
    assert "NameError" in text(ask("run", "", "left"))


def test_a_commitment_outlasts_a_later_change():
    first = "BN_PREDICTIONS = " + repr(dict.fromkeys(statements("bn.predictions"), 0.5))
    later = first.replace("0.5", "0.9")
    kept = ask("commit", "bn.predictions", first, kept={"bn.predictions": {}})["kept"]
    reply = ask("commit", "bn.predictions", later, kept=kept)
    assert "Committed earlier" in text(reply)
    assert set(reply["kept"]["bn.predictions"]["committed"].values()) == {0.5}


def statements(name):
    return [
        one.name
        for exercise in EXERCISES
        for task in exercise.tasks
        if task.name == name
        for one in task.statements
    ]


class TestCellsOfAPage:
    """A chapter page keeps its namespace, as a notebook does."""

    def test_cells_that_have_run_do_not_run_again(self):
        ask("cell", "", "counted = []", "counted.append(1)")
        assert text(ask("cell", "", "counted = []", "counted.append(1)", "counted")) == "[1]\n"

    def test_a_cell_that_changed_runs_again(self):
        ask("cell", "", "x = 1", "x")
        assert text(ask("cell", "", "x = 2", "x")) == "2\n"

    def test_what_a_cell_needs_and_what_fails_is_named(self):
        reply = ask("cell", "", "x = missing", "x")
        assert reply["items"][0]["text"] == "Cell 1, above, fails:"
        assert "NameError" in reply["items"][1]["text"]

    def test_the_cell_that_is_asked_about_always_runs(self):
        ask("cell", "", "n = 1", "n += 1\nn")
        assert text(ask("cell", "", "n = 1", "n += 1\nn")) == "3\n"

    def test_a_record_of_the_course_is_shown_as_it_is_in_the_book(self):
        source = "from normcourse.claims import Below, ensure\nensure(('the error', {}, Below(1.0)))"
        [item] = ask("cell", "", source.format("0.5"))["items"]
        assert item["kind"] == "html"
        assert "the error" in item["html"]
        [item] = ask("cell", "", source.format("1.5"))["items"]
        assert item["kind"] == "trouble"
        assert "Traceback" not in item["text"]
        assert "line" not in item["text"].splitlines()[0]
