"""Chromium: where it is, how it is started without the network, and a page whose faults are noted."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Browser, ConsoleMessage, Page, Request, sync_playwright

# Chrome comes first because Ubuntu lets its sandbox run, and an unpackaged Chromium's not.
NAMES = ("google-chrome", "google-chrome-stable", "chromium", "chromium-browser")
QUIET = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",  # nothing but this machine
]
TIMEOUT_MS = 15_000
SCREEN = {"width": 1280, "height": 720}


class NoBrowserError(Exception):
    """There is no Chromium; the message says how to get one."""


def find_chromium() -> str:
    """Return the path of Chromium: what `CHROMIUM` names, or else the first that the path holds.

    Raises:
        NoBrowserError: There is none.
    """
    named = os.environ.get("CHROMIUM")
    found = shutil.which(named) if named else next(filter(None, map(shutil.which, NAMES)), None)
    if not found:
        wrong = f"CHROMIUM names {named}, no program" if named else f"the path holds no {', '.join(NAMES)}"
        raise NoBrowserError(f"{wrong}: install one (Debian: apt-get install chromium) or set CHROMIUM to it")
    return found


def may_sandbox() -> bool:
    """Say whether Chromium can run in its sandbox: it can, unless root runs it."""
    return not (hasattr(os, "getuid") and os.getuid() == 0)


@contextmanager
def chromium(*flags: str) -> Iterator[Browser]:
    """Start a headless Chromium while the context lasts, with these flags besides the usual ones."""
    path = find_chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=[*QUIET, *flags], chromium_sandbox=may_sandbox(), timeout=60_000
        )
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Faults:
    """What a page did that it must not: requests to elsewhere (no other host is found), and complaints."""

    foreign: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


@contextmanager
def watched_page(browser: Browser, site: str, **context_options: Any) -> Iterator[tuple[Page, Faults]]:
    """Open a page in a fresh context, where requests to all but the site are recorded."""
    faults = Faults()
    context = browser.new_context(
        reduced_motion="reduce", service_workers="block", viewport=SCREEN, **context_options
    )

    def note(request: Request) -> None:
        if not request.url.startswith((f"{site}/", "data:", "blob:", "about:")):
            faults.foreign.append(request.url)

    def complain(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            faults.complaints.append(f"{message.type}: {message.text} ({message.location.get('url', '')})")

    context.on("request", note)  # to route requests would switch the cache off
    context.on("console", complain)
    context.on("weberror", lambda error: faults.complaints.append(f"page error: {error.error}"))
    context.set_default_timeout(TIMEOUT_MS)
    try:
        yield context.new_page(), faults
    finally:
        context.close()


def start_anew(page: Page) -> None:
    """Make a used page as good as a fresh one, which costs more: nothing open or stored, the first view."""
    if page.url.startswith("http"):
        page.evaluate("localStorage.clear(); sessionStorage.clear()")
    page.goto("about:blank")
    page.context.clear_cookies()
    page.emulate_media(media="null", color_scheme="light")
    page.set_viewport_size(SCREEN)
