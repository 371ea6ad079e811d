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


@pytest.mark.parametrize(("channels", "groups"), [(5, None), (7, None), (2, None), (6, 3), (64, 32)])
def test_its_mend_is_between_the_ends_or_says_that_nothing_is(channels: int, groups: int | None) -> None:
    for ends in (1, channels):
        model = nn.Sequential(nn.Conv2d(3, channels, 1), nn.GroupNorm(ends, channels))
        mend = examine(model, progress=False)[CHECK].mend
        if groups is None:
            assert mend.startswith(f"# {channels} channels have no")
            continue
        exec(mend, {"model": model})
        assert model[1].num_groups == groups
        assert CHECK not in examine(model, progress=False).names


def test_the_mend_of_a_bare_one_runs() -> None:
    scope: dict[str, object] = {}
    exec(examine(nn.GroupNorm(1, 8), progress=False)[CHECK].mend, scope)
    assert CHECK not in examine(scope["model"], progress=False).names
