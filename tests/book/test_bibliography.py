"""The bibliography: no work twice, and an entry for every citation."""

import re
from collections import Counter

from tools.notebooks import ROOT

ENTRIES = (ROOT / "book" / "references.bib").read_text(encoding="utf-8")
KEYS = re.findall(r"^@\w+\{(\w+),$", ENTRIES, flags=re.MULTILINE)
PAGES = [path for kind in ("md", "ipynb") for path in sorted((ROOT / "book").rglob(f"*.{kind}"))]
CITE = re.compile(r"\{cite:[a-z]+\}`([^`]+)`")


def cited(text):
    """Return the keys that a text cites."""
    return {key.strip() for keys in CITE.findall(text) for key in keys.split(",")}


def test_no_work_stands_twice():
    prints = re.findall(r"eprint = \{([^}]+)\}", ENTRIES)
    assert KEYS
    assert not [name for name, count in Counter(KEYS + prints).items() if count > 1]


def test_every_citation_has_an_entry():
    missing = {path.name: cited(path.read_text(encoding="utf-8")) - set(KEYS) for path in PAGES}
    assert not {name: keys for name, keys in missing.items() if keys}


def test_a_citation_is_seen():
    assert cited("as {cite:t}`a1, b2` and {cite:p}`c3` say") == {"a1", "b2", "c3"}
