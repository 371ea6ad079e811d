"""axe-core on an open page: every rule that it runs by default, best practices too."""

import json
from functools import cache
from typing import Any

from playwright.sync_api import Page

from tools.site_check.pages import ROOT

AXE = ROOT / "node_modules" / "axe-core"
# What a reader may have: the theme's two colour schemes on a wide screen and on a phone.
VIEWS = [(scheme, size) for scheme in ("light", "dark") for size in ((1280, 900), (390, 844))]


def version() -> str:
    """Return axe-core's version."""
    return str(json.loads((AXE / "package.json").read_text(encoding="utf-8"))["version"])


@cache
def _source() -> str:
    return (AXE / "axe.min.js").read_text(encoding="utf-8")


def violations(page: Page) -> list[str]:
    """Return one line for each element that breaks a rule, in the page as it is now."""
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
    """Return the violations of an open page light and dark, wide and narrow, each with its view."""
    found = []
    for scheme, (width, height) in VIEWS:
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": height})
        page.reload()  # as a reader opens it: the theme takes a while to follow a change of size
        page.wait_for_function("scheme => document.documentElement.dataset.theme === scheme", arg=scheme)
        found += [f"{scheme}, {width} px: {line}" for line in violations(page)]
    return found
