"""What a reader sees of the welcome page before they scroll."""

import pytest


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)])
def test_the_first_screen_holds_the_ways_in_and_the_whole_figure(page, site, width, height):
    page.set_viewport_size({"width": width, "height": height})
    page.goto(f"{site}/book/welcome.html")
    for part in (".ways", ".explorer"):
        box = page.locator(part).first.bounding_box()
        assert box["y"] >= 0
        assert box["y"] + box["height"] <= height, f"{part} ends below the first screen"


def test_the_switch_wakes_the_last_layer(page, site):
    page.goto(f"{site}/book/welcome.html")
    layer, norm = page.locator(".explorer").get_by_role("slider").all()
    says = page.locator(".explorer").get_by_role("status")
    layer.focus()
    page.keyboard.press("End")
    assert "asleep" in says.inner_text()
    norm.focus()
    page.keyboard.press("End")
    assert "awake" in says.inner_text()


@pytest.mark.parametrize("width", [1280, 390])
def test_pictures_of_findings_keep_to_their_row(page, site, width):
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(f"{site}/book/ledger.html")
    rows = page.locator(".ledger-picture > li").all()
    assert rows
    for row in rows:
        outer = row.bounding_box()
        for drawn in row.locator("svg").all():
            inner = drawn.bounding_box()
            assert inner["x"] >= outer["x"]
            assert inner["x"] + inner["width"] <= outer["x"] + outer["width"]
