"""What the theme leaves undone: names for all that can be operated, valid lists, and pages that load quickly.

Each mend is the smallest that the checks of `tests/browser` ask for.
"""

import re
import struct
from pathlib import Path
from typing import Any

from fontTools import subset
from fontTools.ttLib import TTFont
from sphinx.application import Sphinx

DESCRIPTIONS = {
    "genindex": "Every function, class, module and glossary term of the course on normalization, by name.",
    "py-modindex": "The modules of normcourse, the package that the course on normalization is run with.",
    "search": "Search the course on normalization: its pages, its glossary and the reference of its package.",
}
FONTS = (
    ("Font Awesome 6 Free", 900, "fa-solid-900"),
    ("Font Awesome 6 Free", 400, "fa-regular-400"),
    ("Font Awesome 6 Brands", 400, "fa-brands-400"),
)
ICON = r'(?P<names>\.fa-[\w-]+:before(?:,\.fa-[\w-]+:before)*)\{content:"\\(?P<code>\w+)"\}'


def mend_page(app: Sphinx, name: str, template: str, context: dict[str, Any], doctree: object) -> None:
    """Mend what a template is about to show."""
    if name in DESCRIPTIONS:
        description = f'<meta content="{DESCRIPTIONS[name]}" name="description" />'
        context["metatags"] = context.get("metatags", "") + description
    if "generate_toctree_html" in context:
        context["generate_toctree_html"] = _with_named_folds(context["generate_toctree_html"])
    if "body" in context:
        body = _without_lists_in_signatures(context["body"])
        # A list holds list items; the role that docutils gives them is deprecated.
        body = body.replace('role="doc-biblioentry"', 'role="listitem"')
        # A wide table scrolls on a phone, and must do so by keyboard, too.
        scrolling = 'class="pst-scrollable-table-container"'
        body = body.replace(scrolling, f'{scrolling} tabindex="0"')
        # A fold says itself what it holds; a name of its own would be another one.
        body = body.replace('<summary aria-label="Toggle hidden content">', "<summary>")
        context["body"] = _with_sized_pictures(body, Path(app.outdir) / "_images")
    for script in context.get("script_files", []):
        _let_wait(script.filename, script.attributes)


def _with_named_folds(toctree: Any) -> Any:
    """Wrap the maker of the sidebar's contents: each arrow that unfolds a chapter says which."""

    def named(**kwargs: Any) -> Any:
        soup = toctree(**kwargs)
        for fold in soup.select("li > details > summary"):
            fold["aria-label"] = f"Pages of {fold.find_parent('li').a.get_text(strip=True)}"
        return soup

    return named


def _without_lists_in_signatures(body: str) -> str:
    """Turn the parameters of a signature over several lines from a list without terms into blocks."""
    lines = r"<dl>\s*((?:<dd>(?:(?!</?d[ldt]\b).)*</dd>\s*)+)</dl>"
    return re.sub(
        lines,
        lambda match: (
            '<span class="sig-lines">'
            + match[1].replace("<dd>", '<span class="sig-line">').replace("</dd>", "</span>")
            + "</span>"
        ),
        body,
        flags=re.DOTALL,
    )


def _with_sized_pictures(body: str, folder: Path) -> str:
    """Give each figure of a notebook its size, so that nothing moves, and load it when it is near."""

    def sized(match: re.Match[str]) -> str:
        path = folder / match["name"]
        if " width=" in match[0] or not path.exists():
            return match[0]
        width, height = struct.unpack(">II", path.read_bytes()[16:24])
        return f'{match["tag"]} width="{width}" height="{height}" loading="lazy"{match["end"]}'

    picture = r'(?P<tag><img [^>]*src="[^"]*_images/(?P<name>[^"/]+\.png)"[^>]*?)(?P<end>\s*/?>)'
    return re.sub(picture, sized, body)


def _let_wait(filename: str | None, attributes: dict[str, str]) -> None:
    """Let a script wait until the page shows, in the order of the scripts."""
    if filename:
        attributes.setdefault("defer", "defer")
    elif attributes.get("body", "").startswith("DOCUMENTATION_OPTIONS."):
        attributes["type"] = "module"  # in its place among the deferred: it changes what one of them defines


def make_icons(app: Sphinx, error: Exception | None) -> None:
    """Keep of the theme's 2000 icons those that the pages use, in its style sheet and in fonts of their own.

    The theme's fonts stay, for an icon that a script adds.
    """
    static = Path(app.outdir) / "_static"
    source = static / "vendor" / "fontawesome" / "webfonts"
    if error or not source.exists():
        return
    path = static / "styles" / "pydata-sphinx-theme.css"
    sheet = path.read_text(encoding="utf-8")
    scripts = [*static.glob("*.js"), *(static / "scripts").glob("*theme.js")]
    text = "\n".join(p.read_text(encoding="utf-8") for p in [*Path(app.outdir).rglob("*.html"), *scripts])
    asked = {name for value in re.findall(r"\bfa[brs]?[ -][\w -]*", text) for name in value.split()}

    points = {int(value, 16) for value in re.findall(r'--pst-icon-[\w-]+:"\\(\w+)"', sheet)}
    points |= {ord(value) for value in re.findall(r'--pst-icon-[\w-]+:"(.)"', sheet)}

    def used(match: re.Match[str]) -> str:
        if asked.isdisjoint(re.findall(r"\.([\w-]+):before", match["names"])):
            return ""
        points.add(int(match["code"], 16))
        return match[0]

    path.write_text(re.sub(ICON, used, sheet), encoding="utf-8")
    rules = []
    for family, weight, name in FONTS:
        if _subset(source / f"{name}.ttf", points, static / f"{name}.woff"):
            rules.append(
                f'@font-face{{font-family:"{family}";font-weight:{weight};font-display:block;'
                f'src:url({name}.woff)format("woff")}}\n'
            )
    (static / "icons.css").write_text("".join(rules), encoding="utf-8")


def _subset(source: Path, points: set[int], target: Path) -> bool:
    """Write what a font has of these characters, if anything."""
    with TTFont(source, recalcTimestamp=False) as font:
        if not points & font.getBestCmap().keys():
            return False
        subsetter = subset.Subsetter(subset.Options(layout_features=[], hinting=False))
        subsetter.populate(unicodes=points)
        subsetter.subset(font)
        font.flavor = "woff"
        font.save(target)
    return True


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension, after the theme."""
    app.add_css_file("icons.css")
    app.connect("html-page-context", mend_page, priority=900)
    app.connect("build-finished", make_icons)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
