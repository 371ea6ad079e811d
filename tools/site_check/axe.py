"""axe-core on an open page: every rule that it runs by default, best practices too."""

import json
from functools import cache
from typing import Any

from playwright.sync_api import Page

from tools.site_check.browser import SCREEN
from tools.site_check.pages import ROOT

AXE = ROOT / "node_modules" / "axe-core"
# What a reader may have: a wide screen or a phone, each with the theme's two colour schemes.
SIZES = (SCREEN, {"width": 390, "height": 844})
SCHEMES = ("light", "dark")
# A transition that runs would show colours which are of neither scheme.
TURNED = """scheme => {
    document.getAnimations().filter(one => one instanceof CSSTransition).forEach(one => one.finish());
    return document.documentElement.dataset.theme === scheme;
}"""


def version() -> str:
    """Return axe-core's version."""
    return str(json.loads((AXE / "package.json").read_text(encoding="utf-8"))["version"])


@cache
def _source() -> str:
    return (AXE / "axe.min.js").read_text(encoding="utf-8")


def violations(page: Page) -> list[str]:
    """Return one line for each element that breaks a rule, in the page as it is now."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(_source())
    found: list[dict[str, Any]] = page.evaluate(
        "axe.run({resultTypes: ['violations']}).then(results => results.violations)"
    )
    return [
        f"{rule['id']} ({rule['help']}): {' '.join(map(str, node['target']))}"
        for rule in found
        for node in rule["nodes"]
    ]


def violations_in_all_views(page: Page) -> list[str]:
    """Return the violations of an open page wide and narrow, light and dark, each with its view."""
    found = []
    for size in SIZES:
        if page.viewport_size != size:
            page.set_viewport_size(size)
            page.reload()  # as a reader opens it: the theme takes a while to follow a change of size
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            page.wait_for_function(TURNED, arg=scheme)
            found += [f"{scheme}, {size['width']} px: {line}" for line in violations(page)]
    return found
