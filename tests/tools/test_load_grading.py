"""A grading that was killed comes to the same end; the tool that says so can see that it does not."""

import sys

import pytest

from normcourse.exercises.catalogue import find_exercise
from tools import load_grading


def run(monkeypatch, count):
    monkeypatch.setattr(sys, "argv", ["load_grading", "--count", str(count), "--isolation", "limits"])
    load_grading.main()


def test_a_killed_grading_comes_to_the_same_end(monkeypatch, capsys):
    run(monkeypatch, 40)
    printed = capsys.readouterr().out
    assert printed.count(": killed after") == 2
    assert "the same bytes" in printed


def test_another_end_is_seen(monkeypatch):
    read = load_grading.written
    monkeypatch.setattr(load_grading, "written", lambda out: read(out) | {"index.html": out.name.encode()})
    monkeypatch.setattr(load_grading.Run, "kill", lambda run, _: run.end())
    with pytest.raises(SystemExit, match=r"1 files differ: index\.html"):
        run(monkeypatch, 1)


def test_a_folder_that_is_left_is_seen(tmp_path):
    exercise = find_exercise("batchnorm")
    load_grading.hand_in(tmp_path / "in", exercise, 1)
    grading = load_grading.Run(tmp_path, "out", exercise, "limits")
    (grading.temporary / "left").mkdir()
    with pytest.raises(SystemExit, match="temporary folders are left: left"):
        grading.end()
