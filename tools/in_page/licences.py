"""The page of what others wrote: the directive ``served`` gives its tables, and the texts are served beside.

````
```{served} editor
```
````
"""

import re
import shutil
from collections.abc import Iterable, Sequence
from html import escape
from itertools import chain
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.docutils import SphinxDirective

from tools.in_page.distribution import INDEX, PREFIX
from tools.in_page.served import gather
from tools.in_page.works import Work

PAGE = "book/served"
FOLDER = "_static/licences"


def python_folder(static: Path) -> Path | None:
    """Return the course's folder of the page's Python in a site's folder of static files, if it has one."""
    return next((index.parent for index in static.glob(f"in-page/{PREFIX}*/{INDEX}")), None)


def table(works: Sequence[Work], texts: str) -> str:
    """Return Markdown: a row for each work.

    Args:
        works: In the order of the rows.
        texts: The address of the folder of the licences' texts.
    """
    rows = [
        f"| {_plain(work.name)} | {work.version} | {_link(work.licence, f'{texts}/{work.file}', work.name)} "
        f"| {_plain(work.holder)} | {_link('source', work.source, work.name)} |"
        for work in works
    ]
    return "\n".join(
        ["| what | version | licence | copyright | from |", "| --- | --- | --- | --- | --- |", *rows]
    )


def _link(text: str, address: str, of: str) -> str:
    # As HTML: MyST would look for a source file at an address within the site. Each link says what it is of.
    return f'<a href="{escape(address)}" aria-label="{escape(text)} of {escape(of)}">{escape(text)}</a>'


def _plain(text: str) -> str:
    """Escape what Markdown would read as markup or as an address."""
    return re.sub(r"([\\`*_{}\[\]<>$&|~#@.])", r"\\\1", text)


def write_texts(works: Iterable[Work], folder: Path) -> None:
    """Write the text of each licence, and remove those of works that are no longer served."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for work in works:
        (folder / work.file).write_text(work.text, encoding="utf-8")


class Served(SphinxDirective):
    """Show what others wrote of one part of the site: ``python``, ``editor`` or ``site``."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the table, or a sentence where the site has no such part."""
        works = _gathered(self.env.app)[self.arguments[0]]
        texts = "../" * self.env.docname.count("/") + FOLDER
        markdown = table(works, texts) if works else "This build of the site serves none of it."
        parent = nodes.Element()
        self.state.nested_parse(StringList(markdown.splitlines(), self.env.docname), 0, parent)
        return parent.children


def _gathered(app: Sphinx) -> dict[str, list[Work]]:
    return gather(python_folder(Path(app.outdir) / "_static"))


def _serve_texts(app: Sphinx) -> None:
    if app.builder.format == "html":
        write_texts(chain(*_gathered(app).values()), Path(app.outdir) / FOLDER)


def _follow_works(
    app: Sphinx, env: BuildEnvironment, added: set[str], changed: set[str], removed: set[str]
) -> list[str]:
    """Name the page to be read again when other works are served than when it was read."""
    works = _gathered(app)
    before, env.normcourse_served = getattr(env, "normcourse_served", None), works  # type: ignore[attr-defined]
    return [PAGE] if PAGE in env.found_docs and works != before else []


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension."""
    app.add_directive("served", Served)
    app.connect("builder-inited", _serve_texts, priority=900)  # when the page's Python is there
    app.connect("env-get-outdated", _follow_works)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
