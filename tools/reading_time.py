"""How long a page takes to read: `python -m tools.reading_time [paths]` prints a table.

What a reader sees counts, and nothing that is folded or left out of the page. The time to think about a
prediction, to solve an exercise or to play with an explorer comes on top.

Where the rates come from:

- Prose, 200 words a minute. Adults read English non-fiction silently at 238 on average, most of them at 175
  to 300 (Brysbaert, How many words do we read per minute?, Journal of Memory and Language 109, 2019). Each
  sentence is to be understood here, and many readers have another first language: hence 200.
- Code, 7 seconds a line: a choice. At the pace of prose the six or seven words and signs of a line take
  2 seconds; a review that finds half of the faults takes 18, at 200 lines an hour (Kemerer and Paulk, The
  impact of design and code reviews on software quality, IEEE Transactions on Software Engineering 35, 2009).
- A figure, explorers too, and a display formula, 30 seconds: choices. Blogs grant a picture 12 seconds, but
  there no axis has to be read. In a formula eyes take in two or three signs at a time, for a third of a
  second, and go back as often as forth (A few seconds of equation reading: a process model of equation
  reading and its applications), which makes some 10 seconds before anything is understood.
- Printed output, 300 words and numbers a minute: a choice. It is looked through more than read.

The choices were made together, so that the first edition of the chapters on covariate shift and on BatchNorm,
which took an attentive reader 25 to 35 minutes a page, measures 25.5 on average.
"""

import re
import sys
from collections.abc import Iterable
from dataclasses import astuple, dataclass
from functools import cache
from pathlib import Path
from typing import Self

import nbformat
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from myst_parser.config.main import MdParserConfig
from myst_parser.parsers.mdit import create_md_parser
from nbformat import NotebookNode

from tools.imports import ROOT

WORDS = 200.0  # a minute
OUTPUT_WORDS = 300.0  # a minute
CODE_LINE = 7.0  # seconds
FIGURE = 30.0  # seconds
FORMULA = 30.0  # seconds

HIDDEN = {"remove-cell", "hide-cell"}
HIDDEN_INPUT = HIDDEN | {"remove-input", "hide-input"}
HIDDEN_OUTPUT = HIDDEN | {"remove-output", "hide-output"}
FOLDED = {"dropdown", "toggle"}  # directives, and classes of others
SHOWS_NOTHING = {"deeper", "index", "toctree", "raw"}
DRAWS = {"figure", "image"}
CODE = {"code", "code-block", "code-cell", "literalinclude"}
# The names that Sphinx gives to the pages of chapters: others are looked up, or solved.
CHAPTER = re.compile(r"book/\d\d-[^/]+/\d\d-[^/]+")
OPTION = re.compile(r":(?P<name>[\w-]+):(?P<value>.*)")


@dataclass(frozen=True)
class Amount:
    """What there is to read.

    Attributes:
        words: Of prose: headings, captions and tables too.
        code: Lines that are not blank.
        figures: Explorers too.
        formulas: Those that stand on lines of their own.
        output: Words and numbers of what cells print.
    """

    words: int = 0
    code: int = 0
    figures: int = 0
    formulas: int = 0
    output: int = 0

    def __add__(self, other: Self) -> Self:
        return type(self)(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))

    @property
    def seconds(self) -> float:
        """How long it takes to read this."""
        prose = 60 * (self.words / WORDS + self.output / OUTPUT_WORDS)
        return prose + CODE_LINE * self.code + FIGURE * self.figures + FORMULA * self.formulas

    @property
    def minutes(self) -> int:
        """The same in whole minutes, at least one."""
        return max(1, round(self.seconds / 60))


def measure(path: Path) -> Amount:
    """Return what there is to read on a page, a notebook as it is stored or Markdown."""
    if path.suffix == ".ipynb":
        return of_notebook(nbformat.read(path, as_version=4))
    return of_markdown(path.read_text(encoding="utf-8"))


def of_notebook(notebook: NotebookNode) -> Amount:
    """Return what there is to read in a notebook."""
    return sum((_of_cell(cell) for cell in notebook.cells), Amount())


def _of_cell(cell: NotebookNode) -> Amount:
    tags = set(cell.metadata.get("tags", []))
    if cell.cell_type != "code":
        return Amount() if tags & HIDDEN_INPUT or cell.cell_type == "raw" else of_markdown(cell.source)
    code = Amount() if tags & HIDDEN_INPUT else Amount(code=_lines(cell.source))
    return code if tags & HIDDEN_OUTPUT else code + _of_outputs(cell)


def _of_outputs(cell: NotebookNode) -> Amount:
    caption = cell.metadata.get("mystnb", {}).get("figure", {}).get("caption")
    drawn = [output for output in cell.outputs if _is_drawn(output)]
    others = [output for output in cell.outputs if output not in drawn]
    figures = Amount(figures=len(drawn))
    if caption is not None:
        # A stored notebook has no images; what stands for one says what it is, and no page shows that.
        others = [output for output in others if output.output_type == "stream"]
        figures = Amount(figures=max(len(drawn), 1)) + of_markdown(caption)
    printed = " ".join(map(_printed, others))
    return figures + Amount(output=len(printed.split()))


def _is_drawn(output: NotebookNode) -> bool:
    """Return whether an output is a picture, of which a stored notebook may keep the text alone."""
    data = output.get("data", {})
    stands_for_one = data.get("text/plain", "").startswith("<Figure ") or "<svg" in data.get("text/html", "")
    return stands_for_one or any(kind.startswith("image/") for kind in data)


def _printed(output: NotebookNode) -> str:
    data = output.get("data", {})
    if html := data.get("text/html"):
        return re.sub(r"<[^>]*>", " ", html)
    return str(output.get("text") or data.get("text/plain", ""))


def of_markdown(text: str) -> Amount:
    """Return what there is to read in a page's Markdown, without what is folded."""
    return sum(map(_of_token, _parser().parse(text)), Amount())


@cache
def _parser() -> MarkdownIt:
    syntax = {"amsmath", "colon_fence", "deflist", "dollarmath", "tasklist"}
    return create_md_parser(MdParserConfig(enable_extensions=syntax), RendererHTML)


def _of_token(token: Token) -> Amount:
    if token.type in ("math_block", "math_block_label", "amsmath"):
        return Amount(formulas=1)
    if token.type in ("fence", "colon_fence", "code_block"):
        directive = re.match(r"\{(?P<name>[\w:-]+)\}\s*(?P<title>.*)", token.info)
        return _of_directive(**directive.groupdict(), body=token.content) if directive else _code(token)
    if token.type == "html_block":
        return Amount(words=len(re.sub(r"<[^>]*>", " ", token.content).split()))
    # Pieces of a word, as in `eps`-like, are joined again.
    pieces = "".join(_shown(child) for child in token.children or [])
    figures = sum(child.type == "image" for child in token.children or [])
    return Amount(words=len(pieces.split()), figures=figures)


def _shown(token: Token) -> str:
    """Return what a piece of a line shows, a formula or a number from a cell as one word."""
    if token.type in ("softbreak", "hardbreak"):
        return " "
    if token.type.startswith("math_inline") or token.meta.get("name", "").startswith("glue"):
        return "x"
    if token.type == "myst_role":
        return re.sub(r"\s*<[^>]*>$", "", token.content)
    return token.content if token.type in ("text", "code_inline", "text_special") else ""


def _of_directive(name: str, title: str, body: str) -> Amount:
    lines = body.splitlines()
    options = {}
    while lines and (option := OPTION.match(lines[0])):
        options[option["name"]] = option["value"].split()
        lines.pop(0)
    if name in SHOWS_NOTHING:
        return Amount()
    if name == "math":
        return Amount(formulas=1)
    if name in CODE:
        return Amount(code=_lines("\n".join(lines)))
    if FOLDED.intersection([name, *options.get("class", [])]):
        return of_markdown(title)
    drawn = Amount(figures=1) if name in DRAWS else of_markdown(title)
    return drawn + of_markdown("\n".join(lines))


def _code(token: Token) -> Amount:
    return Amount(code=_lines(token.content))


def _lines(code: str) -> int:
    return sum(bool(line.strip()) for line in code.splitlines())


def pages() -> dict[str, Path]:
    """Return the pages of the chapters, by the names that Sphinx gives them and in their order."""
    paths = sorted(ROOT.glob("book/*/*.ipynb"))
    names = {path.relative_to(ROOT).with_suffix("").as_posix(): path for path in paths}
    return {name: path for name, path in names.items() if CHAPTER.fullmatch(name)}


def table(paths: Iterable[Path]) -> str:
    """Return a line for each page: what there is to read, and the minutes."""
    head = f"{'minutes':>7}  {'words':>5}  {'code':>4}  {'figures':>7}  {'formulas':>8}  {'output':>6}"
    return "\n".join([head, *map(_row, paths)])


def _row(path: Path) -> str:
    found = measure(path)
    name = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
    counts = f"{found.words:5}  {found.code:4}  {found.figures:7}  {found.formulas:8}  {found.output:6}"
    return f"{found.minutes:7}  {counts}  {name}"


def summary() -> str:
    """Return a line for each chapter, with the minutes of its pages in their order."""
    chapters: dict[str, list[int]] = {}
    for path in pages().values():
        chapters.setdefault(path.parent.name, []).append(measure(path).minutes)
    return "\n".join(
        f"Minutes to read the pages of {name}: {' '.join(map(str, minutes))}"
        for name, minutes in chapters.items()
    )


if __name__ == "__main__":
    named = [Path(argument).resolve() for argument in sys.argv[1:]]
    print(table(named or pages().values()))
