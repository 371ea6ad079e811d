"""Every slider of the book, by keyboard and by mouse; explorers on paper, offline and without scripts."""

import json

import pytest
from bs4 import BeautifulSoup

from tools.site_check.browser import watched_page
from tools.site_check.pages import HTML, PAGES
from tools.site_check.server import gzipped

MOST_BYTES = 600_000


def with_explorers():
    """Yield the pages that hold explorers, with how many."""
    for name in PAGES:
        path = HTML / f"{name}.html"
        if path.exists() and (count := path.read_text(encoding="utf-8").count('class="explorer"')):
            yield name, count


EXPLORERS = [(name, index) for name, count in with_explorers() for index in range(count)]
PLAYING = [name for name, _ in with_explorers() if ">Play<" in (HTML / f"{name}.html").read_text("utf-8")]


def state(explorer):
    """What a reader perceives: picture, its text, and the read-out."""
    image = explorer.locator("img")
    return image.get_attribute("src"), image.get_attribute("alt"), explorer.get_by_role("status").inner_text()


def assert_all_changed(before, after):
    for was, now in zip(before, after, strict=True):
        assert now
        assert now != was


def test_the_book_has_its_explorers():
    assert len(EXPLORERS) >= 14


@pytest.mark.parametrize(("name", "index"), EXPLORERS)
def test_every_slider_by_keyboard_and_by_mouse(page, site, name, index):
    page.goto(f"{site}/{name}.html")
    explorer = page.locator(".explorer").nth(index)
    for slider in explorer.get_by_role("slider").all():
        slider.focus()
        keys = ["ArrowRight", "ArrowLeft"]
        key, back = keys if slider.input_value() == "0" else reversed(keys)
        before, said = state(explorer), slider.get_attribute("aria-valuetext")
        page.keyboard.press(key)
        assert_all_changed(before, state(explorer))
        assert slider.get_attribute("aria-valuetext") != said
        page.keyboard.press(back)
        assert state(explorer)[1:] == before[1:]

        box = slider.bounding_box()
        at_start = int(slider.input_value()) * 2 < int(slider.get_attribute("max"))
        slider.click(position={"x": box["width"] - 4 if at_start else 4, "y": box["height"] / 2})
        assert slider.input_value() == (slider.get_attribute("max") if at_start else "0")
        assert_all_changed(before, state(explorer))


@pytest.mark.parametrize(("name", "index"), EXPLORERS)
def test_every_frame_is_a_picture_with_its_own_words(page, site, name, index):
    page.goto(f"{site}/{name}.html")
    explorer = page.locator(".explorer").nth(index)
    sizes = explorer.evaluate(
        """async (box) => {
          const image = box.querySelector("img"), inputs = [...box.querySelectorAll("input")], seen = [];
          const places = inputs.reduce((all, input) => all.flatMap((place) =>
            Array.from({ length: +input.max + 1 }, (_, value) => [...place, value])), [[]]);
          for (const place of places) {
            inputs.forEach((input, i) => { input.value = place[i]; });
            inputs[0].dispatchEvent(new Event("input"));
            await image.decode();
            seen.push([image.naturalWidth, image.alt]);
          }
          return seen;
        }"""
    )
    script = BeautifulSoup(explorer.inner_html(), "html.parser").find("script", type="application/json")
    data = json.loads(script.string)
    assert [alt for _, alt in sizes] == data["alt"]
    assert all(width > 100 for width, _ in sizes)


@pytest.mark.parametrize("name", PLAYING)
def test_play_runs_to_the_end_of_time_and_pauses(page, site, name):
    page.goto(f"{site}/{name}.html")
    explorer = page.locator(".explorer:has(button)").first
    button = explorer.get_by_role("button")
    slider = button.locator("xpath=..").get_by_role("slider")
    says = explorer.get_by_role("status")
    slider.fill("0")
    button.click()
    assert says.get_attribute("aria-live") == "off"
    page.wait_for_function("input => +input.value >= 3", arg=slider.element_handle())
    assert button.inner_text() == "Pause"
    button.click()
    stopped = slider.input_value()
    page.wait_for_timeout(700)
    assert slider.input_value() == stopped
    assert button.inner_text() == "Play"
    assert says.get_attribute("aria-live") is None
    slider.fill(str(int(slider.get_attribute("max")) - 1))
    button.click()
    page.wait_for_function("button => button.textContent === 'Play'", arg=button.element_handle())
    assert slider.input_value() == slider.get_attribute("max")


@pytest.mark.parametrize("name", [name for name, _ in with_explorers()])
def test_on_paper_there_is_the_chosen_still_and_its_words(page, site, name):
    page.goto(f"{site}/{name}.html")
    explorer = page.locator(".explorer").first
    slider = explorer.get_by_role("slider").first
    slider.focus()
    page.keyboard.press("End")
    value = slider.get_attribute("aria-valuetext")
    page.emulate_media(media="print")
    assert not explorer.locator("input, button").filter(visible=True).count()
    assert explorer.locator("img").is_visible()
    assert explorer.get_by_role("status").is_visible()
    assert value in explorer.locator(".explorer-controls").inner_text()


@pytest.fixture(scope="module")
def scriptless(browser, site):
    """Return a page that runs no scripts."""
    with watched_page(browser, site, java_script_enabled=False) as (opened, _):
        yield opened


@pytest.mark.parametrize("name", [name for name, _ in with_explorers()])
def test_without_scripts_there_is_the_still_and_no_dead_slider(scriptless, site, name):
    scriptless.goto(f"{site}/{name}.html")
    explorer = scriptless.locator(".explorer").first
    assert explorer.locator("img").is_visible()
    assert explorer.get_by_role("status").is_visible()
    assert not explorer.get_by_role("slider").filter(visible=True).count()


def test_sliders_work_from_a_folder_without_a_server(browser):
    folder = HTML.as_uri()
    with watched_page(browser, folder) as (page, faults):
        page.goto(f"{folder}/{EXPLORERS[0][0]}.html")
        explorer = page.locator(".explorer").first
        before = state(explorer)
        explorer.get_by_role("slider").first.focus()
        page.keyboard.press("ArrowRight")
        assert_all_changed(before, state(explorer))
        assert not faults.foreign


@pytest.mark.parametrize("name", PAGES)
def test_a_page_weighs_little(name):
    weight = len(gzipped(HTML / f"{name}.html"))
    assert weight < MOST_BYTES, f"{weight} bytes gzipped; give its explorers fewer frames or simpler plots"
