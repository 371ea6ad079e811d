"""The glossary and the pages: every term is linked from a page, and every link has its term."""

import json
import re

import pytest

from tools.notebooks import ROOT

GLOSSARY = ROOT / "book" / "glossary.md"
LINK = re.compile(r"\{term\}`(?:[^`<]*<([^`>]+)>|([^`<]+))`")


def defined(text):
    """Return the terms of the glossary's text, in order."""
    body = text.partition("```{glossary}")[2]
    return [line for line in body.splitlines() if line and not line.startswith((" ", ":", "`"))]


def linked(text):
    """Return the terms that a text links to, in lower case, as Sphinx compares them."""
    found = LINK.findall(text.replace("\n", " "))
    return {(target or name).strip().lower() for target, name in found}


def prose():
    """Yield the path and the Markdown of every page but the glossary."""
    for path in sorted((ROOT / "book").rglob("*.md")):
        if path != GLOSSARY:
            yield path, path.read_text(encoding="utf-8")
    for path in sorted((ROOT / "book").rglob("*.ipynb")):
        if ".ipynb_checkpoints" not in path.parts:
            cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
            yield path, "\n\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")


TERMS = defined(GLOSSARY.read_text(encoding="utf-8"))


def test_every_term_is_linked_from_a_page():
    used = set().union(*(linked(text) for _, text in prose()))
    assert TERMS
    assert not [term for term in TERMS if term.lower() not in used]


def test_every_link_has_its_term():
    known = {term.lower() for term in TERMS}
    missing = {path.name: linked(text) - known for path, text in [*prose(), (GLOSSARY, GLOSSARY.read_text())]}
    assert not {name: terms for name, terms in missing.items() if terms}


def test_terms_are_defined_once():
    assert sorted(set(TERMS)) == sorted(TERMS)


def test_no_definition_is_a_page():
    entries = re.split(r"\n(?=\S)", GLOSSARY.read_text(encoding="utf-8").partition(":sorted:")[2])
    long = [entry.split("\n")[0] for entry in entries if len(entry.split()) > 60]
    assert not long


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("a {term}`LayerNorm` b", {"layernorm"}),
        ("{term}`its text <running statistics>`", {"running statistics"}),
        ("{term}`weight\ndecay`, {term}`eps`", {"weight decay", "eps"}),
        ("`LayerNorm`", set()),
    ],
)
def test_a_link_is_seen(text, terms):
    assert linked(text) == terms
