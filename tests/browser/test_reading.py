"""What a reader does: search, read on a phone, in the dark, from the disk, print."""

import pytest

from tools.site_check.browser import watched_page
from tools.site_check.pages import GENERATED, HTML, PAGES

CHAPTER = "book/02-batchnorm-mechanics/01-forward"
# The boxes that hold more than they show, or stick out of the page.
CUT_OFF = """selector => Array.from(document.querySelectorAll(selector))
    .filter(box => box.scrollWidth > box.clientWidth + 1 || box.getBoundingClientRect().right > innerWidth)
    .map(box => box.outerHTML.slice(0, 120))"""


def test_search_finds_a_word_of_the_glossary(page, site):
    page.goto(f"{site}/book/welcome.html")
    page.locator(".search-button-field").click()
    page.keyboard.type("upstream gradient")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search.html?q=upstream+gradient")
    page.locator("#search-results a[href$='#term-upstream-gradient']").click()
    page.wait_for_url("**/book/glossary.html*")
    term = page.locator("dt#term-upstream-gradient")
    assert term.is_visible()
    assert term.inner_text().startswith("upstream gradient")


@pytest.mark.parametrize("name", PAGES + GENERATED)
def test_page_does_not_scroll_sideways_on_a_phone(page, site, name):
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{site}/{name}.html")
    for width in (390, 360):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_page_that_is_too_wide_is_seen(page, site):
    page.set_viewport_size({"width": 360, "height": 800})
    page.goto(f"{site}/{CHAPTER}.html")
    page.evaluate("document.querySelector('article p').style.minWidth = '500px'")
    assert page.evaluate("document.documentElement.scrollWidth") > 360


def test_theme_follows_the_system_and_the_button(page, site):
    page.emulate_media(color_scheme="dark")
    page.goto(f"{site}/{CHAPTER}.html")
    theme = "document.documentElement.dataset.theme"
    assert page.evaluate(theme) == "dark"
    for _ in range(2):  # auto, light, dark, in the system's order
        page.locator(".theme-switch-button").click()
        if page.evaluate(theme) == "light":
            break
    assert page.evaluate(theme) == "light"
    page.reload()
    assert page.evaluate(theme) == "light"


@pytest.mark.parametrize("name", [CHAPTER, "book/api/reference"])
def test_print_holds_the_text_alone_and_whole(page, site, name):
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 680, "height": 960})  # A4 less its margins
    page.goto(f"{site}/{name}.html")
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    aids = "nav:not(#jb-print-toc nav), .bd-header-article, .prev-next-footer, button, .headerlink, dialog"
    assert not [item.evaluate("e => e.outerHTML") for item in page.locator(aids).all() if item.is_visible()]
    assert page.locator("article pre:visible").count()
    assert not page.evaluate(CUT_OFF, "article pre, article div.math, article .katex-display, article table")
    assert page.evaluate("document.documentElement.dataset.theme") == "light"
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"


def test_what_print_would_cut_off_is_seen(page, site):
    page.set_viewport_size({"width": 680, "height": 960})
    page.goto(f"{site}/{CHAPTER}.html")
    page.emulate_media(media="print")
    page.evaluate("document.querySelector('article pre').innerHTML += 'x'.repeat(200)")
    page.add_style_tag(content="@media print { .bd-article pre { white-space: pre !important } }")
    assert page.evaluate(CUT_OFF, "article pre")


def test_page_opens_from_the_disk(browser):
    with watched_page(browser, HTML.as_uri()) as (page, faults):
        page.goto(f"{HTML.as_uri()}/{CHAPTER}.html", wait_until="networkidle")
        assert page.locator("h1:visible").count() == 1
        assert not faults.foreign
        assert not faults.complaints
