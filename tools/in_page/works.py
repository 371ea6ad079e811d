"""A work of others: its name, version, licence, holder, source and text, read from its package."""

import json
import re
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from email.message import Message
from email.parser import Parser
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).parents[2]
MODULES = ROOT / "node_modules"
TEXTS = Path(__file__).parent / "texts"  # of works whose packages carry none
# By SPDX's names. Python's packages say it in words of their own.
LICENCES = {
    "accessible-pygments": "BSD-3-Clause",
    "contourpy": "BSD-3-Clause",
    "cycler": "BSD-3-Clause",
    "kiwisolver": "BSD-3-Clause",
    "matplotlib": "Matplotlib's, after PSF-2.0",
    "myst-nb": "BSD-3-Clause",
    "numpy": "BSD-3-Clause",
    "packaging": "Apache-2.0 OR BSD-2-Clause",
    "pillow": "HPND",
    "pydata-sphinx-theme": "BSD-3-Clause",
    "pygments": "BSD-2-Clause",
    "pyparsing": "MIT",
    "python-dateutil": "Apache-2.0 OR BSD-3-Clause",
    "six": "MIT",
    "sphinx": "BSD-2-Clause",
    "sphinx-book-theme": "BSD-3-Clause",
    "sphinx-copybutton": "MIT",
    "sphinx-design": "MIT",
    "sphinx-togglebutton": "MIT",
    "sphinxcontrib-katex": "MIT",
}
# Whose texts name nobody, or not on a line of its own.
HOLDERS = {
    "matplotlib": "2012- Matplotlib Development Team",
    "pyparsing": "2003-2024 Paul T. McGuire",
}
HOLDER = re.compile(r"\bCopyright (?:\([cC]\) |© )?(?P<who>(?:\d{4}|(?<=\) )[A-Z]).*)$", re.MULTILINE)


@dataclass(frozen=True)
class Work:
    """One work that the site serves."""

    name: str
    version: str
    licence: str
    holder: str
    source: str
    text: str

    @property
    def file(self) -> str:
        """The name of the file that holds the text."""
        return re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-") + ".txt"


def in_wheel(path: Path) -> Work:
    """Return the work that is in a wheel."""
    with zipfile.ZipFile(path) as wheel:
        names = sorted(wheel.namelist())
        [about] = [name for name in names if name.endswith(".dist-info/METADATA")]
        texts = {name: wheel.read(name).decode(errors="replace") for name in names if _holds_licence(name)}
        return _python_work(Parser().parsestr(wheel.read(about).decode()), texts)


def installed(name: str) -> Work:
    """Return the work of a package that is installed here."""
    found = metadata.distribution(name)
    files = [file for file in found.files or [] if ".dist-info" in str(file) and _holds_licence(str(file))]
    texts = {str(file): file.read_text(encoding="utf-8") for file in files}
    return _python_work(Parser().parsestr(found.read_text("METADATA") or ""), texts)


def _holds_licence(name: str) -> bool:
    return not name.endswith((".py", "/")) and bool(
        re.search(r"(^|/)(licen[cs]e|copying)", name, re.IGNORECASE)
    )


def _python_work(about: Message, texts: Mapping[str, str]) -> Work:
    name = re.sub(r"[-_.]+", "-", about["Name"]).lower()
    if name not in LICENCES or not texts:
        raise LookupError(
            f"the site serves {name}: say in LICENCES of tools/in_page/works.py under which licence"
        )
    text = _joined(texts)
    return Work(
        about["Name"],
        about["Version"],
        LICENCES[name],
        HOLDERS.get(name) or holder(text),
        _source(about),
        text,
    )


def _source(about: Message) -> str:
    """Return where the source is, by the most telling of a package's own links."""
    pairs = [line.split(", ", 1) for line in about.get_all("Project-URL", [])]
    links = {label.lower(): address for label, address in pairs}
    labels = ("source", "source code", "repository", "code", "github", "homepage", "home")
    named = next((links[label] for label in labels if label in links), None)
    return named or about["Home-page"] or f"https://pypi.org/project/{about['Name']}/{about['Version']}/"


def with_needs(names: Iterable[str]) -> list[str]:
    """Return npm packages and all that they need."""
    found: set[str] = set()
    left = list(names)
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            left += _npm(name).get("dependencies", {})
    return sorted(found)


def _npm(name: str) -> dict[str, str | dict[str, str]]:
    found: dict[str, str | dict[str, str]] = json.loads(
        (MODULES / name / "package.json").read_text(encoding="utf-8")
    )
    return found


def npm_work(name: str) -> Work:
    """Return the work of an npm package."""
    about = _npm(name)
    [text] = [path.read_text(encoding="utf-8") for path in (MODULES / name).glob("LICENSE*")]
    repository = about["repository"]
    address = repository if isinstance(repository, str) else repository["url"]
    address = re.sub(r"^git\+|\.git$", "", address)
    return Work(name, str(about["version"]), str(about["license"]), holder(text), address, text)


def carried(name: str, text: str, version: str, licence: str, repository: str) -> Work:
    """Return a work that another one carries without its licence's text."""
    words = (TEXTS / f"{text}.txt").read_text(encoding="utf-8")
    return Work(name, version, licence, holder(words), f"https://github.com/{repository}", words)


def _joined(texts: Mapping[str, str]) -> str:
    if len(texts) == 1:
        return next(iter(texts.values()))
    return (
        "\n\n".join(f"{'=' * 20} {name} {'=' * 20}\n\n{text.strip()}" for name, text in texts.items()) + "\n"
    )


def holder(text: str) -> str:
    """Return the first holder that a licence names, with the years."""
    found = HOLDER.search(text)
    if not found:
        raise LookupError(f"say in HOLDERS of tools/in_page/works.py whose this is: {text[:200]}")
    return re.sub(
        r"\s*(all rights reserved.*|<.*?>|\(http.*?\))", "", found["who"], flags=re.IGNORECASE
    ).strip(" .,")
