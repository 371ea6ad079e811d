"""How long a page takes to read: what is visible counts, each kind at its pace, and nothing else."""

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tools.reading_time import Amount, measure, of_markdown, of_notebook, pages, summary, table

PROSE = """(name)=
# Two words

Some `code of` the {term}`learning rate <rate>` at {glue:text}`rate`, with $x + y$ in **it**,
{doc}`elsewhere </book/b>` and [there](https://x.y).
"""
FOLDS = """````{dropdown} The answer
Many words.

$$
y = x
$$

```python
y = x
```
````

:::{note} The check
:class: toggle

Many more words.
:::
"""


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        (PROSE, Amount(words=17)),
        (FOLDS, Amount(words=4)),
        (":::{admonition} What to keep\n:class: tip\n\n- One, two\n- three\n:::", Amount(words=6)),
        ("```{deeper}\n```", Amount()),
        ("| a b | c |\n| --- | --- |\n| d | e |", Amount(words=5)),
        ("It is $$x + y$$ here.", Amount(words=4)),
        ("$$\nx = 1\n$$ (x-is)\n\n\\begin{align}\nx\n\\end{align}\n", Amount(formulas=2)),
        ("```{math}\n:label: x\n\nx = 1\n```", Amount(formulas=1)),
        ("![Text](a.svg)\n", Amount(figures=1)),
        (
            "```{figure} a.svg\n:alt: many words that nobody sees\n\nIts caption\n```",
            Amount(words=2, figures=1),
        ),
        ("```python\na = 1\n\nb = 2\n```", Amount(code=2)),
        ("```{code-block} python\n:linenos:\n\na = 1\n```", Amount(code=1)),
        ("<p class='many words'>two words</p>", Amount(words=2)),
        ("% nobody sees this", Amount()),
    ],
)
def test_markdown(text, amount):
    assert of_markdown(text) == amount


def cell(*tags, outputs=(), **metadata):
    """Return a cell of three lines, one of them blank, that printed five words."""
    printed = [new_output("stream", name="stdout", text="one two\nthree 4 5.0\n")]
    return new_code_cell(
        "a = 1\n\nb = 2", metadata={"tags": list(tags), **metadata}, outputs=list(outputs) or printed
    )


@pytest.mark.parametrize(
    ("tag", "amount"),
    [
        ("nbval-ignore-output", Amount(code=2, output=5)),
        ("hide-input", Amount(output=5)),
        ("remove-input", Amount(output=5)),
        ("hide-output", Amount(code=2)),
        ("remove-output", Amount(code=2)),
        ("hide-cell", Amount()),
        ("remove-cell", Amount()),
    ],
)
def test_what_a_tag_folds_does_not_count(tag, amount):
    assert of_notebook(new_notebook(cells=[cell(tag)])) == amount
    text = Amount() if tag in ("hide-cell", "remove-cell", "hide-input", "remove-input") else Amount(words=2)
    assert of_notebook(new_notebook(cells=[new_markdown_cell("two words", metadata={"tags": [tag]})])) == text


FIGURE = {"figure": {"name": "f", "caption": "Three {glue:text}`n` words"}, "image": {"alt": "nobody sees"}}


@pytest.mark.parametrize(
    ("data", "figure", "amount"),
    [
        ({"text/plain": "<Figure size 640x480 with 1 Axes>"}, FIGURE, Amount(words=3, code=2, figures=1)),
        ({"text/plain": "<Figure size 640x480 with 1 Axes>"}, {}, Amount(code=2, figures=1)),
        ({"text/plain": "an explorer", "image/png": "iVBORw0"}, {}, Amount(code=2, figures=1)),
        ({"text/plain": "Diagram(...)"}, FIGURE, Amount(words=3, code=2, figures=1)),
        (
            {"text/plain": "Diagram: x", "text/html": "<svg><text>x</text></svg>"},
            {},
            Amount(code=2, figures=1),
        ),
        (
            {"text/plain": "np", "text/html": "<table id='x'><td>a b</td><td>c</td></table>"},
            {},
            Amount(code=2, output=3),
        ),
        ({"application/papermill.record/text/plain": "'0.5'"}, {}, Amount(code=2)),
    ],
)
def test_outputs(data, figure, amount):
    shown = cell(outputs=[new_output("display_data", data=data)], mystnb=figure)
    assert of_notebook(new_notebook(cells=[shown])) == amount


def test_what_a_cell_prints_beside_its_figure_counts():
    assert of_notebook(new_notebook(cells=[cell(mystnb=FIGURE)])) == Amount(
        words=3, code=2, figures=1, output=5
    )


@pytest.mark.parametrize(
    ("amount", "minutes"),
    [
        (Amount(), 1),
        (Amount(words=2000), 10),
        (Amount(output=3000), 10),
        (Amount(code=60), 7),
        (Amount(figures=4), 2),
        (Amount(formulas=4), 2),
        (Amount(words=900, code=60, figures=3, formulas=2, output=100), 14),
    ],
)
def test_each_kind_has_its_pace(amount, minutes):
    assert amount.minutes == minutes


def test_a_table_has_a_line_for_each_page(tmp_path):
    (tmp_path / "a.md").write_text("# Two words\n\n```python\nx = 1\n```\n", encoding="utf-8")
    head, row = table([tmp_path / "a.md"]).splitlines()
    assert head.split() == ["minutes", "words", "code", "figures", "formulas", "output"]
    assert row.split() == ["1", "2", "1", "0", "0", "0", str(tmp_path / "a.md")]


def test_the_pages_of_chapters_are_found_in_order():
    names = list(pages())
    assert names == sorted(names)
    assert "book/02-batchnorm-mechanics/01-forward" in names
    assert not [name for name in names if "exercises" in name or name.endswith("index")]


def test_a_chapter_has_a_line():
    first = summary().splitlines()[0]
    minutes = [measure(path).minutes for name, path in pages().items() if name.startswith("book/01")]
    assert first == f"Minutes to read the pages of 01-covariate-shift: {' '.join(map(str, minutes))}"
