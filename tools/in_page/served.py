"""What others wrote and the site serves, by part of the site.

Versions, holders and texts come from what is installed and served, so that none of them can fall behind.
"""

import json
import re
from importlib import metadata
from pathlib import Path

from tools.in_page.works import ROOT, TEXTS, Work, carried, in_wheel, installed, npm_work, with_needs

# Of web/ and not sent to a browser; Pyodide is listed with what it runs.
TOOLS = frozenset({"@biomejs/biome", "esbuild", "pyodide", "typescript", "vitest"})
# The theme's scripts and style sheets, the extensions' and those of code cells.
SITE = [
    "accessible-pygments",
    "myst-nb",
    "pydata-sphinx-theme",
    "pygments",
    "sphinx",
    "sphinx-book-theme",
    "sphinx-copybutton",
    "sphinx-design",
    "sphinx-togglebutton",
    "sphinxcontrib-katex",
]


def gather(python: Path | None) -> dict[str, list[Work]]:
    """Return all works by part of the site.

    Args:
        python: The course's folder of the page's Python, if the site has one.
    """
    groups = {"python": _of_python(python) if python else [], "editor": _of_editor(), "site": _of_site()}
    return {group: sorted(works, key=lambda work: work.name.lower()) for group, works in groups.items()}


def _of_python(folder: Path) -> list[Work]:
    index = json.loads((folder / "files.json").read_text(encoding="utf-8"))
    built = index["pyodide"]
    core = Work(
        "Pyodide",
        built,
        "MPL-2.0",
        "2018-2022, Pyodide contributors and Mozilla",
        f"https://github.com/pyodide/pyodide/tree/{built}",
        (TEXTS / "pyodide.txt").read_text(encoding="utf-8"),
    )
    library = Work(
        "CPython and its standard library",
        index["python"],
        "PSF-2.0",
        "2001-2024, Python Software Foundation",
        f"https://github.com/python/cpython/tree/v{index['python']}",
        (ROOT / "normcourse" / "data" / "python.LICENSE.txt").read_text(encoding="utf-8"),
    )
    parts = Work(
        "what both bring along",
        "in Pyodide's core",
        "MIT, Zlib, bzip2-1.0.6, BSD-2-Clause",
        "Emscripten, musl, libffi, StackFrame, zlib, bzip2 and LZ4, by their authors",
        f"https://github.com/pyodide/pyodide/tree/{built}",
        (TEXTS / "pyodide-core.txt").read_text(encoding="utf-8"),
    )
    wheels = sorted((folder / index["core"]).glob("*.whl"))
    digits = Work(
        "Optical Recognition of Handwritten Digits",
        "test set",
        "CC-BY-4.0",
        "E. Alpaydin and C. Kaynak",
        "https://doi.org/10.24432/C50P49",
        (ROOT / "normcourse" / "data" / "scanned_digits.LICENSE.txt").read_text(encoding="utf-8"),
    )
    return [core, library, parts, digits, *map(in_wheel, wheels)]


def _of_editor() -> list[Work]:
    package = json.loads((ROOT / "web" / "package.json").read_text(encoding="utf-8"))
    return [npm_work(name) for name in with_needs(package["devDependencies"].keys() - TOOLS)]


def _of_site() -> list[Work]:
    katex = npm_work("katex")
    fonts = (TEXTS / "katex-fonts.txt").read_text(encoding="utf-8")
    scripts = Path(str(metadata.distribution("pydata-sphinx-theme").locate_file("pydata_sphinx_theme")))
    scripts = scripts / "theme" / "pydata_sphinx_theme" / "static" / "scripts"
    copy = Path(str(metadata.distribution("sphinx-copybutton").locate_file("sphinx_copybutton")))
    clipboard = copy / "_static" / "clipboard.min.js"
    return [
        *map(installed, SITE),
        katex,
        Work(
            "KaTeX's fonts",
            katex.version,
            "OFL-1.1",
            "2009-2010 Design Science, Inc.; 2014-2018 Khan Academy",
            katex.source,
            fonts,
        ),
        carried(
            "Bootstrap", "bootstrap", _stated(scripts / "bootstrap.js.LICENSE.txt"), "MIT", "twbs/bootstrap"
        ),
        carried("Popper", "popper", "in Bootstrap's script", "MIT", "floating-ui/floating-ui"),
        carried(
            "compare-versions",
            "compare-versions",
            "in the theme's script",
            "MIT",
            "omichelsen/compare-versions",
        ),
        carried(
            "Font Awesome Free",
            "font-awesome",
            _stated(scripts / "fontawesome.js.LICENSE.txt"),
            "fonts OFL-1.1, icons CC-BY-4.0, code MIT",
            "FortAwesome/Font-Awesome",
        ),
        carried("clipboard.js", "clipboard", _stated(clipboard), "MIT", "zenorocha/clipboard.js"),
    ]


def _stated(path: Path) -> str:
    """Return the version that the comment at the head of a script states."""
    found = re.search(r"\bv?(\d+\.\d+\.\d+)\b", path.read_text(encoding="utf-8")[:400])
    if not found:
        raise LookupError(f"{path.name} states no version any more: look what it holds now")
    return found[1]
