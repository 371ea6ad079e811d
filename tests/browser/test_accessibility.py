"""axe-core finds nothing, and finds what is planted; the page can be used by keyboard."""

import pytest

from tools.site_check import axe
from tools.site_check.browser import watched_page
from tools.site_check.pages import GENERATED, PAGES

CHAPTER = "book/02-batchnorm-mechanics/02-backward"


@pytest.mark.parametrize("name", PAGES + GENERATED)
def test_axe_finds_no_violation(page, site, name):
    page.goto(f"{site}/{name}.html")
    assert not axe.violations_in_all_views(page)


def test_axe_finds_no_violation_in_what_opens(page, site):
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{site}/{CHAPTER}.html")
    page.locator(".primary-toggle").click()
    page.locator("#pst-primary-sidebar-modal nav").wait_for()
    assert not axe.violations(page)
    page.keyboard.press("Escape")
    page.keyboard.press("Control+k")
    page.locator("#pst-search-dialog").wait_for()
    assert not axe.violations(page)


FAULTS = {
    "image-alt": "<img src='data:image/gif;base64,R0lGODlhAQABAAAAACw='>",
    "color-contrast": "<p style='color: #aaa; background: #fff'>pale</p>",
    "button-name": "<button></button>",
    "region": "<p>outside of every landmark</p>",
}


@pytest.mark.parametrize("rule", FAULTS)
def test_axe_finds_a_planted_fault(page, site, rule):
    page.goto(f"{site}/book/glossary.html")
    where = page.locator("body" if rule == "region" else "article")
    where.evaluate("(element, html) => element.insertAdjacentHTML('beforeend', html)", FAULTS[rule])
    [line] = axe.violations(page)
    assert line.startswith(rule)


# What only some views show: a style sheet that plants it, and the views that must report it.
WIDE, PHONE, DARK = "(min-width: 1000px)", "(max-width: 500px)", "html[data-theme=dark]"
PALE = "article p:first-of-type {color: rgb(120 120 120); background: rgb(130 130 130)}"
PLANTED = {
    "in the dark": (f"{DARK} {PALE}", ["dark, 1280 px", "dark, 390 px"]),
    "on a phone": (f"@media {PHONE} {{{PALE}}}", ["light, 390 px", "dark, 390 px"]),
    "on a phone in the dark": (f"@media {PHONE} {{{DARK} {PALE}}}", ["dark, 390 px"]),
    "on a wide screen in the dark": (f"@media {WIDE} {{{DARK} {PALE}}}", ["dark, 1280 px"]),
    "on a phone in the light": (f"@media {PHONE} {{html[data-theme=light] {PALE}}}", ["light, 390 px"]),
}


@pytest.fixture
def planting(browser, site):
    """Return a function that opens the glossary with something planted, which outlasts a reload."""
    with watched_page(browser, site) as (opened, _):

        def open_with(html):
            def fulfil(route):
                text = route.fetch().text().replace("</article>", f"{html}</article>")
                route.fulfill(body=text, content_type="text/html")

            opened.route("**/glossary.html", fulfil)
            opened.goto(f"{site}/book/glossary.html")
            return opened

        yield open_with


def split(lines):
    """Return the views and the rules of some lines."""
    views, rules = zip(*(line.split(": ")[:2] for line in lines), strict=True)
    return set(views), {rule.split()[0] for rule in rules}


@pytest.mark.parametrize("where", PLANTED)
def test_a_pale_text_is_found_in_the_views_that_have_it(planting, where):
    style, views = PLANTED[where]
    opened = planting(f"<style>{style}</style>")
    assert split(axe.violations_in_all_views(opened)) == (set(views), {"color-contrast"})


@pytest.mark.parametrize("where", PLANTED)
def test_a_picture_without_words_is_found_in_the_views_that_show_it(planting, where):
    style, views = PLANTED[where]
    style = style.replace(PALE, "article > img {display: block}")
    opened = planting(f"<style>article > img {{display: none}} {style}</style>{FAULTS['image-alt']}")
    assert split(axe.violations_in_all_views(opened)) == (set(views), {"image-alt"})


def test_skip_link_leads_to_the_text(page, site):
    page.goto(f"{site}/{CHAPTER}.html")
    page.keyboard.press("Tab")
    assert page.locator("#pst-skip-link a").evaluate("link => link === document.activeElement")
    page.keyboard.press("Enter")
    page.wait_for_url("**#main-content")
    page.keyboard.press("Tab")
    assert page.evaluate("document.querySelector('main').contains(document.activeElement)")


def tab_to(page, selector, limit=60):
    """Press Tab until the focus is on an element, and fail if it never is."""
    for _ in range(limit):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    pytest.fail(f"{limit} times Tab did not lead to {selector}")


def test_sidebar_unfolds_by_keyboard(page, site):
    page.goto(f"{site}/book/welcome.html")
    chapter = page.get_by_role("link", name="What BatchNorm computes").first
    assert not chapter.is_visible()
    tab_to(page, "summary[aria-label='Pages of BatchNorm mechanics']")
    page.keyboard.press("Enter")
    chapter.wait_for()


@pytest.mark.parametrize("side", ["primary", "secondary"])
def test_sidebar_opens_and_closes_on_a_phone_by_keyboard(page, site, side):
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{site}/{CHAPTER}.html")
    content = page.locator(f"#pst-{side}-sidebar nav, #pst-{side}-sidebar-modal nav").first
    assert not content.is_visible()
    tab_to(page, f".{side}-toggle")
    page.keyboard.press("Enter")
    content.wait_for()
    page.keyboard.press("Escape")
    content.wait_for(state="hidden")
