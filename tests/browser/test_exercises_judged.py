"""In the page an answer is judged as in a notebook."""

import inspect
import json

import pytest
from bs4 import BeautifulSoup

from normcourse.exercises import EXERCISES, find_exercise, find_task, page
from normcourse.exercises.task import PredictionTask
from tests.browser.exercises import TORCH, OnThePage, address, in_page, opened_once, setup_source, solution
from tests.exercises.invented import INVENTED

MISTAKES = 30


@pytest.fixture(scope="module")
def opened(browser, site, served):
    """Return a function that opens an exercise and starts its Python, once for all tests of this file."""

    def start(page, name):
        return OnThePage(page, address(site, find_exercise(name)))

    with opened_once(browser, site, start) as of:
        yield of


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda exercise: exercise.name)
def test_each_solution_gets_its_points(opened, exercise):
    there = opened(exercise.name)
    for task in exercise.tasks:
        if not in_page(task):
            continue
        cell = there.cell(task)
        cell.write(solution(task, exercise))
        if isinstance(task, PredictionTask):
            cell.press("Commit")
            assert cell.said().startswith("Committed")
            assert f"{task.title}: Right, 1." in cell.check()  # of 2: it is not sure of all
        else:
            assert f"{task.title}: Right, {task.points} of {task.points} points" in cell.check()


def mistaken_answers():
    """Return so many answers that nobody fitted the judgement to, of all tasks in turn: task and source."""
    ranks = range(max(map(len, INVENTED.values())))
    pairs = [(name, those[rank]) for rank in ranks for name, those in INVENTED.items() if rank < len(those)]
    chosen = [(name, function) for name, (_, function) in pairs if name != TORCH][:MISTAKES]
    sources = [(name, inspect.getsource(function)) for name, function in chosen]
    return [(name, source[source.index("def ") :]) for name, source in sources]


def lines(html):
    """Return the texts that a reader of some HTML sees, one for each paragraph and cell of a table."""
    return [part.get_text() for part in BeautifulSoup(html, "html.parser").select("p, td")]


@pytest.mark.parametrize(("name", "source"), mistaken_answers())
def test_a_mistake_is_named_as_in_a_notebook(opened, tmp_path, monkeypatch, name, source):
    monkeypatch.setenv("NORMCOURSE_PROGRESS", str(tmp_path))
    task = find_task(name)
    exercise = next(one for one in EXERCISES if task in one.tasks)
    cells = [{"title": "", "source": setup_source(exercise)}, {"title": task.title, "source": source}]
    asked = {"action": "check", "name": name, "cells": cells, "kept": {}}
    [item] = json.loads(page.answer(json.dumps(asked)))["items"]
    cell = opened(exercise.name).cell(task)
    cell.check(source)
    best = f"Your best so far: {task.points} of {task.points}."  # the solution was there before
    assert [line for line in lines(cell.output.inner_html()) if line != best] == lines(item["html"])


def test_there_are_so_many_mistakes():
    assert len(mistaken_answers()) == MISTAKES
    assert len({name for name, _ in mistaken_answers()}) == 12


@pytest.mark.parametrize("name", ["inference", "clinic"])
def test_a_task_for_torch_says_where_to_do_it(opened, name):
    scripts = [task for task in find_exercise(name).tasks if not in_page(task)]
    there = opened(name)
    assert there.page.get_by_text("This task needs PyTorch, which no browser has.").count() == len(scripts)
    for task in scripts:
        assert there.page.get_by_role("group", name=task.title, exact=True).count() == 0


def test_a_link_leads_to_the_page(opened, site):
    exercise = find_exercise("batchnorm")
    cell = opened(exercise.name).cell(exercise.tasks[0])
    cell.check("def bn_forward(x, gamma, beta, eps):\n    return x")
    [link] = cell.output.get_by_role("link").all()
    address = link.evaluate("link => link.href")
    assert address == f"{site}/book/02-batchnorm-mechanics/01-forward.html"
    assert opened(exercise.name).page.request.get(address).ok
