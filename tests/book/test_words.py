"""What the pages say in words that a reader cannot follow: where is "the page before", what is "-0.0"?"""

import re

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output

from tools.notebooks import ROOT, find
from tools.printed import negative_zeros, scalars

NOTEBOOKS = {path.relative_to(ROOT / "book").as_posix(): path for path in find()}
TOLD = {name: path for name, path in NOTEBOOKS.items() if re.match(r"\d\d-", name)}
INDEXES = {
    f"{folder}/index.md": ROOT / "book" / folder / "index.md"
    for folder in sorted({path.split("/")[0] for path in TOLD})
}
# A link says where.
SOMEWHERE = re.compile(
    r"\b(?:the (?:next|previous|last) (?:page|chapter)|(?:the )?(?:page|chapter) (?:before|after)\b"
    r"|(?:later|earlier) (?:page|chapter)s?|(?:page|chapter)s? (?:to come|so far))",
    re.IGNORECASE,
)


def cells(path):
    """Return the cells of a page; of Markdown, one."""
    if path.suffix == ".ipynb":
        return nbformat.read(path, as_version=4).cells
    return [new_markdown_cell(path.read_text(encoding="utf-8"))]


def vague(found):
    """Return the words of a page's prose and captions that say of a page only that it is elsewhere."""
    prose = [cell.source for cell in found if cell.cell_type == "markdown"]
    prose += [cell.metadata.get("mystnb", {}).get("figure", {}).get("caption", "") for cell in found]
    return [match[0] for text in prose for match in SOMEWHERE.finditer(" ".join(text.split()))]


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_no_number_is_written_for_programmers(name):
    assert not [text for cell in cells(NOTEBOOKS[name]) for text in scalars(cell)]


@pytest.mark.parametrize("name", TOLD)
def test_no_zero_has_a_sign(name):
    assert not [text for cell in cells(TOLD[name]) for text in negative_zeros(cell)], (
        "format with z, as in +z.1f"
    )


@pytest.mark.parametrize("name", [*TOLD, *INDEXES])
def test_other_pages_are_named(name):
    assert not vague(cells({**TOLD, **INDEXES}[name])), "link the page with {doc}, and say what it holds"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("As the page before\nshows, the next page", ["the page before", "the next page"]),
        (
            "Earlier pages; a later\nchapter, the chapter after this",
            ["Earlier pages", "later chapter", "the chapter after"],
        ),
        ("{doc}`the previous chapter <x>`", ["the previous chapter"]),
        (
            "a page beforehand; pages later; the next step, an earlier layer, the next pages of text",
            ["the next page"],
        ),
        ("{doc}`04-scale-of-weights` says why; this page and the chapter", []),
    ],
)
def test_vague_words_are_seen(text, words):
    assert vague([new_markdown_cell(text)]) == words
    caption = {"mystnb": {"figure": {"caption": text}}}
    assert vague([new_code_cell("", metadata=caption)]) == words


def glued(text):
    """Return a cell that glued a text."""
    return new_code_cell(
        "", outputs=[new_output("display_data", data={"application/papermill.record/text/plain": text})]
    )


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("np.int64(4)", ["np.int64(4)"]),
        ("[np.float64(0.5), np.True_, np.bool(True)]", ["np.float64(0.5)", "np.True_", "np.bool(True)"]),
        ("array([1., 2.])", []),
        ("'4'", []),
    ],
)
def test_a_scalar_is_seen(text, found):
    assert scalars(glued(text)) == found


@pytest.mark.parametrize(
    "text", ["'-0'", "'\N{MINUS SIGN}0.0'", "-0.00 [-0.13, 0.12]", "0 to -0%", "[-0. 1.]", "-0.0e+00"]
)
def test_a_negative_zero_is_seen(text):
    cell = new_code_cell("", outputs=[new_output("stream", text=f"first\n{text}\n")])
    assert negative_zeros(cell) == [text]
    assert negative_zeros(glued(text)) == [text]


@pytest.mark.parametrize(
    "text", ["-0.05", "10-0", "1e-05", "x -0.001", "-0.0e-05", "layer-0", "0.0", "-01", "\N{MINUS SIGN}0.4"]
)
def test_other_numbers_are_no_negative_zeros(text):
    assert negative_zeros(glued(text)) == []
