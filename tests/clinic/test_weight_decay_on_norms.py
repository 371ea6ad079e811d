"""Decay of gamma and beta."""

import pytest
import torch
from planting import Planted, assert_found, norms_of, plants
from specimens import Specimen, healthy, raw
from torch import nn

from normcourse.clinic import examine

CHECK = "weight decay on norms"


@plants(CHECK)
def plant(specimen: Specimen) -> Planted | None:
    pulled = [norm for norm in norms_of(specimen) if not norm.offset]
    optimizer = torch.optim.AdamW(specimen.model.parameters(), lr=0.01, weight_decay=0.1)
    return Planted(tuple(norm.name for norm in pulled), {"optimizer": optimizer}) if pulled else None


def test_it_is_found() -> None:
    assert_found(CHECK, at_least=14)  # in all but Gemma, whose weight starts at 0


def test_it_counts_and_says_how_hard_they_are_pulled() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.LayerNorm(4, bias=False))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5, weight_decay=0.1)
    measured = examine(model, optimizer=optimizer, progress=False)[CHECK].measured
    assert measured["gammas and betas that decay, tensors"] == 3
    assert measured["learning rate times weight decay"] == pytest.approx(0.05)


@pytest.mark.parametrize("name", ["ResNet", "Llama", "the course's transformer"])
def test_its_mend_leaves_only_matrices_to_decay(name: str) -> None:
    specimen = healthy(name)
    planted = plant(specimen)
    assert planted is not None
    mend = specimen.report(with_batches=False, **planted.settings)[CHECK].mend
    scope = {"model": specimen.model}
    exec(mend, scope)
    optimizer = torch.optim.AdamW(scope["groups"], weight_decay=0.1)  # type: ignore[arg-type]
    assert CHECK not in specimen.report(with_batches=False, optimizer=optimizer).names


def test_without_decay_it_is_silent() -> None:
    specimen = raw("ResNet")
    optimizer = torch.optim.Adam(specimen.model.parameters())
    assert CHECK not in specimen.report(with_batches=False, optimizer=optimizer).names


def test_what_takes_no_gradient_does_not_decay() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4).requires_grad_(False))
    optimizer = torch.optim.AdamW(model.parameters())
    assert CHECK not in examine(model, optimizer=optimizer, progress=False).names


def test_without_an_optimizer_it_is_skipped() -> None:
    assert CHECK in examine(nn.LayerNorm(4), progress=False).skipped
