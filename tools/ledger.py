"""The ledger's page, made from what the notebooks of this build recorded.

As a Sphinx extension it gives the directives ``ledger-picture``, all claims with what was found, and
``ledger``, a section for each claim. They are errors where a finding and its record do not fit. And it links
the line of each record to the ledger's page.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.statemachine import StringList
from nbformat import NotebookNode
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.docutils import SphinxDirective

from normcourse.claims import LEDGER, MIME, Claim, ClaimError, Evidence, Finding, Verdict
from tools import ledger_picture
from tools.execution import outputs

PAGE = "book/ledger"
WELCOME = "book/welcome"  # which shows the picture


@dataclass(frozen=True)
class Entry:
    """A finding's evidence and where it was recorded.

    Attributes:
        page: The notebook, as Sphinx names documents.
        title: Its first heading.
        evidence: The record, checked again.
    """

    page: str
    title: str
    evidence: Evidence


def gather(notebooks: Mapping[str, NotebookNode]) -> dict[str, Entry]:
    """Return the evidence of every finding of the ledger from executed notebooks, by id.

    Raises:
        ClaimError: A finding has no record or several, or a record is unknown or contradicts its finding. The
            message has a line for each.
    """
    entries: dict[str, list[Entry]] = {finding.id: [] for claim in LEDGER for finding in claim.findings}
    faults, refused = [], set()
    for page, notebook in notebooks.items():
        for record in _records(notebook):
            try:
                evidence = Evidence.from_record(record)
            except ClaimError as error:
                faults.append(f"{page}: {error}")
                refused.add(record.get("id"))
            else:
                entries[evidence.id].append(Entry(page, _title(notebook) or page, evidence))
    for name, found in entries.items():
        if len(found) > 1:
            pages = ", ".join(entry.page for entry in found)
            faults.append(f"{name} is recorded {len(found)} times, in {pages}; one cell must check it")
        elif not found and name not in refused:
            faults.append(f'no notebook records {name}: call claims.check("{name}", ...) where it is run')
    if faults:
        raise ClaimError("\n".join(faults))
    return {name: found for name, [found] in entries.items()}


def _records(notebook: NotebookNode) -> Iterable[Mapping[str, Any]]:
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if MIME in output.get("data", {}):
                yield output.data[MIME]


def _title(notebook: NotebookNode) -> str:
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    heading = re.search(r"^# (.*)", text, re.MULTILINE)  # above it there may be a label
    return heading[1] if heading else ""


def details(claim: Claim, entries: Mapping[str, Entry], addresses: Mapping[str, str]) -> str:
    """Return Markdown: a claim's verdict, what was found, and folded how that was checked.

    Args:
        claim: One of the ledger.
        entries: What `gather` returns.
        addresses: Relative address of each notebook's page.
    """
    sources = ", ".join(f"{{cite:t}}`{source}`" for source in claim.sources)
    head = f"Verdict: {ledger_picture.verdict(claim)}. On the claim: {sources}. {claim.attribution}".rstrip()
    if claim.verdict is Verdict.OPEN:
        return head
    said = claim.say({name: entry.evidence.estimate for name, entry in entries.items()})
    found = f"**{_plain(said)}.** {claim.summary}"
    findings = "\n".join(_finding(finding, entries[finding.id], addresses) for finding in claim.findings)
    checks = "\n".join(_check(finding, entries[finding.id]) for finding in claim.findings)
    fold = f"````{{dropdown}} What was run, and what each number must be\n{checks}\n````"
    return "\n\n".join([head, found, findings, fold])


def _finding(finding: Finding, entry: Entry, addresses: Mapping[str, str]) -> str:
    sentence = _plain(finding.sentence.rstrip("."))
    how = "counted" if finding.counted else "measured"
    link = f'<a href="{addresses[entry.page]}#{finding.anchor}">{_plain(entry.title)}</a>'
    result = _plain(entry.evidence.result)
    return f"- *{finding.speaks.capitalize()}:* {sentence}: **{result}** ({how} in {link})"


def _check(finding: Finding, entry: Entry) -> str:
    evidence = entry.evidence
    return (
        f"- {finding.id}: {_plain(evidence.setting)}; {evidence.extent}. The sentence stands while "
        f"{finding.condition}."
    )


def environments(entries: Mapping[str, Entry]) -> str:
    """Return Markdown: the versions and processors, each with the findings that were measured on it."""
    names: dict[str, list[str]] = {}
    for name, entry in entries.items():
        on = entry.evidence.environment
        versions = f"Python {on['python']}, NumPy {on['numpy']}, PyTorch {on['torch']}"
        names.setdefault(f"{versions}; {on['machine']} with {on['cpu capability']}", []).append(name)
    return "\n".join(f"- {_plain(on)}: {', '.join(found)}" for on, found in names.items())


def _label(claim: Claim) -> str:
    return f"ledger-{claim.id.lower()}"


def _plain(text: str) -> str:
    """Escape what Markdown would read as markup."""
    return re.sub(r"([\\`*_{}\[\]<>$&|~#])", r"\\\1", text)


class _OfRecords(SphinxDirective):
    """What is made of the records of the executed notebooks."""

    def gather(self) -> dict[str, Entry]:
        """Return the entries, or raise an error that names all faults; for one page they are read once."""
        for code in (__file__, ledger_picture.__file__):
            self.env.note_dependency(code)
        kept: dict[str, Any] = self.env.temp_data  # of this page alone
        try:
            if "ledger" not in kept:
                kept["ledger"] = gather(executed(self.env))
            entries: dict[str, Entry] = kept["ledger"]
            return entries
        except ClaimError as error:
            raise self.error(f"the ledger and the notebooks disagree\n{error}") from None


class Picture(_OfRecords):
    """Show all claims, with what was found."""

    def run(self) -> list[nodes.Node]:
        """Return the picture."""
        evidence = {name: entry.evidence for name, entry in self.gather().items()}
        here = self.env.docname == PAGE
        address = "" if here else self.env.app.builder.get_relative_uri(self.env.docname, PAGE)
        return [nodes.raw("", ledger_picture.picture(evidence, address), format="html")]


class Ledger(_OfRecords):
    """Show a section for each claim."""

    def run(self) -> list[nodes.Node]:
        """Return the sections."""
        entries = self.gather()
        uri = self.env.app.builder.get_relative_uri
        addresses = {entry.page: uri(self.env.docname, entry.page) for entry in entries.values()}
        claims = [
            self._section(
                _label(claim), f"{claim.id}: {claim.sentence.rstrip('.')}", details(claim, entries, addresses)
            )
            for claim in LEDGER
        ]
        ran = f"````{{dropdown}} Versions and processors, by finding\n{environments(entries)}\n````"
        versions = self._section("ledger-environments", "What the runs ran on", ran)
        return [*claims, versions]

    def _section(self, label: str, title: str, markdown: str) -> nodes.section:
        # By hand: MyST would hang the section of a nested heading on the page itself, before the picture.
        section = nodes.section(ids=[label], names=[label])
        section += [nodes.title(title, title), *self._parsed(markdown)]
        self.state.document.note_explicit_target(section)
        return section

    def _parsed(self, markdown: str) -> list[nodes.Node]:
        parent = nodes.Element()
        self.state.nested_parse(StringList(markdown.splitlines(), self.env.docname), 0, parent)
        return parent.children


def executed(env: BuildEnvironment) -> dict[str, NotebookNode]:
    """Return the book's notebooks with the outputs of this build."""
    paths = {page: Path(env.doc2path(page)) for page in sorted(env.found_docs)}
    return {page: outputs(path) for page, path in paths.items() if path.suffix == ".ipynb"}


def _follow_removed(
    app: Sphinx, env: BuildEnvironment, added: set[str], changed: set[str], removed: set[str]
) -> list[str]:
    """Name the pages that show records, to be read again when a page was removed."""
    return _showing(env) if removed else []


def _follow_notebooks(app: Sphinx, env: BuildEnvironment, docnames: list[str]) -> None:
    """Read the pages that show records again when any notebook is, if only for what it imports."""
    if any(env.doc2path(page).endswith(".ipynb") for page in docnames):
        docnames += [page for page in _showing(env) if page not in docnames]


def _showing(env: BuildEnvironment) -> list[str]:
    return [page for page in (PAGE, WELCOME) if page in env.found_docs]


def _link_boxes(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Make the id in each record's line a link to its claim on the ledger's page."""
    address = app.builder.get_relative_uri(page, PAGE)
    for node in doctree.findall(nodes.raw):
        box = node.astext()
        if 'class="claim-id"' in box:
            linked = re.sub(
                r'<span class="claim-id">(.*?(C\d+)\..*?)</span>',
                lambda match: (
                    f'<a class="claim-id" href="{address}#ledger-{match[2].lower()}">{match[1]}</a>'
                ),
                box,
            )
            node.replace_self(nodes.raw("", linked, format="html", classes=node["classes"]))


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension."""
    app.add_directive("ledger", Ledger)
    app.add_directive("ledger-picture", Picture)
    app.connect("env-get-outdated", _follow_removed)
    app.connect("env-before-read-docs", _follow_notebooks, priority=400)  # others go through the same list
    app.connect("doctree-resolved", _link_boxes)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
