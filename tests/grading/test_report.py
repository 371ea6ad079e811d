"""The reports say what was found, are safe to open, and give away no secret."""

import csv
import json
import re
from dataclasses import replace

import jinja2
import pytest
from bs4 import BeautifulSoup

from normcourse.exercises.marking import CheckMark, Mark
from normcourse.grading import report
from normcourse.grading.results import Graded, Result
from normcourse.grading.seeds import PUBLIC_SEED, Seed, read_seed
from tests.grading.handed_in import EXERCISE

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ graded.seed.number }}",
    "=cmd|'/c calc'!A1",
    "+1",
    "-1",
    "@x",
    "javascript:alert(1)",
    "&lt;b&gt;",
]
PRIVATE = Seed(987654321987654321, "abcdef")


def result(name="ada.py", *, status="ok", reason="", first=None, **kept):
    """Return a result in which all is right, but for the first task if another mark is given."""
    marks = [Mark(task.name, "right", task.points, task.points) for task in EXERCISE.tasks]
    if first is not None:
        marks[0] = first
    learner = kept.pop("learner", name.removesuffix(".py"))
    return Result(name, learner, kept.pop("digest", name), status, reason, tuple(marks), **kept)


def graded(*results, seed=PRIVATE, **kept):
    return Graded(EXERCISE, "bubblewrap", seed, {"numpy": "2"}, tuple(results), **kept)


def wrong(*mistakes, points=0, message="", checks=(), status="wrong"):
    return Mark("bn.forward", status, points, 5, checks, mistakes, message)


def soup(text):
    return BeautifulSoup(text, "html.parser")


@pytest.mark.parametrize("text", HOSTILE)
def test_what_a_learner_wrote_is_shown_and_does_nothing(text):
    check = CheckMark(text, False, 0, 5, text)
    one = result(
        text, first=wrong(text, message=text, checks=(check,)), status="crash", reason=text, notes=(text,)
    )
    files = report.files(graded(one), "https://example.org")
    for name, page in files.items():
        if name.endswith(".html"):
            found = soup(page)
            assert text in found.get_text()
            assert not found.find_all(["script", "img", "b", "iframe"])
            assert not [tag for tag in found.find_all() for key in tag.attrs if key.startswith("on")]
            addresses = [tag["href"] for tag in found.find_all(href=True)]
            assert all(re.match(r"feedback/[\w-]+\.html$|https://example\.org/", link) for link in addresses)


def test_a_template_is_read_once_and_not_for_every_page(monkeypatch):
    seen, compiled = [], jinja2.Environment.compile
    monkeypatch.setattr(jinja2.Environment, "compile", lambda *a, **k: seen.append(1) or compiled(*a, **k))
    report.files(graded(*(result(f"{number}.py") for number in range(20))))
    assert len(seen) <= 3


def test_what_was_mended_or_left_out_is_told_to_the_learner():
    one = result(notes=("not run, as it seems to change nothing: setup(A)",))
    page = report.files(graded(one))[report.feedback_name(one)]
    assert "Note: not run, as it seems to change nothing: setup(A)." in soup(page).get_text()


FORMULAS = ["=1+1", "+1", "-1", "−1", "@x", "|x", ";=1", "'=1", "＝1+1", "＋1", "－1", "＠x", "﹦1", "﹫x"]


@pytest.mark.parametrize("text", [*FORMULAS, "\tx", " =1"])
def test_a_spreadsheet_takes_no_name_for_a_formula(text):
    files = report.files(graded(result(text, status="crash", reason=text)))
    [row] = csv.DictReader(files["grades.csv"].splitlines(keepends=True))
    for column in ("learner", "file", "reason"):
        assert row[column].startswith("'")
        assert row[column].replace("'", "") == text.replace("'", "")


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_nor_does_one_that_takes_another_sign_to_separate_columns(separator):
    names = [f"ada{separator}=1+1", f'ada"{separator}"＝1"', f"ada{separator} @x", f"ada\n{separator}-1"]
    found = graded(*(result(name, status="crash", reason=name, notes=(name,)) for name in names))
    table = report.files(found)["grades.csv"]
    for quoting in (csv.QUOTE_MINIMAL, csv.QUOTE_NONE):
        for row in csv.reader(table.splitlines(), delimiter=separator, quoting=quoting):
            for cell in row:
                assert not cell.strip(' "').startswith(("=", "+", "-", "@", "＝")), row


def test_the_table_of_grades_holds_the_points(tmp_path):
    partly = result("ben.py", first=wrong("n - 1", points=2.5, status="partly"))
    files = report.files(graded(result(), partly))
    rows = list(csv.DictReader(files["grades.csv"].splitlines()))
    assert [row["points"] for row in rows] == ["14", "11.5"]
    assert rows[1]["bn.forward"] == "2.5"
    assert rows[1]["of"] == "14"


def test_pages_have_a_language_a_title_headers_and_nothing_from_elsewhere():
    failed = wrong("n - 1", checks=(CheckMark("all", False, 0, 5, "off"),))
    pages = report.files(graded(result(first=failed), seed=PUBLIC_SEED))
    for name, page in pages.items():
        if not name.endswith(".html"):
            continue
        found = soup(page)
        assert found.html["lang"] == "en"
        assert found.title.get_text().strip()
        assert len(found.find_all("h1")) == 1
        assert found.find("meta", attrs={"name": "viewport"})
        assert "default-src 'none'" in found.find("meta", attrs={"http-equiv": True})["content"]
        assert "prefers-color-scheme: dark" in page
        assert not found.find_all(src=True)
        assert not found.find_all("link")
        assert "url(" not in page
        for table in found.find_all("table"):
            assert all(head.get("scope") == "col" for head in table.thead.find_all("th"))
            assert all(row.find("th", scope="row") for row in table.tbody.find_all("tr"))


def test_every_submission_has_a_page_of_its_own_that_the_class_page_links():
    names = ["a/b.py", "a-b.py", "A-B.py", "a b.py", "ä.py", "ö.py", "x" * 250 + ".py", "..", "con.py"]
    files = report.files(graded(*map(result, names)))
    pages = [name for name in files if name.startswith("feedback/")]
    assert len({page.lower() for page in pages}) == len(names)
    assert all(re.fullmatch(r"feedback/[A-Za-z0-9-]{1,90}\.html", page) for page in pages)
    assert sorted(tag["href"] for tag in soup(files["index.html"]).find_all("a")) == sorted(pages)


def test_no_report_tells_the_seed_and_only_the_instructors_tell_its_digest(tmp_path):
    path = tmp_path / "seed"
    path.write_bytes(b"a sentence that nobody knows")
    seed = read_seed(path)
    files = report.files(graded(result(), seed=seed))
    for name, text in files.items():
        assert str(seed.number) not in text
        assert f"{seed.number:x}" not in text
        assert "nobody knows" not in text
        assert (seed.digest in text) == (name in ("index.html", "results.json")), name


def test_a_machine_without_the_filter_is_told_of(monkeypatch):
    for available in (True, False):
        monkeypatch.setattr("normcourse.grading.seccomp.available", lambda available=available: available)
        for name, text in report.files(graded(result())).items():
            if name in ("index.html", "results.json"):
                assert ("no filter of system calls" in text) != available, name


def test_the_json_says_what_it_rests_on():
    content = json.loads(report.files(graded(result(), seed=PUBLIC_SEED))["results.json"])
    assert content["schema"] == report.SCHEMA
    exercise = {"name": "batchnorm", "title": EXERCISE.title, "points": EXERCISE.points}
    assert content["exercise"] == exercise | {"on_its_own": False}
    assert content["isolation"]["tier"] == "bubblewrap"
    assert "network" in content["isolation"]["means"]
    assert content["seed"] == {"digest": "public", "public": True}
    [one] = content["submissions"]
    assert set(one) == {
        *("name", "learner", "digest", "status", "reason", "points", "of", "notes", "tasks"),
    }
    assert set(one["tasks"][0]) == {"task", "status", "points", "of", "checks", "mistakes", "message"}


def test_points_that_count_on_their_own_are_said_to():
    for alone in (False, True):
        exercise = replace(EXERCISE, on_its_own=alone)
        files = report.files(replace(graded(result()), exercise=exercise))
        assert json.loads(files["results.json"])["exercise"]["on_its_own"] is alone
        pages = [text for name, text in files.items() if name.endswith(".html")]
        assert len(pages) == 2
        assert ["that count on their own" in text for text in pages] == [alone, alone]


def test_a_public_seed_and_an_own_fault_are_pointed_out():
    assert "Public seed" in report.files(graded(result(), seed=PUBLIC_SEED))["index.html"]
    index = report.files(graded(result(), failures=("ada.py\nTraceback: secret",)))["index.html"]
    assert "Public seed" not in index
    assert "1 not graded" in index
    assert "secret" not in index


def test_mistakes_are_counted_by_name_the_most_frequent_first():
    marks = [
        wrong("n - 1"),
        wrong("n - 1", "no eps"),
        wrong(),
        wrong(status="partly", points=2),
        wrong(status="not attempted"),
        wrong(status="timeout"),
        Mark("bn.forward", "right", 5, 5),
    ]
    bars = report.histogram(EXERCISE.tasks[0], marks)
    assert [(bar.name, bar.count) for bar in bars] == [
        ("n - 1", 2),
        ("no known mistake", 2),
        ("no eps", 1),
        ("not attempted yet", 1),
        ("too slow", 1),
    ]
    assert "biased" in bars[0].says
    page = soup(
        report.files(graded(*[result(f"{n}.py", first=m) for n, m in enumerate(marks)]))["index.html"]
    )
    [row] = [row for row in page.find_all("tr") if row.th and row.th.get_text().startswith("n - 1")]
    assert "2 (29%)" in row.get_text()
    assert row.find("span", class_="bar")["style"] == "width: 28.6%"
    assert row.find("span", class_="bar")["aria-hidden"] == "true"


def test_points_are_counted_by_tenths():
    whole = result()
    none = replace(whole, marks=tuple(replace(mark, points=0) for mark in whole.marks))
    nine = result("n.py", first=wrong(points=3.6))  # 12.6 of 14: the edge of the last tenth
    page = report.files(graded(whole, none, nine))["index.html"]
    rows = {row.th.get_text(): row.td.get_text() for row in soup(page).find_all("tr") if row.th and row.td}
    assert rows["0% to under 10%"] == "1 (33%)"
    assert rows["90% to 100%"] == "2 (67%)"
    assert "Median 12.6" in page


def test_a_page_says_a_reason_once_and_fails_no_forecast():
    checks = (
        CheckMark("ordinary batches", False, 0, 5, "tried on three examples: ValueError: no"),
        CheckMark("ghosts", False, 0, 0, "it is false; you gave 0.9"),
    )
    first = wrong(message="ValueError: no", checks=checks)
    [page] = [t for n, t in report.files(graded(result(first=first))).items() if "feedback" in n]
    assert page.count("ValueError: no") == 1
    rows = [row.get_text() for row in soup(page).find_all("tr")]
    assert [row.strip().startswith("fail") for row in rows if "you gave" in row or "ValueError" in row] == [
        True,
        False,
    ]


def test_learners_and_files_that_come_twice_are_pointed_out():
    found = graded(
        result("ada.py", digest="1"),
        result("ada/x.py", learner="ada", digest="2"),
        result("ben.py", digest="2"),
        result("cleo.py", digest=""),
        result("dan.py", digest="", notes=("the file is not UTF-8",)),
    )
    assert [found.notes(one) for one in found.results] == [
        ["one of several by this learner"],
        ["one of several by this learner", "same file as another"],
        ["same file as another"],
        [],
        ["the file is not UTF-8"],
    ]
    assert "same file as another" in report.files(found)["index.html"]


def test_feedback_leads_to_the_section_if_the_book_has_an_address():
    section = EXERCISE.tasks[0].section
    one = result(first=wrong("n - 1"))
    [with_book] = [
        t for n, t in report.files(graded(one), "https://example.org/b").items() if "feedback" in n
    ]
    assert soup(with_book).a["href"] == f"https://example.org/b/{section.page}.html"
    [without] = [t for n, t in report.files(graded(one)).items() if "feedback" in n]
    assert not soup(without).a
    assert section.title in soup(without).get_text()


@pytest.mark.parametrize(
    "text", ["javascript:alert(1)", "book", "", "https://a b", 'https://"x', "file:///x"]
)
def test_an_address_that_is_none_is_refused(text):
    with pytest.raises(ValueError, match="no address"):
        report.book_address(text)


def test_a_class_of_none_has_a_page():
    assert "0 submissions" in report.files(graded())["index.html"]
