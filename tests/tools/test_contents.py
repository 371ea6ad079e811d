"""What the contents say of a page, in a small book that is built as the course is: on several processes."""

import subprocess
import sys

import nbformat
import pytest
from bs4 import BeautifulSoup
from nbformat.v4 import new_markdown_cell, new_notebook

from tools.contents import SENTENCE, told, told_in_hours
from tools.notebooks import ROOT

CONF = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
extensions = ["myst_nb", "sphinx_book_theme", "tools.contents"]
html_theme = "sphinx_book_theme"
root_doc = "book/welcome"
nb_execution_mode = "off"
myst_enable_extensions = ["dollarmath"]
"""
WELCOME = """# Welcome

```{toctree}
01-one/index
ledger
```
"""
LEDGER = """# Ledger

The path takes {minutes}`01-one/index`, its second page {minutes}`/book/01-one/02-b`.
Both take {minutes}`01-one/index, 01-one/02-b`, about {hours}`01-one/index`.
"""
INDEX = """# One

```{chapter-pages}
```

```{toctree}
:hidden:
01-a
02-b
03-c
04-d
```
"""
DEEPER = "```{deeper}\n```\n"
DESCRIBED = '---\nmyst:\n  html_meta:\n    description: "What $b$ is."\n---\n\n'
PROSE = "word " * 400


def notebook(*sources):
    """Return the text of a notebook of Markdown cells."""
    described = {"myst": {"html_meta": {"description": "What a notebook is."}}}
    return nbformat.writes(new_notebook(cells=list(map(new_markdown_cell, sources)), metadata=described))


FILES = {
    "book/welcome.md": WELCOME,
    "book/ledger.md": LEDGER,
    "book/01-one/index.md": INDEX,
    "book/01-one/01-a.md": f"# A\n\n{PROSE}\n",
    "book/01-one/02-b.md": f"{DESCRIBED}# B and $x$\n\nText.\n",
    "book/01-one/03-c.ipynb": notebook(f"(label)=\n# C\n\n{DEEPER}\nText.", PROSE),
    "book/01-one/04-d.md": f"# D\n\n{DEEPER}\n{PROSE}\n",
}


class Book:
    """A small book: its sources, and its pages once they are built."""

    def __init__(self, root):
        self.root = root
        self.write("conf.py", CONF)
        for name, text in FILES.items():
            self.write(name, text)

    def write(self, name, text):
        path = self.root / "source" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def build(self):
        """Build what changed; return what was warned of."""
        command = [sys.executable, "-m", "sphinx", "-q", "-j", "2", "-b", "html"]
        done = subprocess.run(
            [*command, self.root / "source", self.root / "html"], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stderr

    def page(self, name):
        path = self.root / "html" / "book" / f"{name}.html"
        return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")

    def facts(self, name):
        """Return what stands right below a page's title."""
        below = self.page(name).select_one("article h1").find_next_sibling()
        return below.get_text() if "page-facts" in below.get("class", []) else ""

    def entries(self, name):
        """Return the entries of a page's sidebar."""
        links = self.page(name).select("nav.bd-links li > a")
        return {" ".join(link.get_text().split()): link for link in links}

    def marked(self, name):
        """Return the entries of a page's sidebar that carry the word."""
        entries = self.entries(name)
        assert len(entries) == len(FILES) - 1
        return [text for text, link in entries.items() if link.select("span.deeper-mark")]

    def listed(self):
        entries = self.page("01-one/index").select("ul.chapter-pages > li")
        return [[" ".join(p.get_text().split()) for p in entry.find_all("p")] for entry in entries]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    book = Book(tmp_path_factory.mktemp("book"))
    assert book.build() == ""
    return book


def test_a_page_of_a_chapter_says_how_long_it_takes(built):
    names = ["01-one/01-a", "01-one/02-b", "01-one/index", "ledger", "welcome"]
    assert [built.facts(name) for name in names] == ["2 minutes", "1 minute", "", "", ""]


def test_a_deeper_page_says_so_in_the_same_line(built):
    assert built.facts("01-one/03-c") == f"2 minutes · {SENTENCE}"
    assert built.facts("01-one/04-d") == f"2 minutes · {SENTENCE}"


def test_the_sidebar_of_every_page_marks_deeper_pages(built):
    for name in ("welcome", "01-one/02-b", "01-one/03-c"):
        assert built.marked(name) == ["C deeper", "D deeper"]


def test_the_index_lists_the_pages_in_order_with_time_and_description(built):
    assert built.listed() == [
        ["A 2 minutes"],
        ["B and \\(x\\) 1 minute", "What $b$ is."],
        ["C 2 minutes deeper", "What a notebook is."],
        ["D 2 minutes deeper"],
    ]
    links = built.page("01-one/index").select("ul.chapter-pages a")
    assert [link["href"] for link in links] == ["01-a.html", "02-b.html", "03-c.html", "04-d.html"]


def test_a_chapter_takes_as_long_as_its_path(built):
    [text] = [p.get_text() for p in built.page("ledger").select("article p") if "path" in p.get_text()]
    assert text == "The path takes 3 minutes, its second page 1 minute.\nBoth take 4 minutes, about an hour."


def test_other_pages_follow_when_one_changes(tmp_path):
    book = Book(tmp_path)
    book.build()
    book.write("book/01-one/01-a.md", f"# A at last\n\n{DEEPER}\n{PROSE}\n")
    assert book.build() == ""
    assert book.marked("ledger") == ["A at last deeper", "C deeper", "D deeper"]
    book.write("book/01-one/02-b.md", f"# B and $x$\n\n{PROSE * 4}\n")
    assert book.build() == ""
    assert book.listed()[1] == ["B and \\(x\\) 8 minutes"]
    assert "path takes 8 minutes" in book.page("ledger").get_text()


def test_other_pages_follow_when_one_is_added_or_goes(tmp_path):
    book = Book(tmp_path)
    book.build()
    book.write("book/01-one/05-e.md", f"# E\n\n{PROSE}\n")
    book.write("book/01-one/index.md", INDEX.replace("04-d\n", "04-d\n05-e\n"))
    assert book.build() == ""
    assert "path takes 5 minutes" in book.page("ledger").get_text()
    assert "E" in book.entries("ledger")
    (tmp_path / "source" / "book" / "01-one" / "05-e.md").unlink()
    book.write("book/01-one/index.md", INDEX)
    assert book.build() == ""
    assert "path takes 3 minutes" in book.page("ledger").get_text()
    assert "E" not in book.entries("ledger")


def test_faults_are_warned_of(tmp_path):
    book = Book(tmp_path)
    book.write("book/01-one/04-d.md", f"# D\n\nText.\n\n{DEEPER}")
    book.write("book/ledger.md", "# Ledger\n\n{minutes}`01-one/05-e` and {minutes}`welcome`\n")
    place, unknown, timeless = sorted(book.build().splitlines())
    assert place.endswith(
        "04-d.md: WARNING: the directive deeper must stand right below the title of the page"
    )
    assert unknown.endswith("ledger.md:3: WARNING: no reading time is known of book/01-one/05-e")
    assert timeless.endswith("ledger.md:3: WARNING: no reading time is known of book/welcome")


def test_hours_are_told():
    assert [told_in_hours(20), told_in_hours(89), told_in_hours(91)] == ["an hour", "an hour", "2 hours"]


def test_minutes_are_told():
    assert [told(1), told(12)] == ["1 minute", "12 minutes"]
