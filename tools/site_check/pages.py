"""The pages of the built site."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
HTML = ROOT / "_build" / "html"


def entries(node: Any) -> Iterator[str]:
    """Yield the files that a table of contents names, at any depth."""
    if isinstance(node, dict):
        yield from (node[key] for key in ("root", "file") if key in node)
        for value in node.values():
            yield from entries(value)
    elif isinstance(node, list):
        for value in node:
            yield from entries(value)


PAGES = list(entries(yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))))
GENERATED = ["genindex", "py-modindex", "search"]  # Sphinx adds these to the pages of _toc.yml
