"""A browser on the built site. A test that takes `page` proves that the site needs nothing but itself."""

import os

import pytest

from normcourse.exercises import find_exercise
from tests.browser.exercises import ANY, address
from tests.served import served_python
from tools.site_check.browser import NoBrowserError, chromium, find_chromium, start_anew, watched_page
from tools.site_check.pages import HTML
from tools.site_check.server import serve


@pytest.fixture(scope="session")
def site():
    """Return the address of a server of `_build/html`, without a slash at the end."""
    if not (HTML / "index.html").exists():
        pytest.fail(f"{HTML} is not there: run `make book` (`make test` does)")
    with serve(HTML) as address:
        yield address


@pytest.fixture(scope="session")
def browser():
    """Return a headless Chromium. Without one the tests skip; NORMCOURSE_REQUIRE_BROWSER makes them fail."""
    try:
        find_chromium()
    except NoBrowserError as error:
        if os.environ.get("NORMCOURSE_REQUIRE_BROWSER"):
            pytest.fail(str(error))
        pytest.skip(str(error))
    with chromium() as started:
        yield started


@pytest.fixture(scope="session")
def served(site):
    """Return the folder of the Python that the site serves; without one the test skips and says why."""
    return served_python()


@pytest.fixture
def reader(browser, site, served):
    """Return a page in a context of its own, another reader's; no request leaves, no complaint is logged."""
    with watched_page(browser, site) as (opened, faults):
        yield opened
    assert not faults.foreign
    assert not faults.complaints


@pytest.fixture
def url(site):
    """Return the address of the exercise that is as good as any other."""
    return address(site, find_exercise(ANY))


@pytest.fixture(scope="session")
def window(browser, site):
    """Return one page, and its faults, for all tests: opening it costs more than most of them."""
    with watched_page(browser, site) as opened:
        yield opened


@pytest.fixture
def page(window):
    """Return an empty page. When the test ends, no request has left the site and no complaint is logged."""
    opened, faults = window
    try:
        yield opened
        opened.wait_for_load_state("load")
    finally:
        start_anew(opened)
        foreign, complaints = faults.foreign[:], faults.complaints[:]
        faults.foreign.clear()
        faults.complaints.clear()
    assert not foreign, f"requests to elsewhere: {foreign}"
    assert not complaints, f"the console holds {complaints}"
