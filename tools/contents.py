"""What the contents say of a page: how long it takes to read, and whether it is deeper, that is optional.

A Sphinx extension. The directive ``deeper`` below a page's title marks the page; ``chapter-pages`` lists the
pages of a chapter on its index; the roles ``minutes`` and ``hours`` give the reading time of a page, or
of the path through a chapter, or of several of these together.
"""

import zlib
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import docname_join, logging
from sphinx.util.docutils import SphinxDirective, SphinxRole

from tools import reading_time

SENTENCE = "Deeper: optional. No page of the path needs this one."
FACTS = "page-facts"  # the class of the line below a title, and of what a list says of a page
MARK = "deeper-mark"  # the class of the word by which contents mark a page

logger = logging.getLogger(__name__)

_before: dict[str, Any] = {}  # what the contents said of the pages before this build read any


class Deeper(SphinxDirective):
    """Mark the page as one that no page of the path needs."""

    def run(self) -> list[nodes.Node]:
        """Return the line that says so."""
        self.env.metadata[self.env.docname]["deeper"] = True
        return [nodes.paragraph(SENTENCE, SENTENCE, classes=[FACTS])]


class PageList(nodes.General, nodes.Element):
    """The place of a chapter's pages, of which the titles are known when all are read."""


class ChapterPages(SphinxDirective):
    """List the pages below this one in the contents: title, time, and what they say of themselves."""

    def run(self) -> list[nodes.Node]:
        """Return the place of the list."""
        self.env.metadata[self.env.docname]["tells_of_others"] = True
        return [PageList()]


class Time(nodes.General, nodes.Inline, nodes.Element):
    """The place of the reading time of a page that may not be read yet."""


class ReadingTime(SphinxRole):
    """Give the reading time of pages, joined by commas; of a chapter's index, that of its path."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Return the place of the time."""
        self.env.metadata[self.env.docname]["tells_of_others"] = True
        pages = [docname_join(self.env.docname, page.strip()) for page in self.text.split(",")]
        return [Time(pages=pages, hours=self.name == "hours", line=self.lineno)], []


def state(app: Sphinx, doctree: nodes.document) -> None:
    """Put a page's reading time below its title, and keep what lists say of the page."""
    name = app.env.docname
    facts = app.env.metadata[name]
    for meta in doctree.findall(nodes.meta):
        if meta.get("name") == "description":
            facts["description"] = meta["content"]
    title = doctree.next_node(nodes.title)
    line = title and title.next_node(siblings=True, descend=False)
    if facts.get("deeper") and not (line and line.astext() == SENTENCE):
        logger.warning("the directive deeper must stand right below the title of the page", location=name)
    elif title and reading_time.CHAPTER.fullmatch(name):
        facts["minutes"] = reading_time.measure(Path(app.env.doc2path(name))).minutes
        if facts.get("deeper"):
            line.insert(0, nodes.Text(f"{told(facts['minutes'])} · "))
        else:
            below = title.parent.index(title) + 1
            title.parent.insert(below, nodes.paragraph("", told(facts["minutes"]), classes=[FACTS]))


def told(minutes: int) -> str:
    """Return minutes in words.

    >>> told(1), told(9)
    ('1 minute', '9 minutes')
    """
    return f"{minutes} minute{'s' * (minutes != 1)}"


def told_in_hours(minutes: int) -> str:
    """Return minutes in the nearest number of hours, at least one.

    >>> told_in_hours(51), told_in_hours(188)
    ('an hour', '3 hours')
    """
    hours = max(1, round(minutes / 60))
    return "an hour" if hours == 1 else f"{hours} hours"


def fill(app: Sphinx, doctree: nodes.document, name: str) -> None:
    """Put lists and times into their places."""
    for place in list(doctree.findall(PageList)):
        entries = [_entry(app, name, page) for page in app.env.toctree_includes.get(name, [])]
        place.replace_self(nodes.bullet_list("", *entries, classes=["chapter-pages"]))
    for place in list(doctree.findall(Time)):
        minutes = {page: _minutes(app.env, page) for page in place["pages"]}
        if unknown := [page for page, time in minutes.items() if not time]:
            logger.warning(
                "no reading time is known of %s", ", ".join(unknown), location=(name, place["line"])
            )
        say = told_in_hours if place["hours"] else told
        place.replace_self(nodes.Text(say(sum(minutes.values()))))


def _entry(app: Sphinx, name: str, page: str) -> nodes.list_item:
    facts = app.env.metadata[page]
    title = app.env.titles[page].deepcopy().children
    address = app.builder.get_relative_uri(name, page)
    head = nodes.paragraph("", "", nodes.reference("", "", *title, internal=True, refuri=address))
    if "minutes" in facts:
        head += [nodes.Text(" "), nodes.inline("", told(facts["minutes"]), classes=[FACTS])]
    if facts.get("deeper"):
        head += [nodes.Text(" "), nodes.inline("", "deeper", classes=[MARK])]
    entry = nodes.list_item("", head)
    if "description" in facts:
        entry += nodes.paragraph("", facts["description"])
    return entry


def _minutes(env: BuildEnvironment, page: str) -> int:
    """Return the minutes of a page; of a chapter's index, of the path through it."""
    if "minutes" in env.metadata[page]:
        return int(env.metadata[page]["minutes"])
    path = [env.metadata[one] for one in env.toctree_includes.get(page, [])]
    return sum(facts.get("minutes", 0) for facts in path if not facts.get("deeper"))


def mark_entries(app: Sphinx, name: str, template: str, context: dict[str, Any], doctree: object) -> None:
    """Wrap the maker of the sidebar's contents: the entry of each deeper page says so."""
    if "generate_toctree_html" not in context:
        return
    toctree = context["generate_toctree_html"]
    deeper = {page for page, facts in app.env.metadata.items() if facts.get("deeper")}
    addresses = {"#" if page == name else app.builder.get_relative_uri(name, page) for page in deeper}

    def marked(**kwargs: Any) -> Any:
        soup = toctree(**kwargs)
        for link in soup.select("li > a"):
            if link["href"] in addresses and not link.select(f".{MARK}"):
                mark = soup.new_tag("span", attrs={"class": MARK})
                mark.string = "deeper"
                link.extend([" ", mark])
        return soup

    context["generate_toctree_html"] = marked


def _remember(
    app: Sphinx, env: BuildEnvironment, added: set[str], changed: set[str], removed: set[str]
) -> list[str]:
    _before.update(sidebar=_sidebar(env), lists=_lists(env))
    return []


def _write_again(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """Name the pages that say of others what is no longer so: Sphinx would not write them again."""
    if _sidebar(env) != _before["sidebar"]:
        return list(env.all_docs)
    if _lists(env) != _before["lists"]:
        return [name for name in env.all_docs if env.metadata[name].get("tells_of_others")]
    return []


def _sidebar(env: BuildEnvironment) -> tuple[dict[str, tuple[str, bool]], dict[str, list[str]]]:
    """Return what every page shows of the others: their titles and marks, and their order."""
    pages = {name: (env.titles[name].astext(), "deeper" in env.metadata[name]) for name in env.titles}
    return pages, {name: list(below) for name, below in env.toctree_includes.items()}


def _lists(env: BuildEnvironment) -> dict[str, tuple[Any, Any]]:
    """Return what only lists and times show."""
    pages = {name: env.metadata[name] for name in env.titles}
    return {name: (facts.get("minutes"), facts.get("description")) for name, facts in pages.items()}


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension."""
    app.add_directive("deeper", Deeper)
    app.add_directive("chapter-pages", ChapterPages)
    app.add_role("minutes", ReadingTime())
    app.add_role("hours", ReadingTime())
    app.connect("env-get-outdated", _remember)
    app.connect("doctree-read", state)
    app.connect("env-updated", _write_again)
    app.connect("doctree-resolved", fill)
    app.connect("html-page-context", mark_entries, priority=800)  # the theme's own come first
    # With another measure, or another line below the title, every page is read again.
    code = (Path(file).read_bytes() for file in (__file__, reading_time.__file__))
    version = zlib.crc32(b"".join(code))
    return {"version": "1", "env_version": version, "parallel_read_safe": True, "parallel_write_safe": True}
