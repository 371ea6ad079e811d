"""What the pages that run Python are given, and what the build says of it."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from tools.in_page import pages
from tools.in_page.bundle import Bundle
from tools.in_page.distribution import Distribution

BUNDLE = Bundle("start-1.js", "in-page-1.css", "cells-1.js", "worker-1.js")
PYTHON = Distribution("python-1", {"exercises": 9})


@pytest.fixture
def app(tmp_path, monkeypatch):
    """Return what stands for Sphinx, with a site in a folder of its own; nothing is bundled or assembled."""
    monkeypatch.setattr(pages, "bundle", lambda target: BUNDLE)
    monkeypatch.setattr(pages, "assemble", lambda target: (PYTHON, ""))
    return SimpleNamespace(builder=SimpleNamespace(format="html"), outdir=str(tmp_path))


@pytest.fixture
def env(monkeypatch):
    """Return what stands for the environment: a page with exercises, and one without."""
    monkeypatch.setattr(pages, "_takes_part", lambda env, name: name == "exercises")
    return SimpleNamespace(found_docs={"exercises", "plain"})


def written(app, name, text):
    Path(app.outdir, f"{name}.html").write_text(text, encoding="utf-8")


def outdated(app, env):
    return pages.follow(app, env, set(), set(), set())


def test_where_python_cannot_be_had_one_line_says_so(app, monkeypatch, capsys):
    monkeypatch.setattr(pages, "assemble", lambda target: (None, "no source has NumPy"))
    pages.make(app)
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "no source has NumPy\n")
    assert app.in_page.python is None


def test_a_page_is_written_again_until_it_says_what_it_was_written_of(app, env):
    pages.make(app)
    assert outdated(app, env) == ["exercises"]  # not there yet
    written(app, "plain", "text")
    written(app, "exercises", f"<script {pages.MARK.format(app.in_page.digest)}>")
    assert outdated(app, env) == []


def test_another_script_or_python_makes_pages_out_of_date(app, env, monkeypatch):
    pages.make(app)
    written(app, "exercises", f"<script {pages.MARK.format(app.in_page.digest)}>")
    monkeypatch.setattr(pages, "assemble", lambda target: (None, ""))
    pages.make(app)
    assert outdated(app, env) == ["exercises"]


def test_a_page_that_takes_no_part_any_more_is_written_again(app, env):
    pages.make(app)
    written(app, "exercises", f"<script {pages.MARK.format(app.in_page.digest)}>")
    written(app, "plain", f"<script {pages.MARK.format(app.in_page.digest)}>")
    assert outdated(app, env) == ["plain"]


def test_another_builder_has_no_pages(app, env):
    app.builder.format = "latex"
    pages.make(app)
    assert outdated(app, env) == []
