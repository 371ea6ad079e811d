from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from normcourse.models import PLACEMENTS
from normcourse.models.published import PUBLISHED, markdown_table

BIBLIOGRAPHY = (Path(__file__).parents[2] / "book" / "references.bib").read_text(encoding="utf-8")
TOKENS = torch.randint(50, (2, 8), generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("model", PUBLISHED, ids=lambda model: model.name)
def test_every_row_has_a_source_and_builds_its_network(model):
    assert f"{{{model.source}," in BIBLIOGRAPHY
    built = model.schematic(50, layers=1, width=16)
    assert built(TOKENS).isfinite().all()
    branch = built.branches[0]
    named = "LayerNorm" if model.norm == "layer" else "RMSNorm"
    for place in ("on_input", "on_output", "on_sum"):
        expected = named if place in PLACEMENTS[model.placement] else "Identity"
        assert type(getattr(branch, place)).__name__ == expected
    assert type(branch.inner.query_norm).__name__ == ("RMSNorm" if model.qk_norm else "Identity")


def test_names_are_unique_and_years_in_order():
    assert len({model.name for model in PUBLISHED}) == len(PUBLISHED)
    years = [model.year for model in PUBLISHED]
    assert years == sorted(years)


@pytest.mark.parametrize("what", ["kind", "norm", "placement"])
def test_an_unknown_word_is_refused(what):
    with pytest.raises(ValueError, match=f"{what} must be one of .*, but Transformer has 'other'"):
        replace(PUBLISHED[0], **{what: "other"})


def test_the_table_has_a_row_for_each_model_and_no_cell_too_many():
    head, rule, *rows = markdown_table(PUBLISHED).splitlines()
    assert len(rows) == len(PUBLISHED)
    assert {line.count("|") for line in (head, rule, *rows)} == {6}
    for row, model in zip(rows, PUBLISHED, strict=True):
        assert row.startswith(f"| {model.name}, {model.year} (")
        assert f"{{cite:p}}`{model.source}`" in row
        assert model.eps == 10.0 ** round(np.log10(model.eps))  # the table says it as a power of ten
        assert ("queries and keys" in row) == model.qk_norm
