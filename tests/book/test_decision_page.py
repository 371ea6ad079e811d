"""The decision page and the notebooks agree, and a row that a record contradicts fails the build."""

import copy
from dataclasses import replace
from functools import cache
from types import SimpleNamespace

import nbformat
import pytest
from bs4 import BeautifulSoup
from docutils import nodes
from sphinx.errors import ExtensionError

from normcourse.claims import Above, ClaimError
from normcourse.claims import evidence as claims_evidence
from normcourse.claims.decision import Decisions
from normcourse.claims.decisions import DECISIONS
from tools import decisions, ledger
from tools.notebooks import ROOT, find
from tools.site_check.pages import HTML

PLAIN = "C11.lag-gone"


@cache
def stored():
    return {
        path.relative_to(ROOT).with_suffix("").as_posix(): nbformat.read(path, as_version=4)
        for path in find()
    }


def named():
    return {why.id for row in DECISIONS for why in row.because}


def test_every_row_has_in_the_records_what_it_needs():
    decisions.check(ledger.gather(stored()))


def test_a_record_that_speaks_against_a_row_is_seen():
    entries = ledger.gather(stored())
    against = replace(entries[PLAIN].evidence, estimate=4.0, low=3.0, high=5.0)
    with pytest.raises(ClaimError, match=rf"needs {PLAIN} between -1 and 1; recorded is 4.0 .3.0, 5.0."):
        decisions.check({**entries, PLAIN: replace(entries[PLAIN], evidence=against)})
    with pytest.raises(ClaimError, match=f"rests on {PLAIN}, of which there is no record"):
        decisions.check({name: entry for name, entry in entries.items() if name != PLAIN})


def application(monkeypatch, notebooks):
    monkeypatch.setattr(decisions, "executed", lambda env: notebooks)
    builder = SimpleNamespace(get_relative_uri=lambda page, to: f"../{to.partition('/')[2]}.html")
    return SimpleNamespace(env=None, builder=builder)


def test_the_build_fails_where_a_run_and_its_sentence_have_turned_against_a_row(monkeypatch):
    """The planted fault: number, sentence and predicate changed together, so that the ledger is content."""
    notebooks = copy.deepcopy(stored())
    for notebook in notebooks.values():
        for record in ledger._records(notebook):
            if record["id"] == PLAIN:
                record.update(estimate=4.0, low=3.0, high=5.0)
    found = claims_evidence.find

    def turned(id):
        return replace(found(id), predicate=Above(0)) if id == PLAIN else found(id)

    monkeypatch.setattr(claims_evidence, "find", turned)
    assert ledger.gather(notebooks)[PLAIN].evidence.low == 3
    app = application(monkeypatch, notebooks)
    with pytest.raises(ExtensionError, match=rf"the advice and the notebooks disagree\n.*needs {PLAIN}"):
        decisions._link(app, nodes.container(), decisions.PAGE)
    decisions._link(app, nodes.container(), "book/other")  # which has no advice


def test_each_finding_becomes_its_number_and_a_link(monkeypatch):
    table = nodes.raw("", Decisions(DECISIONS)._repr_html_(), format="html")
    doctree = nodes.container("", table)
    decisions._link(application(monkeypatch, stored()), doctree, decisions.PAGE)
    page = BeautifulSoup(doctree.astext(), "html.parser")
    assert not page.select(".decision-finding")
    entries = ledger.gather(stored())
    links = {link["href"].partition("#")[2]: link for link in page.find_all("a")}
    for name in named():
        link = links[entries[name].evidence.finding.anchor]
        assert link.text == entries[name].evidence.result
        assert f"{entries[name].page.partition('/')[2]}.html" in link["href"]


def test_the_page_shows_the_table():
    notebook = stored()[decisions.PAGE]
    shown = [
        output.data["text/html"]
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if "decision-finding" in str(output.get("data", {}).get("text/html", ""))
    ]
    assert "".join(shown[0]) == Decisions(DECISIONS)._repr_html_()
    assert len(shown) == 1


def test_the_page_is_read_again_with_any_notebook():
    env = SimpleNamespace(found_docs={decisions.PAGE}, doc2path=lambda page: f"{page}.ipynb")
    read = ["book/other"]
    decisions._follow_notebooks(None, env, read)
    assert read == ["book/other", decisions.PAGE]
    text = SimpleNamespace(found_docs={decisions.PAGE}, doc2path=lambda page: f"{page}.md")
    read = ["book/other"]
    decisions._follow_notebooks(None, text, read)
    assert read == ["book/other"]


def test_the_built_page_links_each_row_to_the_cells_that_carry_it():
    own = HTML / f"{decisions.PAGE}.html"
    page = BeautifulSoup(own.read_text(encoding="utf-8"), "html.parser")
    [table] = page.select("table.decisions")
    assert len(table.select("tbody > tr")) == len(DECISIONS)
    for link in table.find_all("a"):
        path, _, anchor = link["href"].partition("#")
        target = own.parent / path if path else own
        assert BeautifulSoup(target.resolve().read_text(encoding="utf-8"), "html.parser").find(id=anchor)
    assert len(table.find_all("a")) == sum(len(row.because) for row in DECISIONS)
