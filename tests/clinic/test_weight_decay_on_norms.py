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


def test_it_says_what_is_left_of_a_gamma_that_nothing_else_moves() -> None:
    norm = nn.LayerNorm(4)
    optimizer = torch.optim.AdamW(norm.parameters(), lr=1e-3, weight_decay=0.5)
    measured = examine(norm, optimizer=optimizer, progress=False)[CHECK].measured
    for _ in range(1000):  # a tenth of what is said
        norm.weight.grad = torch.zeros(4)
        optimizer.step()
    lost = 1 - float(norm.weight.detach()[0]) ** 10
    share = measured["share that 10,000 steps take of a gamma without gradient"]
    assert share == pytest.approx(lost, abs=1e-3)


def test_it_is_a_remark_and_comes_last() -> None:
    model = nn.Sequential(nn.GroupNorm(1, 4), nn.Linear(4, 4), nn.LayerNorm((2, 4)))
    report = examine(model, optimizer=torch.optim.AdamW(model.parameters()), progress=False)
    assert report.names == ("groups at the ends", "layer norm over several axes", CHECK)


def test_its_mend_finds_a_gamma_of_several_axes_and_keeps_the_order() -> None:
    model = nn.Sequential(nn.LayerNorm((3, 4)), nn.Linear(4, 4))
    mend = examine(model, optimizer=torch.optim.AdamW(model.parameters()), progress=False)[CHECK].mend
    scope: dict[str, object] = {"model": model}
    exec(mend, scope)
    decays, does_not = scope["groups"]  # type: ignore[misc]
    assert [p.shape for p in does_not["params"]] == [(3, 4), (3, 4)]
    assert [p.shape for p in decays["params"]] == [(4, 4), (4,)]


@pytest.mark.parametrize("name", ["ResNet", "Llama", "the course's transformer"])
def test_its_mend_leaves_the_norms_out(name: str) -> None:
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
