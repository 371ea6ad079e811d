"""The tables of advice, held to what the notebooks of this build recorded.

As a Sphinx extension it turns each finding that a table of `normcourse.claims.decision.Decisions` names into
its number, linked to the run. Where a number is not what its row needs, the build fails.
"""

import re
from collections.abc import Mapping
from html import escape, unescape
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.errors import ExtensionError

from normcourse.claims import ClaimError
from normcourse.claims.decision import faults
from normcourse.claims.decisions import DECISIONS
from tools.ledger import Entry, executed, gather

PAGE = "book/03-inference-statistics/09-which-statistics"

_NAMED = re.compile(r'<span class="decision-finding">(.*?)</span>')


def check(entries: Mapping[str, Entry]) -> None:
    """Raise unless every row of advice has what it needs.

    Args:
        entries: What `tools.ledger.gather` returns.

    Raises:
        ClaimError: A finding has no record, or one that speaks against the advice; a line for each.
    """
    if found := faults(DECISIONS, {name: entry.evidence for name, entry in entries.items()}):
        raise ClaimError("\n".join(found))


def linked(html: str, entries: Mapping[str, Entry], addresses: Mapping[str, str]) -> str:
    """Return a table with each finding's number, linked to where it was recorded.

    Args:
        html: As `Decisions` shows it.
        entries: What `tools.ledger.gather` returns.
        addresses: Relative address of each notebook's page.
    """

    def link(match: re.Match[str]) -> str:
        entry = entries[unescape(match[1])]
        target = f"{addresses[entry.page]}#{entry.evidence.finding.anchor}"
        name = escape(f"Ledger {entry.evidence.id}, measured in: {entry.title}", quote=True)
        return f'<a href="{target}" title="{name}">{escape(entry.evidence.result)}</a>'

    return _NAMED.sub(link, html)


def _link(app: Sphinx, doctree: nodes.document, page: str) -> None:
    if page != PAGE:
        return
    try:
        entries = gather(executed(app.env))
        check(entries)
    except ClaimError as error:
        raise ExtensionError(f"{page}: the advice and the notebooks disagree\n{error}") from None
    uri = app.builder.get_relative_uri
    addresses = {entry.page: uri(page, entry.page) for entry in entries.values()}
    for node in doctree.findall(nodes.raw):
        text = node.astext()
        if _NAMED.search(text):
            shown = linked(text, entries, addresses)
            node.replace_self(nodes.raw("", shown, format="html", classes=node["classes"]))


def _follow_notebooks(app: Sphinx, env: BuildEnvironment, docnames: list[str]) -> None:
    """Read the page again when any notebook is: its numbers may be others."""
    if PAGE in env.found_docs and PAGE not in docnames:
        docnames += [PAGE] * any(env.doc2path(page).endswith(".ipynb") for page in docnames)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension."""
    app.connect("env-before-read-docs", _follow_notebooks, priority=400)  # as `tools.ledger`
    app.connect("doctree-resolved", _link)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
