"""The page of what others wrote: all that is served is on it, with its licence's text beside."""

import re
import zipfile
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import unquote

import pytest
from bs4 import BeautifulSoup

from tests.served import core_of
from tools.in_page import licences, served, works
from tools.in_page.licences import FOLDER, PAGE, python_folder, table, write_texts
from tools.in_page.served import SITE, gather
from tools.in_page.works import Work, holder, in_wheel, with_needs
from tools.site_check.pages import HTML

STATIC = HTML / "_static"
OWN = Path(__file__).parents[3] / "book" / "_assets"
GENERATED = {"icons.css", "pygments.css"}  # by tools/theme.py out of Font Awesome, and by Pygments
WORK = Work("a_b", "1.0", "MIT", "2020 <b>", "https://example.org", "Permission is granted.")


@pytest.fixture(scope="module")
def page():
    path = HTML / f"{PAGE}.html"
    if not path.exists():
        pytest.fail(f"{path} is not there: run `make book` (`make test` does)")
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


def plain(text):
    """Undo what MyST makes of an apostrophe."""
    return text.replace("’", "'")


@pytest.fixture(scope="module")
def rows(page):
    """Return the cells of each row of the page's tables, by the work's name."""
    found = [row.find_all("td") for row in page.select("article tbody tr")]
    return {plain(cells[0].get_text()): cells for cells in found}


def test_the_page_lists_all_works_and_no_other(rows):
    expected = {work.name: work for group in gather(python_folder(STATIC)).values() for work in group}
    assert rows.keys() == expected.keys()
    for name, cells in rows.items():
        said = [plain(cell.get_text()) for cell in cells[:4]]
        assert said == [name, expected[name].version, expected[name].licence, expected[name].holder]


def test_each_licence_leads_to_its_text_and_each_source_to_a_public_address(rows):
    texts = set()
    for name, cells in rows.items():
        path = (HTML / PAGE).parent / unquote(cells[2].a["href"])
        text = path.read_text(encoding="utf-8")
        assert re.search(r"licen[cs]e|permission", text, re.IGNORECASE), name
        assert len(text) > 500, name
        assert re.match(r"https://[\w.-]+\.\w+/", cells[4].a["href"]), name
        texts.add(path.name)
    assert texts == {path.name for path in (HTML / FOLDER).iterdir()}
    assert len(texts) == len(rows)


def names_in(distribution):
    """Return the names that a package's files have in a site: templates lose their ending."""
    files = metadata.distribution(distribution).files
    return {re.sub(r"(\.jinja|_t)$", "", file.name) for file in files}


def strangers(static):
    """Return the static files that are neither the course's nor of a work that the page lists."""
    known = {path.name for path in OWN.iterdir()} | GENERATED
    known |= {name for distribution in SITE for name in names_in(distribution)}
    for path in static.rglob("*"):
        part = path.relative_to(static).parts[0]
        name = re.sub(r"\.[0-9a-f]{64}\.", ".", path.name)  # MyST-NB puts a hash into one
        fonts = re.fullmatch(r"fa-(solid-900|regular-400|brands-400)\.woff", name)
        if (
            path.is_file()
            and part not in ("in-page", "katex", "licences")
            and name not in known
            and not fonts
        ):
            yield path.relative_to(static).as_posix()


def test_every_static_file_is_the_courses_or_of_a_listed_work():
    assert (STATIC / "basic.css").exists()
    assert list(strangers(STATIC)) == []


def test_a_file_of_an_unlisted_work_is_seen(tmp_path):
    for name in ("basic.css", "jquery.js"):
        (tmp_path / name).write_text("")
    assert list(strangers(tmp_path)) == ["jquery.js"]


def test_versions_are_those_of_what_is_served(rows):
    python = python_folder(STATIC)
    for path in core_of(python).glob("*.whl") if python else ():
        name, version = path.name.split("-")[:2]
        assert rows[name.replace("_", "-")][1].get_text() == version
    assert rows["Sphinx"][1].get_text() == metadata.version("sphinx")


def test_the_versions_that_scripts_state_are_read():
    site = {work.name: work.version for work in gather(None)["site"]}
    for name in ("Bootstrap", "Font Awesome Free", "clipboard.js"):
        assert re.fullmatch(r"\d+\.\d+\.\d+", site[name])


def test_a_script_that_states_no_version_is_an_error(tmp_path):
    (tmp_path / "script.js").write_text("/* nothing */")
    with pytest.raises(LookupError, match=r"script\.js states no version"):
        served._stated(tmp_path / "script.js")


def test_a_site_without_python_lists_none_of_it():
    assert gather(None)["python"] == []


def test_the_editor_is_listed_with_all_that_it_needs():
    names = {work.name for work in gather(None)["editor"]}
    assert {"@codemirror/view", "@lezer/common", "comlink", "style-mod"} <= names
    assert names.isdisjoint(served.TOOLS)
    assert set(with_needs(["@codemirror/view"])) >= {"@codemirror/state", "w3c-keyname"}


def wheel(path, name, text):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(
            f"{name}-1.dist-info/METADATA", f"Name: {name}\nVersion: 1\nHome-page: https://a.org/\n"
        )
        if text:
            archive.writestr(f"{name}-1.dist-info/LICENSE", text)
    return path


def test_a_wheel_says_what_it_is(tmp_path):
    work = in_wheel(wheel(tmp_path / "six-1-py3-none-any.whl", "six", "Copyright (c) 2020 Some One"))
    assert work == Work("six", "1", "MIT", "2020 Some One", "https://a.org/", "Copyright (c) 2020 Some One")


@pytest.mark.parametrize(("name", "text"), [("unheard-of", "Copyright (c) 2020 Some One"), ("six", "")])
def test_a_work_without_a_licence_is_an_error(tmp_path, name, text):
    with pytest.raises(LookupError, match=f"the site serves {name}"):
        in_wheel(wheel(tmp_path / "some.whl", name, text))


@pytest.mark.parametrize(
    ("text", "who"),
    [
        ("MIT\n\nCopyright (c) 2020-2024, Some One. All rights reserved.\n", "2020-2024, Some One"),
        ("Copyright (C) 2018 by Marijn <marijn@example.org> and others", "2018 by Marijn and others"),
        ("  Copyright 2017 Google Inc.\n", "2017 Google Inc"),
        ("the above copyright notice\nCopyright (c) Zeno Rocha", "Zeno Rocha"),
        ("MIT License Copyright © 2023 Some One", "2023 Some One"),
    ],
)
def test_the_holder_is_read_from_the_text(text, who):
    assert holder(text) == who


def test_a_text_that_names_nobody_is_an_error():
    with pytest.raises(LookupError, match="HOLDERS"):
        holder("The above copyright notice shall be included.\nCopyright notice")


def test_a_table_takes_names_as_they_are():
    [*_, row] = table([WORK], "../x").splitlines()
    assert row.startswith(r"| a\_b | 1.0 | <a href")
    assert '<a href="../x/a-b.txt" aria-label="MIT of a_b">MIT</a>' in row
    assert r"2020 \<b\>" in row


def test_texts_of_works_no_longer_served_go(tmp_path):
    write_texts([WORK], tmp_path / "texts")
    write_texts([Work("other", "1", "MIT", "", "", "text")], tmp_path / "texts")
    assert [path.name for path in (tmp_path / "texts").iterdir()] == ["other.txt"]


def test_the_page_is_read_again_when_other_works_are_served(tmp_path, monkeypatch):
    listed = {"python": [WORK]}
    monkeypatch.setattr(licences, "gather", lambda _: dict(listed))
    app, env = SimpleNamespace(outdir=str(tmp_path)), SimpleNamespace(found_docs={PAGE})
    follow = licences._follow_works
    assert [follow(app, env, set(), set(), set()) for _ in range(2)] == [[PAGE], []]
    listed["python"] = []
    assert follow(app, env, set(), set(), set()) == [PAGE]


def test_each_text_beside_the_code_is_used():
    source = "".join(Path(module.__file__).read_text(encoding="utf-8") for module in (served, works))
    assert [path.name for path in works.TEXTS.iterdir() if f'"{path.stem}' not in source] == []
