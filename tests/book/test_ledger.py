"""The ledger's page and the notebooks agree, and every way in which they could not is an error."""

import copy
import os
import re
import time
from dataclasses import replace
from functools import cache
from types import SimpleNamespace

import nbformat
import pytest
from bs4 import BeautifulSoup
from docutils import nodes
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from sphinx.application import Sphinx

from normcourse.claims import LEDGER, MIME, Below, ClaimError, Verdict, evidence
from tools import ledger, ledger_picture
from tools.notebooks import ROOT, find, normalise
from tools.printed import NEGATIVE_ZERO
from tools.site_check.pages import HTML

FINDINGS = {finding.id: finding for claim in LEDGER for finding in claim.findings}
NAME = "C6.small-init"


@cache
def stored():
    return {
        path.relative_to(ROOT).with_suffix("").as_posix(): nbformat.read(path, as_version=4)
        for path in find()
    }


@pytest.fixture
def notebooks():
    """Return copies of the stored notebooks that hold records."""
    return {page: copy.deepcopy(book) for page, book in stored().items() if list(ledger._records(book))}


def outputs(notebooks, name):
    """Return the outputs that record a finding."""
    cells = [cell for notebook in notebooks.values() for cell in notebook.cells]
    found = [output for cell in cells for output in cell.get("outputs", [])]
    return [output for output in found if output.get("data", {}).get(MIME, {}).get("id") == name]


def test_every_finding_has_one_stored_record_that_supports_it():
    entries = ledger.gather(stored())
    assert entries.keys() == FINDINGS.keys()
    for name, entry in entries.items():
        interval = (entry.evidence.estimate, entry.evidence.low, entry.evidence.high)
        assert FINDINGS[name].predicate.holds(evidence.Interval(*interval))


def test_a_contradiction_is_seen(notebooks):
    [output] = outputs(notebooks, NAME)
    output.data[MIME]["low"] = 3.0
    with pytest.raises(
        ClaimError, match=rf"07-how-many-steps: {NAME} says .* stands while .* above 10; .* gave .*3"
    ):
        ledger.gather(notebooks)


def test_a_changed_predicate_is_seen(notebooks, monkeypatch):
    claims = [
        replace(
            claim,
            findings=tuple(
                replace(finding, predicate=Below(2)) if finding.id == NAME else finding
                for finding in claim.findings
            ),
        )
        for claim in LEDGER
    ]
    monkeypatch.setattr(evidence, "LEDGER", claims)
    with pytest.raises(ClaimError, match=f"{NAME} says .* lies below 2"):
        ledger.gather(notebooks)


def test_a_missing_record_is_seen(notebooks):
    [output] = outputs(notebooks, NAME)
    del output.data[MIME]
    with pytest.raises(ClaimError, match=f"^no notebook records {NAME}: call claims.check"):
        ledger.gather(notebooks)


def test_a_second_record_is_seen(notebooks):
    copied = new_code_cell("1", outputs=copy.deepcopy(outputs(notebooks, NAME)))
    notebooks["book/again"] = new_notebook(cells=[new_markdown_cell("# Again\n\nText"), copied])
    with pytest.raises(
        ClaimError, match=rf"^{NAME} is recorded 2 times, in .*07-how-many-steps, book/again; one"
    ):
        ledger.gather(notebooks)


def test_a_record_that_the_ledger_does_not_know_is_seen(notebooks):
    record = {**outputs(notebooks, NAME)[0].data[MIME], "id": "C6.smal-init"}
    cell = new_code_cell("1", outputs=[new_output("display_data", data={MIME: record})])
    notebooks["book/other"] = new_notebook(cells=[new_markdown_cell("# Other"), cell])
    with pytest.raises(ClaimError, match=r"^book/other: the ledger has no finding 'C6.smal-init'"):
        ledger.gather(notebooks)


def test_a_record_of_another_form_is_seen(notebooks):
    [output] = outputs(notebooks, NAME)
    del output.data[MIME]["seeds"]
    with pytest.raises(ClaimError, match=r"a record holds id, .*, seeds, .*: execute its notebook again"):
        ledger.gather(notebooks)


def test_all_faults_are_told_at_once(notebooks):
    outputs(notebooks, f"{NAME}-held")[0].data[MIME]["seeds"] = 1
    for name in (NAME, "C1.mean"):
        del outputs(notebooks, name)[0].data[MIME]
    with pytest.raises(ClaimError) as raised:
        ledger.gather(notebooks)
    assert len(str(raised.value).splitlines()) == 3


def test_normalising_a_notebook_keeps_its_records(notebooks):
    for notebook in notebooks.values():
        before = list(ledger._records(notebook))
        normalise(notebook)
        assert list(ledger._records(notebook)) == before


def test_text_of_a_record_is_no_markup(notebooks):
    entries = ledger.gather(stored())
    entry = entries[NAME]
    odd = replace(entry, evidence=replace(entry.evidence, setting="2*3*4 <script> `x` | $y$"))
    [claim] = [claim for claim in LEDGER if claim.id == "C6"]
    addresses = {found.page: "page.html" for found in entries.values()}
    text = ledger.details(claim, {**entries, NAME: odd}, addresses)
    assert r"2\*3\*4 \<script\> \`x\` \| \$y\$" in text


def test_environments_are_told_apart():
    entry = ledger.gather(stored())[NAME]
    other = replace(entry.evidence, environment={**entry.evidence.environment, "torch": "0.1"})
    lines = ledger.environments({"a": entry, "b": replace(entry, evidence=other), "c": entry}).splitlines()
    assert len(lines) == 2
    assert lines[0].endswith(": a, c")
    assert "PyTorch 0.1" in lines[1]


def test_a_page_is_named_by_its_heading_wherever_that_stands():
    cells = [new_markdown_cell("(label)=\n# The title\n\n# More"), new_code_cell("# a comment\n1")]
    assert ledger._title(new_notebook(cells=cells)) == "The title"
    assert ledger._title(new_notebook(cells=cells[1:])) == ""


@pytest.fixture
def read(tmp_path, monkeypatch):
    """Return what builds a book with a page of records, and returns the pages that were read for it."""
    monkeypatch.setattr(ledger, "gather", lambda notebooks: {})
    monkeypatch.setattr(ledger, "executed", lambda env: {})
    monkeypatch.setattr(ledger_picture, "picture", lambda evidence, address: "")
    files = {
        "index.md": "# Book\n\n```{toctree}\nbook/ledger\nbook/text\nbook/n\n```\n",
        "book/ledger.md": "# The ledger\n\n```{ledger-picture}\n```\n",
        "book/text.md": "# Text\n",
        "book/n.ipynb": nbformat.writes(new_notebook(cells=[new_markdown_cell("# N")])),
    }
    source = tmp_path / "source"
    (source / "book").mkdir(parents=True)
    for name, text in files.items():
        (source / name).write_text(text, encoding="utf-8")
    settings = {
        "extensions": ["myst_nb", "tools.ledger"],
        "nb_execution_mode": "off",
        # Else myst_nb would write into Sphinx's default, for every book of this process.
        "source_suffix": dict.fromkeys((".md", ".ipynb"), "myst-nb"),
    }

    def build(*outdated):
        app = Sphinx(source, None, tmp_path / "out", tmp_path / "trees", "dummy", settings, None, None)
        app.connect("env-get-outdated", lambda *_: outdated)
        pages = []
        app.connect("source-read", lambda app, page, text: pages.append(page))
        app.build()
        return set(pages)

    return build


def test_the_page_is_read_again_with_any_notebook_and_without_one(read, tmp_path):
    assert read() == {"index", "book/ledger", "book/text", "book/n"}
    assert read() == set()
    assert read("book/text") == {"book/text"}
    assert read("book/n") == {"book/n", "book/ledger"}  # as where a module that it imports has changed
    source = tmp_path / "source"
    (source / "book" / "n.ipynb").unlink()
    (source / "index.md").write_text("# Book\n\n```{toctree}\nbook/ledger\nbook/text\n```\n")
    assert read() == {"index", "book/ledger"}


def test_the_page_is_read_again_when_what_draws_it_changes(read, monkeypatch, tmp_path):
    code = tmp_path / "drawn.py"
    code.write_text("")
    monkeypatch.setattr(ledger_picture, "__file__", str(code))
    read()
    os.utime(code, (time.time() + 9,) * 2)
    assert read() == {"book/ledger"}


def test_a_line_links_to_its_claim():
    box = nodes.raw("", '<p><span class="claim-id">Ledger C6.x-y</span>: 1</p>', format="html")
    doctree = nodes.container("", box)
    builder = SimpleNamespace(get_relative_uri=lambda page, to: "../ledger.html")
    ledger._link_boxes(SimpleNamespace(builder=builder), doctree, "book/a/n")
    link = BeautifulSoup(doctree.astext(), "html.parser").a
    assert (link["href"], link.text) == ("../ledger.html#ledger-c6", "Ledger C6.x-y")


def build(tmp_path, monkeypatch, notebooks):
    """Build a book of the ledger's page alone and return its doctree, and what was warned of."""
    monkeypatch.setattr(ledger, "executed", lambda env: notebooks)
    source = tmp_path / "source"
    (source / "book").mkdir(parents=True)
    (source / "index.md").write_text(
        "# Book\n\n```{toctree}\nbook/ledger\n```\n\n```{bibliography}\n:all:\n```\n"
    )
    (source / "book" / "ledger.md").write_text(
        "# The ledger\n\n```{ledger-picture}\n```\n\n```{ledger}\n```\n"
    )
    settings = {
        "extensions": ["myst_parser", "sphinx_design", "sphinxcontrib.bibtex", "tools.ledger"],
        "bibtex_bibfiles": [str(ROOT / "book" / "references.bib")],
    }
    warned = (tmp_path / "warnings").open("w+")
    app = Sphinx(source, None, tmp_path / "out", tmp_path / "doctrees", "dummy", settings, None, warned)
    app.build()
    warned.seek(0)
    return app, warned.read()


def test_the_directive_shows_the_claims_in_order(tmp_path, monkeypatch, notebooks):
    app, _ = build(tmp_path, monkeypatch, notebooks)
    doctree = app.env.get_doctree(ledger.PAGE)
    sections = [section["ids"][0] for section in doctree.findall(nodes.section)]
    assert sections[1:] == [*(f"ledger-{claim.id.lower()}" for claim in LEDGER), "ledger-environments"]
    drawn = doctree.next_node(nodes.raw)
    assert drawn.parent["ids"] == [sections[0]]
    rows = BeautifulSoup(drawn.astext(), "html.parser").select("ul.ledger-picture > li")
    entries = ledger.gather(notebooks)
    said = [claim.say({name: entry.evidence.estimate for name, entry in entries.items()}) for claim in LEDGER]
    assert [row.select_one(".ledger-found").text for row in rows] == said
    assert [row.a["href"] for row in rows] == [f"#{section}" for section in sections[1:-1]]
    shown = doctree.astext()
    assert all(entry.evidence.result in shown for entry in entries.values())


def test_the_directive_fails_the_build(tmp_path, monkeypatch, notebooks):
    outputs(notebooks, NAME)[0].data[MIME]["low"] = 3.0
    _, warned = build(tmp_path, monkeypatch, notebooks)
    assert "ERROR: the ledger and the notebooks disagree" in warned
    assert f"07-how-many-steps: {NAME} says" in warned


def test_the_built_page_links_each_finding_to_its_cell_and_back():
    page = BeautifulSoup((HTML / f"{ledger.PAGE}.html").read_text(encoding="utf-8"), "html.parser")
    for claim in LEDGER:
        section = page.find(id=f"ledger-{claim.id.lower()}")
        assert claim.stands in section.select_one(".verdict").get_text()
        assert section.select_one(".verdict [role=img]")["aria-label"] == f"{claim.verdict}:"
        for finding in claim.findings:
            [link] = section.select(f'a[href$="#{finding.anchor}"]')
            path = (HTML / "book" / link["href"].partition("#")[0]).resolve()
            box = BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser").find(id=finding.anchor)
            assert finding.sentence.rstrip(".") in box.get_text()
            assert not link.find_parent("details")
            assert box.select_one(f'a.claim-id[href$="ledger.html#ledger-{claim.id.lower()}"]')


def test_phrases_are_short():
    estimates = {name: entry.evidence.estimate for name, entry in ledger.gather(stored()).items()}
    long = {claim.id: said for claim in LEDGER if len(said := claim.say(estimates)) > 100}
    assert not long


ODD = re.compile(rf"e[+-]00|e-(?:1[3-9]|[2-9]\d)|{NEGATIVE_ZERO.pattern}|\[(\S+), \1\]")


def test_no_result_is_a_rounding_error_or_a_negative_zero_or_has_an_interval_without_length():
    results = {name: entry.evidence.result for name, entry in ledger.gather(stored()).items()}
    assert not {name: told for name, told in results.items() if ODD.search(told)}


@pytest.mark.parametrize(
    ("told", "odd"),
    [
        ("0e+00 [0e+00, 0e+00]", True),
        ("3e-17", True),
        ("1e-20", True),
        ("0.1 [-0.0, 0.3]", True),
        ("10% [10%, 10%]", True),
        ("\N{MINUS SIGN}0.088 [\N{MINUS SIGN}0.118, \N{MINUS SIGN}0.060]", False),
        ("below 1e-12", False),
        ("0.0 [\N{MINUS SIGN}0.1, 0.1]", False),
    ],
)
def test_an_odd_result_is_seen(told, odd):
    assert bool(ODD.search(told)) == odd


@pytest.mark.parametrize("told", [claim for claim in LEDGER if claim.scale], ids=lambda told: told.id)
def test_a_scale_shows_each_finding_once_and_within_it(told):
    found = {name: entry.evidence for name, entry in ledger.gather(stored()).items()}
    drawing = BeautifulSoup(ledger_picture.scale(told, found), "html.parser")
    titles = [title.text for title in drawing.find_all("title")]
    names = [f"{told.id}.{name}" for name in told.scale.findings]
    assert titles == [f"{name}: {found[name].result}" for name in names]
    assert all(found[name].result in drawing.svg["aria-label"] for name in names)
    for interval in drawing.select(".ledger-interval"):
        left, right = map(float, re.fullmatch(r"M(\S+) \d+H(\S+)", interval["d"]).groups())
        assert 0 <= left <= right <= ledger_picture.WIDTH
    origin, *numbers = [label.text for label in drawing.find_all("text") if label.text != "claimed"]
    assert origin == f"{told.scale.origin:g}: {told.scale.says}"
    said = told.say({name: each.estimate for name, each in found.items()})
    assert set(numbers) <= set(re.findall(r"[\N{MINUS SIGN}+]?[\d.]+%?", said))
    assert numbers


def test_the_page_names_the_logarithmic_axes():
    text = (ROOT / "book" / "ledger.md").read_text(encoding="utf-8")
    [named] = re.findall(r"The axes of ([^.]*) are logarithmic", text)
    assert re.findall(r"C\d+", named) == [told.id for told in LEDGER if told.scale and told.scale.log]


def test_the_page_says_rightly_that_no_claim_simply_holds():
    text = (ROOT / "book" / "ledger.md").read_text(encoding="utf-8")
    assert "No claim here has only findings that speak for it." in text
    assert Verdict.HOLDS not in {told.verdict for told in LEDGER}


def test_a_scale_is_in_proportion():
    [told] = [claim for claim in LEDGER if claim.id == "C6"]
    found = {name: entry.evidence for name, entry in ledger.gather(stored()).items()}
    place = ledger_picture._places(told.scale, [found[f"C6.{name}"] for name in told.scale.findings])
    assert place(4) - place(2) == pytest.approx(place(2) - place(1))  # ratios
    assert place(1) == ledger_picture.MARGIN


def test_a_scale_of_nothing_but_its_origin_is_drawn():
    [told] = [claim for claim in LEDGER if claim.id == "C5"]
    none = evidence.Evidence("C5.company", 0.0, 0.0, 0.0, 8, "", {})
    alone = replace(told, scale=replace(told.scale, findings=("company",)))
    assert f'cx="{ledger_picture.MARGIN:.1f}"' in ledger_picture.scale(alone, {none.id: none})


@pytest.mark.parametrize("page", [ledger.PAGE, ledger.WELCOME])
def test_the_built_pages_show_what_was_found(page):
    text = (HTML / f"{page}.html").read_text(encoding="utf-8")
    assert "0e+00" not in text
    rows = BeautifulSoup(text, "html.parser").select(".ledger-picture > li")
    assert len(rows) == len(LEDGER)
    assert all(re.search(r"\d", row.select_one(".ledger-found").text) for row in rows)
