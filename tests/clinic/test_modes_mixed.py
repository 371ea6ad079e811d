"""A norm in another mode than the model's."""

import pytest
import torch
from planting import Planted, assert_found, norms_of, plants
from specimens import Specimen, healthy
from torch import nn

from normcourse import nn as ours
from normcourse.clinic import examine

CHECK = "modes mixed"


@plants(CHECK)
def plant(specimen: Specimen) -> Planted | None:
    tracking = [norm for norm in norms_of(specimen) if norm.tracks]
    specimen.model.eval()
    for norm in tracking[:2]:
        norm.layer.train()
    return Planted(tuple(norm.name for norm in tracking[:2])) if tracking else None


def test_it_is_found() -> None:
    assert_found(CHECK)


def test_one_that_trains_where_the_model_answers_is_worse_than_the_reverse() -> None:
    specimen = healthy("ResNet")
    (norm, *_) = norms_of(specimen)
    norm.layer.eval()
    training = specimen.report()[CHECK]
    assert (training.layers, training.certainty) == ((norm.name,), "possible")
    assert training.measured["layers in inference mode"] == 1
    specimen.model.eval()
    norm.layer.train()
    answering = specimen.report()[CHECK]
    assert (answering.layers, answering.certainty) == ((norm.name,), "likely")


@pytest.mark.parametrize("training", [True, False])
def test_one_mode_throughout_is_silent(training: bool) -> None:
    specimen = healthy("the course's CNN")
    specimen.model.train(training)
    assert CHECK not in specimen.report(with_batches=False).names


def test_what_behaves_the_same_in_both_modes_may_be_in_either() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Linear(4, 4), nn.LayerNorm(4))
    model[3].eval()
    assert CHECK not in examine(model, progress=False).names


def test_frozen_layers_are_meant() -> None:
    specimen = healthy("the course's CNN")
    (first, *_) = norms_of(specimen)
    ours.freeze_batch_norm(first.layer)
    specimen.model.train()
    assert not first.layer.training
    assert CHECK not in specimen.report(with_batches=False).names


def test_freezing_by_hand_names_who_trains_on() -> None:
    specimen = healthy("ResNet")
    first, second, *_ = norms_of(specimen)
    for norm in (first, second):
        norm.layer.eval()
    for parameter in first.layer.parameters():
        parameter.requires_grad_(False)
    finding = specimen.report(with_batches=False)[CHECK]
    assert finding.measured["of those in inference mode, with a gamma or beta that trains"] == 1


def test_examining_leaves_the_modes() -> None:
    specimen = healthy("the course's MLP")
    plant(specimen)
    modes = [module.training for module in specimen.model.modules()]
    x = torch.randn(4, 64)
    examine(specimen.model, [x], progress=False)
    assert modes == [module.training for module in specimen.model.modules()]
