"""Half frozen by requires_grad."""

import pytest
import torch
from planting import Planted, assert_found, norms_of, plants
from specimens import Specimen, healthy
from torch import nn

from normcourse import nn as ours
from normcourse.clinic import examine

CHECK = "gamma frozen statistics moving"


@plants(CHECK)
def plant(specimen: Specimen) -> Planted | None:
    tracking = [norm for norm in norms_of(specimen, "batch") if norm.tracks]
    for norm in tracking[:2]:
        norm.layer.requires_grad_(False)
    return Planted(tuple(norm.name for norm in tracking[:2])) if tracking else None


def test_it_is_found() -> None:
    assert_found(CHECK)


@pytest.mark.parametrize("library", [nn, ours])
def test_the_statistics_of_what_it_names_do_move(library: object) -> None:
    model = nn.Sequential(library.BatchNorm1d(4).requires_grad_(False), nn.Linear(4, 2))  # type: ignore[attr-defined]
    assert examine(model, progress=False)[CHECK].layers == ("0",)
    model(torch.randn(8, 4))
    assert (model[0].running_mean != 0).all()


def half_trained(layer: nn.BatchNorm1d) -> None:
    layer.weight.requires_grad_(False)


def at_rest(layer: nn.BatchNorm1d) -> None:
    layer.requires_grad_(False).eval()


def held(layer: nn.BatchNorm1d) -> None:
    layer.requires_grad_(False)
    layer.momentum = 0.0


def without_affine(layer: nn.BatchNorm1d) -> None:
    layer.weight = layer.bias = None  # type: ignore[assignment]


def frozen(layer: nn.BatchNorm1d) -> None:
    ours.freeze_batch_norm(layer, affine=True)


@pytest.mark.parametrize("change", [half_trained, at_rest, held, without_affine, frozen])
def test_what_stands_still_as_a_whole_or_learns_is_silent(change: object) -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Linear(4, 4), nn.BatchNorm1d(4))
    change(model[1])  # type: ignore[operator]
    assert CHECK not in examine(model, progress=False).names


def test_in_inference_mode_it_says_what_model_train_will_do() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Linear(4, 2)).eval()
    model[:2].requires_grad_(False)
    finding = examine(model, progress=False)[CHECK]
    assert finding.certainty == "possible"
    assert "next model.train()" in finding.follows
    exec(finding.mend, {"model": model, "normcourse": __import__("normcourse.nn")})
    assert CHECK not in examine(model, progress=False).names
    before = model[1].running_mean.clone()
    model.train()(torch.randn(8, 4) + 5)
    assert torch.equal(model[1].running_mean, before)


def test_a_model_that_answers_may_be_without_gradients() -> None:
    specimen = healthy("ResNet")
    specimen.model.eval().requires_grad_(False)
    assert CHECK not in specimen.report(with_batches=False).names


def test_moved_statistics_make_it_likely_and_it_comes_first() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 8), nn.BatchNorm1d(8).requires_grad_(False), nn.Linear(8, 2))
    batches = [torch.randn(64, 8) for _ in range(4)]
    for x in 20 * batches:
        model(x + 3)
    report = examine(model.eval(), [(x, torch.zeros(64, 2)) for x in batches], loss=nn.functional.mse_loss)
    assert report.names[:2] == (CHECK, "statistics far from the batches")
    assert report[CHECK].certainty == "likely"
    assert "can harm" in report["statistics far from the batches"].mend
