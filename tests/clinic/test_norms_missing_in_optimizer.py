"""Gammas and betas that were forgotten."""

import pytest
import torch
from planting import Planted, assert_found, norms_of, plants
from specimens import NAMES, Specimen, healthy
from torch import nn

from normcourse.clinic import examine

CHECK = "norms missing in optimizer"


@plants(CHECK)
def plant(specimen: Specimen) -> Planted | None:
    lost = norms_of(specimen)[-2:]
    forgotten = {parameter for norm in lost for parameter in norm.layer.parameters()}
    known = [parameter for parameter in specimen.model.parameters() if parameter not in forgotten]
    return Planted(tuple(norm.name for norm in lost), {"optimizer": torch.optim.SGD(known, lr=0.1)})


def test_it_is_found() -> None:
    assert_found(CHECK, at_least=len(NAMES))


def test_with_all_else_there_it_is_certain_and_its_mend_is_one() -> None:
    specimen = healthy("ResNet")
    planted = plant(specimen)
    assert planted is not None
    finding = specimen.report(with_batches=False, **planted.settings)[CHECK]
    assert finding.certainty == "certain"
    optimizer = planted.settings["optimizer"]
    exec(finding.mend, {"optimizer": optimizer, "model": specimen.model})
    assert CHECK not in specimen.report(with_batches=False, optimizer=optimizer).names


def test_with_the_biases_gone_too_a_second_optimizer_may_have_them() -> None:
    specimen = healthy("the course's transformer")
    matrices = [parameter for parameter in specimen.model.parameters() if parameter.dim() > 1]
    finding = specimen.report(with_batches=False, optimizer=torch.optim.AdamW(matrices))[CHECK]
    assert finding.certainty == "possible"
    assert len(finding.layers) == len(norms_of(specimen))


def test_a_head_trained_alone_is_silent() -> None:
    body = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Flatten())
    model = nn.Sequential(body, nn.Linear(4, 2))
    optimizer = torch.optim.SGD(model[1].parameters(), lr=0.1)
    assert CHECK not in examine(model, optimizer=optimizer, progress=False).names
    flat = nn.Sequential(*body, nn.Linear(4, 2))
    optimizer = torch.optim.SGD(flat[-1].parameters(), lr=0.1)
    assert CHECK not in examine(flat, optimizer=optimizer, progress=False).names


@pytest.mark.parametrize("frozen", [True, False])
def test_what_takes_no_gradient_need_not_be_there(frozen: bool) -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4).requires_grad_(not frozen))
    optimizer = torch.optim.SGD(model[0].parameters(), lr=0.1)
    assert (CHECK in examine(model, optimizer=optimizer, progress=False).names) != frozen


def test_an_optimizer_of_matrices_alone_is_one_of_two() -> None:
    model = nn.Sequential(nn.Linear(4, 4, bias=False), nn.LayerNorm(4))
    optimizer = torch.optim.Muon(model[0].parameters())
    assert CHECK not in examine(model, optimizer=optimizer, progress=False).names


def test_the_optimizer_of_another_model_says_nothing() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4))
    optimizer = torch.optim.SGD(nn.Linear(2, 2).parameters(), lr=0.1)
    assert CHECK not in examine(model, optimizer=optimizer, progress=False).names
    assert CHECK not in examine(nn.LayerNorm(4), optimizer=optimizer, progress=False).names


def test_all_matrices_in_the_one_optimizer_is_only_possibly_a_fault() -> None:
    model = nn.Sequential(nn.Linear(4, 4, bias=False), nn.LayerNorm(4), nn.Linear(4, 4, bias=False))
    optimizer = torch.optim.SGD([model[0].weight, model[2].weight], lr=0.1)
    finding = examine(model, optimizer=optimizer, progress=False)[CHECK]
    assert finding.certainty == "possible"
    assert "another one has" in finding.follows


class _Exp(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.exp()


def test_a_parametrized_gamma_is_added() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4))
    nn.utils.parametrize.register_parametrization(model[1], "weight", _Exp())
    known = [*model[0].parameters(), model[1].bias]
    optimizer = torch.optim.SGD(known, lr=0.1)
    exec(
        examine(model, optimizer=optimizer, progress=False)[CHECK].mend,
        {"optimizer": optimizer, "model": model},
    )
    assert CHECK not in examine(model, optimizer=optimizer, progress=False).names
    assert {p for group in optimizer.param_groups for p in group["params"]} == set(model.parameters())
