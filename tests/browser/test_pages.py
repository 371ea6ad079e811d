"""Every page in a browser: it needs nothing but the site. And the watch that the fixture keeps can fail."""

import pytest

from tools.site_check.browser import start_anew, watched_page
from tools.site_check.pages import GENERATED, PAGES


@pytest.mark.parametrize("name", PAGES + GENERATED)
def test_page_needs_nothing_but_the_site(page, site, name):
    answer = page.goto(f"{site}/{name}.html", wait_until="networkidle")
    assert answer.ok
    assert page.locator("h1:visible").count() == 1
    assert page.locator("i.fa-solid").count()
    asked = page.evaluate("performance.getEntriesByType('resource').map(entry => entry.name)")
    assert any("/icons.css" in url for url in asked)
    assert not [url for url in asked if "vendor/fontawesome" in url], "an icon is missing from icons.css"


def test_the_root_leads_to_the_welcome_page(page, site):
    page.goto(f"{site}/")
    page.wait_for_url("**/book/welcome.html")


FAULTS = {
    "foreign": "fetch('https://example.org/font.woff2').catch(() => 0)",
    "complaints": "console.warn('deprecated')",
    "errors": "setTimeout(() => { throw new Error('undefined is not a function') })",
    "missing": "fetch('/missing.js')",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_seen(browser, site, fault):
    with watched_page(browser, site) as (page, faults):
        page.goto(f"{site}/book/welcome.html")
        assert not faults.foreign
        assert not faults.complaints
        page.evaluate(FAULTS[fault])
        page.wait_for_timeout(300)
        if fault == "foreign":
            assert faults.foreign == ["https://example.org/font.woff2"]
        else:
            [complaint] = faults.complaints
            assert complaint


def test_a_used_page_is_as_good_as_a_fresh_one(page, site):
    media = "matchMedia('print').matches, matchMedia('(prefers-color-scheme: dark)').matches"
    stored = "JSON.stringify(localStorage), JSON.stringify(sessionStorage), document.cookie"
    state = f"[innerWidth, innerHeight, {media}, {stored}, window.left]"
    page.goto(f"{site}/book/welcome.html")
    fresh = page.evaluate(state)
    page.set_viewport_size({"width": 390, "height": 844})
    page.emulate_media(media="print", color_scheme="dark")
    page.evaluate("localStorage.mode = sessionStorage.mode = 'dark'")
    page.evaluate("document.cookie = 'a=b'; window.left = 1")
    used = page.evaluate(state)
    assert all(one != other for one, other in zip(fresh, used, strict=True))
    start_anew(page)
    page.goto(f"{site}/book/welcome.html")
    assert page.evaluate(state) == fresh
