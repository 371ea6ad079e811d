"""Group norms that are layer norms or instance norms."""

import pytest
from planting import Planted, assert_found, norms_of, plants
from specimens import Specimen
from torch import nn

from normcourse import nn as ours
from normcourse.clinic import examine

CHECK = "groups at the ends"


@plants(CHECK)
def plant(specimen: Specimen) -> Planted | None:
    norms = norms_of(specimen, "batch")[:1]
    for norm in norms:
        specimen.model.set_submodule(norm.name, nn.GroupNorm(1, norm.features))
    return Planted((norms[0].name,)) if norms else None


def test_it_is_found() -> None:
    assert_found(CHECK)


@pytest.mark.parametrize("kind", [nn.GroupNorm, ours.GroupNorm])
def test_both_ends_are_found_and_nothing_between(kind: type[nn.Module]) -> None:
    model = nn.Sequential(*(kind(groups, 8) for groups in (1, 2, 4, 8)), kind(1, 1))
    findings = [finding for finding in examine(model, progress=False).findings if finding.name == CHECK]
    assert [finding.layers for finding in findings] == [("0",), ("3",)]
