"""The built book: every page is described, pictures have alt text, nothing is asked of another site."""

import importlib
import pkgutil
import re
from functools import cache
from urllib.parse import unquote, urlsplit

import pytest
from bs4 import BeautifulSoup
from sphinx.util.inventory import InventoryFile

import normcourse
from tools.site_check.pages import GENERATED, HTML, PAGES

RESOURCES = {"img": "src", "script": "src", "iframe": "src", "source": "src", "video": "src", "link": "href"}


@cache
def parsed(path):
    """Return the parsed HTML of a page."""
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


@cache
def anchors(path):
    """Return all that a link can point at in a page."""
    return {tag["id"] for tag in parsed(path).find_all(id=True)}


@pytest.fixture(scope="module", params=PAGES + GENERATED)
def page(request):
    """Return a page's path and its parsed HTML."""
    path = HTML / f"{request.param}.html"
    if not path.exists():
        pytest.fail(f"{path} is not there: run `make book` (`make test` does)")
    return path, parsed(path)


def test_page_is_described(page):
    _, soup = page
    [description] = [tag["content"] for tag in soup.find_all("meta", attrs={"name": "description"})]
    assert 50 <= len(description) <= 160
    assert soup.html["lang"] == "en"
    assert len(soup.select("article h1, .bd-search-container h1")) == 1


def broken_links(path, soup):
    """Yield the links of a page that lead to no file of the site, or to no place in it."""
    for link in soup.find_all("a", href=True):
        address = urlsplit(link["href"])
        if address.scheme or address.netloc:
            continue
        target = (path.parent / unquote(address.path)).resolve() if address.path else path
        there = target.is_file() and target.is_relative_to(HTML)
        if there and address.fragment and target.suffix == ".html":
            there = unquote(address.fragment) in anchors(target)
        if not there:
            yield link["href"]


def test_every_link_leads_to_its_place(page):
    assert not list(broken_links(*page))


def test_a_broken_link_is_seen():
    path = HTML / "book" / "glossary.html"
    links = ["nowhere.html", "welcome.html#nowhere", "#nowhere", "../../../outside.html", "welcome.html"]
    soup = BeautifulSoup("".join(f"<a href='{link}'></a>" for link in links), "html.parser")
    assert list(broken_links(path, soup)) == links[:-1]


def test_every_picture_has_alt_text(page):
    _, soup = page
    assert not [str(image) for image in soup.find_all("img") if not image.get("alt", "").strip()]


def test_every_resource_is_a_file_of_the_site(page):
    path, soup = page
    for name, attribute in RESOURCES.items():
        for tag in soup.find_all(name, attrs={attribute: True}):
            resource = tag[attribute]
            if resource.startswith("data:"):
                continue
            address = urlsplit(resource)
            assert not address.scheme, f"{resource} is fetched from elsewhere"
            assert not address.netloc, f"{resource} is fetched from elsewhere"
            assert (path.parent / unquote(address.path)).resolve().exists(), f"{resource} is no file"


def test_every_formula_was_drawn(page):
    _, soup = page
    assert not [str(tag) for tag in soup.select(".katex-error, .math:not(:has(.katex))")]


def test_style_sheets_fetch_nothing_from_elsewhere():
    sheets = list((HTML / "_static").rglob("*.css"))
    assert sheets
    for sheet in sheets:
        text = sheet.read_text(encoding="utf-8")
        remote = re.findall(r"url\(\s*[\"']?(?:https?:)?//[^)]*\)|@import[^;]*//[^;]*;", text)
        assert not remote, f"{sheet.name} fetches {remote}"


def public_names(name):
    """Yield the full names of a module's `__all__`, or else of what it and its submodules define."""
    module = importlib.import_module(name)
    if hasattr(module, "__all__"):
        yield from (f"{name}.{item}" for item in module.__all__)
        return
    for key, value in vars(module).items():
        if not key.startswith("_") and getattr(value, "__module__", None) == name:
            yield f"{name}.{key}"
    for info in pkgutil.iter_modules(getattr(module, "__path__", []), f"{name}."):
        yield from public_names(info.name)


def test_every_public_name_has_its_reference_entry():
    with (HTML / "objects.inv").open("rb") as stream:
        inventory = InventoryFile.load(stream, "", lambda base, address: address)
    documented = {name for kind, objects in inventory.items() if kind.startswith("py:") for name in objects}
    modules = [info.name for info in pkgutil.iter_modules(normcourse.__path__)]
    parts = [f"normcourse.{module}" for module in modules if not module.startswith("_")]
    assert not {name for part in parts for name in public_names(part)} - documented
