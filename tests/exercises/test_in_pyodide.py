"""The page's Python says of every answer that the course knows what CPython says."""

import copy
import json
import re
from pathlib import Path

import pytest

from tests.exercises.marks import marks
from tests.served import run_in_pyodide, served_python

SCRIPT = Path(__file__).with_name("marks.py")
NUMBER = re.compile(r"\d+(?:\.\d+)?(?:e[+-]?\d+)?")
ROUNDED = 0.1  # numbers are shown with two digits, and another NumPy may round the second one the other way


def said(text):
    """Return a text without its numbers, and these."""
    return NUMBER.sub("#", text), [float(number) for number in NUMBER.findall(text)]


def alike(one, other):
    (words, numbers), (other_words, other_numbers) = said(one), said(other)
    return words == other_words and numbers == pytest.approx(other_numbers, rel=ROUNDED)


def same_mark(one, other):
    """Tell whether two marks are one but for digits of numbers in what is said."""
    one, other = copy.deepcopy(one), copy.deepcopy(other)
    texts = [
        (mark.pop("message"), *(check.pop("detail") for check in mark["checks"])) for mark in (one, other)
    ]
    return one == other and all(map(alike, *texts))


@pytest.fixture(scope="module")
def here():
    return json.loads(json.dumps(marks()))


@pytest.fixture(scope="module")
def in_pyodide():
    return run_in_pyodide(served_python(), SCRIPT, "marks", "normcourse")


def test_the_marks_are_those_of_cpython(here, in_pyodide):
    assert in_pyodide.keys() == here.keys()
    assert [name for name in here if not same_mark(in_pyodide[name], here[name])] == []


def test_every_kind_of_mark_is_among_them(here):
    assert len(here) > 1800
    statuses = {mark["status"] for mark in here.values()}
    assert {"right", "partly", "wrong"} <= statuses
    solutions = {name: mark["status"] for name, mark in here.items() if name.endswith(": solution")}
    assert set(solutions.values()) <= {"right", "partly"}  # a forecast is seldom all right
    assert len(solutions) > 25
    assert sum(len(mark["mistakes"]) > 1 for mark in here.values()) > 1000


@pytest.mark.parametrize(
    "changed",
    [
        {"points": 1},
        {"status": "right"},
        {"mistakes": []},
        {"message": "You divide by n - 1."},
        {"checks": [{"name": "y", "passed": True, "detail": "off by up to 0.13"}]},
        {"checks": [{"name": "y", "passed": False, "detail": "off by up to 0.16"}]},
    ],
)
def test_a_mark_that_differs_is_seen(changed):
    check = {"name": "y", "passed": False, "detail": "off by up to 0.13"}
    mark = {
        "points": 0,
        "status": "wrong",
        "mistakes": ["n - 1"],
        "message": "You divide by n.",
        "checks": [check],
    }
    assert same_mark(mark, mark)
    assert same_mark(mark, mark | {"checks": [check | {"detail": "off by up to 0.14"}]})
    assert not same_mark(mark, mark | changed)
