"""Measure the built site and write `docs/site-check.md`: `python -m tools.site_check [--runs 3]`."""

import argparse
import re
import sys
from dataclasses import dataclass

from playwright.sync_api import Browser

from tools.site_check import axe, lighthouse
from tools.site_check.browser import chromium, watched_page
from tools.site_check.pages import GENERATED, HTML, PAGES, ROOT
from tools.site_check.server import gzipped, serve

REPORT = ROOT / "docs" / "site-check.md"
PERFORMANCE = 95
HEAD = """# What the site weighs and how it is rated

Written by `make site-check` with {versions}.
Pages are as built, served from the same machine with gzip, as a public host does.

- *page*: the page alone, in kB after gzip. *first visit*: all that it loads before it is scrolled, with an
  empty cache. Most of that is style sheets, scripts, fonts and the search's index, which later pages share.
- *axe*: elements that break a rule of axe-core (its default rules, best practices included), light and dark,
  1280 and 390 px wide. *faults*: requests to another site (none is reached) and complaints in the console.
- *perf.* to *SEO*: of chapters and exercises, Lighthouse's scores out of 100, the median of {runs}, with its
  own settings (a middling phone on a slow network, simulated), then its largest paint in seconds, blocked
  time in ms and layout shift.
  A busy machine costs a few points of performance.

| page | page | first visit | axe | faults | perf. | acc. | best pr. | SEO | paint | blocked | shift |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"""


@dataclass(frozen=True)
class Row:
    """What was found of one page."""

    name: str
    page_bytes: int  # gzipped
    visit_bytes: int  # gzipped, with all that a first visit loads before it scrolls
    violations: list[str]
    faults: list[str]
    scores: lighthouse.Scores | None

    def misses(self) -> list[str]:
        """Return what is short of the aims that do not depend on the machine."""
        found = [*self.violations, *self.faults]
        if self.scores:
            rated = {name: score for name, score in self.scores.scores.items() if name != "performance"}
            found += [f"Lighthouse gives {name} {score}" for name, score in rated.items() if score < 100]
        return [f"{self.name}: {line}" for line in found]


def check(browser: Browser, site: str, name: str, port: int, runs: int) -> Row:
    """Open one page, weigh what arrives, run axe and, on a page of a chapter, Lighthouse."""
    received: list[float] = []
    address = f"{site}/{name}.html"
    with watched_page(browser, site) as (page, faults):
        network = page.context.new_cdp_session(page)
        network.send("Network.enable")
        network.on("Network.loadingFinished", lambda event: received.append(event["encodedDataLength"]))
        page.goto(address, wait_until="networkidle")
        weight = sum(received)
        violations = axe.violations_in_all_views(page)
    rated = name == PAGES[0] or re.match(r"book/(\d|exercises)", name)
    return Row(
        name=name,
        page_bytes=len(gzipped(HTML / f"{name}.html")),
        visit_bytes=round(weight),
        violations=violations,
        faults=[*faults.foreign, *faults.complaints],
        scores=lighthouse.measure(address, port, runs) if rated else None,
    )


def report(rows: list[Row], versions: str, runs: int) -> str:
    """Return the text of `docs/site-check.md`."""
    slow = [row.name for row in rows if row.scores and row.scores.scores["performance"] < PERFORMANCE]
    missed = [f"- {name} is below {PERFORMANCE} in performance." for name in slow]
    missed += [f"- {line}" for row in rows for line in row.misses()]
    lines = [
        HEAD.format(versions=versions, runs=f"{runs} run{'s' if runs > 1 else ''}"),
        *map(_cells, rows),
        "",
        f"Aim: 0 violations, 0 faults, {PERFORMANCE} for performance and 100 for the rest of Lighthouse.",
        *(missed or ["Every page meets it."]),
    ]
    return "\n".join(lines) + "\n"


def _cells(row: Row) -> str:
    weights = [f"{row.page_bytes / 1000:.0f}", f"{row.visit_bytes / 1000:.0f}"]
    cells = [row.name, *weights, str(len(row.violations)), str(len(row.faults))]
    if row.scores:
        timings = row.scores.timings
        cells += [str(row.scores.scores[name]) for name in lighthouse.CATEGORIES]
        cells += [f"{timings['largest-contentful-paint'] / 1000:.1f}"]
        cells += [f"{timings['total-blocking-time']:.0f}", f"{timings['cumulative-layout-shift']:.3f}"]
    else:
        cells += [""] * 7
    return f"| {' | '.join(cells)} |"


def main() -> int:
    """Check every page; the exit status is 1 if an aim is missed that does not depend on the machine."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=3, help="runs of Lighthouse per page (3)")
    runs = parser.parse_args().runs
    version = lighthouse.install()
    port = lighthouse.free_port()
    rows = []
    with serve(HTML) as site, chromium(f"--remote-debugging-port={port}") as browser:
        versions = f"Lighthouse {version}, axe-core {axe.version()} and Chromium {browser.version}"
        for name in PAGES + GENERATED:
            rows.append(check(browser, site, name, port, runs))
            print(name, *(rows[-1].misses() or ["ok"]), sep="\n  " if rows[-1].misses() else ": ")
    REPORT.write_text(report(rows, versions, runs), encoding="utf-8")
    print(f"wrote {REPORT.relative_to(ROOT)}")
    return int(any(row.misses() for row in rows))


if __name__ == "__main__":
    sys.exit(main())
