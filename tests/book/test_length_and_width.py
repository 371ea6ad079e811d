"""The pages of the chapters: short enough, narrow enough, and marked."""

import re
import subprocess
import sys

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from tools.notebooks import ROOT
from tools.reading_time import HIDDEN_INPUT, measure, pages

MINUTES = 15
COLUMNS = 66
PAGES = {name.removeprefix("book/"): path for name, path in pages().items() if re.match(r"book/\d\d-", name)}
DEEPER = {
    "01-covariate-shift/05-importance-weights",
    "01-covariate-shift/06-a-third-measure",
    "02-batchnorm-mechanics/13-regularisation",
    "02-batchnorm-mechanics/14-zero-gamma",
    "02-batchnorm-mechanics/15-twelve-races",
    "02-batchnorm-mechanics/16-weight-decay",
    "03-inference-statistics/11-which-n",
    "03-inference-statistics/12-rounding-of-a-fold",
    "03-inference-statistics/13-how-far-adaptation-goes",
    "03-inference-statistics/14-workers-exactly",
    "04-layernorm-for-transformers/10-geometry",
    "04-layernorm-for-transformers/11-the-hull",
    "04-layernorm-for-transformers/12-folding-layernorm",
    "04-layernorm-for-transformers/13-around-language-models",
    "04-layernorm-for-transformers/14-padding-and-length",
    "04-layernorm-for-transformers/15-the-arena-rate-by-rate",
    "04-layernorm-for-transformers/16-norms-alone",
    "04-layernorm-for-transformers/17-the-price-of-pre-norm",
}
PATH = [name for name in PAGES if name not in DEEPER]
MARK = re.compile(r"^(?:\([\w-]+\)=\n)*# .+\n+```\{deeper\}\n```$", re.MULTILINE)
FENCE = re.compile(r"^(?P<fence>([`:])\2{2,})(?P<kind>.*)\n(?P<body>(?:.*\n)*?)(?P=fence)$", re.MULTILINE)


@pytest.mark.parametrize("name", PATH)
def test_a_page_of_the_path_is_read_in_a_quarter_of_an_hour(name):
    amount = measure(PAGES[name])
    assert amount.minutes <= MINUTES, f"{amount.minutes} minutes: {amount}"


def test_these_pages_and_no_others_are_marked_as_deeper():
    first = {name: nbformat.read(path, as_version=4).cells[0].source for name, path in PAGES.items()}
    assert {name for name, source in first.items() if MARK.search(source)} == DEEPER
    assert {name for name, source in first.items() if "{deeper}" in source} == DEEPER


def fenced(text):
    """Yield the code in Markdown, of directives too."""
    for found in FENCE.finditer(text):
        if found["kind"].startswith("{") and not found["kind"].startswith("{code"):
            yield from fenced(found["body"])
        else:
            yield found["body"]


def wide(notebook):
    """Return the lines of code that a page shows and that its column cuts."""
    code = [
        cell.source
        for cell in notebook.cells
        if cell.cell_type == "code" and not HIDDEN_INPUT.intersection(cell.metadata.get("tags", []))
    ]
    code += [
        fence for cell in notebook.cells if cell.cell_type == "markdown" for fence in fenced(cell.source)
    ]
    return [line for source in code for line in source.splitlines() if len(line) > COLUMNS]


@pytest.mark.parametrize("name", PAGES)
def test_every_line_of_visible_code_fits_the_column(name):
    assert not wide(nbformat.read(PAGES[name], as_version=4)), "break it: the page cuts it"


def test_a_wide_line_is_seen_where_it_shows():
    line = "x" * 67
    cells = [
        new_code_cell(f"{line[1:]}\n{line}"),
        new_code_cell(line, metadata={"tags": ["hide-input"]}),
        new_code_cell(line, metadata={"tags": ["nbval-ignore-output"]}),
        new_markdown_cell(f"{line}\n\n```python\n{line}\n```\n"),
        new_markdown_cell(f"````{{dropdown}} More\n{line}\n```{{code-block}} python\n{line}\n```\n````\n"),
        new_markdown_cell(f":::{{note}}\nText.\n:::\n\n{line}\n\n```{{note}}\nText.\n```\n\n{line}\n"),
        new_markdown_cell(f"```{{note}}\nText.\n```\n\n{line}\n\n```python\n1\n```\n"),
    ]
    assert wide(new_notebook(cells=cells)) == [line] * 4


@pytest.mark.parametrize(
    ("folder", "lines"),
    [("01-covariate-shift", 3), ("04-layernorm-for-transformers", 3), ("exercises", 1)],
)
def test_the_formatter_keeps_the_width_of_each_chapter(folder, lines):
    code = "results = function(the_first_argument, the_second_argument, third_)\n"  # 67 columns
    path = ROOT / "book" / folder / "page.py"
    command = [sys.executable, "-m", "ruff", "format", "--no-cache", "--stdin-filename", path, "-"]
    done = subprocess.run(command, input=code, capture_output=True, text=True, check=True)
    assert len(done.stdout.splitlines()) == lines


def test_the_linter_lets_a_folded_line_be_a_little_wider():
    command = [
        sys.executable,
        "-m",
        "ruff",
        "check",
        "--no-cache",
        "--select",
        "E501",
        "--output-format",
        "concise",
    ]
    path = ROOT / "book" / "01-covariate-shift" / "page.py"
    code = f"# {'x ' * 38}x\n# {'x ' * 39}x\n"  # 79 and 81 columns
    done = subprocess.run(
        [*command, "--stdin-filename", path, "-"], input=code, capture_output=True, text=True
    )
    assert [line.split(":")[1] for line in done.stdout.splitlines() if "E501" in line] == ["2"]
