"""The welcome page: its figure, three ways in, four chapters, and what was found, in that order."""

import re

import pytest
from bs4 import BeautifulSoup

from tools import front_door
from tools.notebooks import ROOT
from tools.site_check.pages import HTML, PAGES

WELCOME = HTML / "book" / "welcome.html"
CHAPTERS = [page for page in PAGES if re.fullmatch(r"book/\d\d-[^/]+/index", page)]


@pytest.fixture(scope="module")
def article():
    """Return the text of the built page."""
    return BeautifulSoup(WELCOME.read_text(encoding="utf-8"), "html.parser").article


def leads_to(link):
    """Return the page of the book that a link of the welcome page leads to."""
    target = (WELCOME.parent / link["href"].partition("#")[0]).resolve()
    return target.relative_to(HTML).with_suffix("").as_posix()


def test_three_ways_lead_in_with_one_click(article):
    links = article.select(".ways a")
    assert [leads_to(link) for link in links] == [
        "book/01-covariate-shift/01-a-network-that-will-not-learn",
        "book/02-batchnorm-mechanics/01-forward",
        "book/exercises/index",
    ]
    assert [leads_to(link) for link in links if leads_to(link) not in PAGES] == []


def test_the_page_to_run_runs_python(article):
    page = HTML / f"{leads_to(article.select('.ways a')[1])}.html"
    assert "in-page" in page.read_text(encoding="utf-8")


def test_each_chapter_has_its_card_with_a_question_a_picture_and_its_time(article):
    cards = article.select(".chapter-cards .sd-card")
    assert [leads_to(card.a) for card in cards] == CHAPTERS
    for card in cards:
        assert card.strong.text.endswith("?")
        assert card.select_one("svg[role=img]")["aria-label"]
        assert re.fullmatch(
            r"\d+ minutes of reading", card.select_one(".sd-card-footer").get_text(strip=True)
        )


def test_what_comes_first_is_what_normalization_does(article):
    first = [article.select_one(name) for name in (".ways", ".explorer", ".chapter-cards", ".ledger-picture")]
    assert None not in first
    text = str(article)
    places = [text.index(str(part)) for part in first]
    assert places == sorted(places)
    assert len(first[1].select("input[type=range]")) == 2


def test_no_time_is_typed_by_hand():
    assert not re.search(r"\d+ minutes", (ROOT / "book" / "welcome.ipynb").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", front_door.PICTURES)
def test_a_picture_keeps_to_its_frame(name):
    drawn, alt = front_door.PICTURES[name]()
    soup = BeautifulSoup(drawn, "html.parser")
    assert alt.endswith(".")
    points = [
        (float(x), float(y))
        for line in soup.find_all("path")
        for x, y in re.findall(r"[ML](-?[\d.]+) (-?[\d.]+)", line["d"])
    ]
    for circle in soup.find_all("circle"):
        x, y, radius = (float(circle[key]) for key in ("cx", "cy", "r"))
        points += [(x - radius, y - radius), (x + radius, y + radius)]
    for cell in soup.find_all("rect"):
        x, y, width, height = (float(cell[key]) for key in ("x", "y", "width", "height"))
        points += [(x, y), (x + width, y + height)]
    assert points
    assert all(2 <= x <= front_door.WIDTH - 2 and 2 <= y <= front_door.HEIGHT - 2 for x, y in points)
