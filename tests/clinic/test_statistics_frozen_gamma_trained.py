"""Half frozen by eval()."""

from planting import Planted, assert_found, norms_of, plants
from specimens import Specimen, healthy

from normcourse import nn as ours

CHECK = "statistics frozen gamma trained"


@plants(CHECK)
def plant(specimen: Specimen) -> Planted | None:
    tracking = [norm for norm in norms_of(specimen, "batch") if norm.tracks]
    for norm in tracking:
        norm.layer.eval()
    return Planted(tuple(norm.name for norm in tracking)) if tracking else None


def test_it_is_found() -> None:
    assert_found(CHECK)


def test_frozen_as_a_whole_is_silent() -> None:
    specimen = healthy("ResNet")
    plant(specimen)
    for norm in norms_of(specimen):
        norm.layer.requires_grad_(False)
    assert CHECK not in specimen.report(with_batches=False).names


def test_frozen_by_the_tool_is_meant() -> None:
    specimen = healthy("ResNet")
    ours.freeze_batch_norm(specimen.model)
    specimen.model.train()
    assert CHECK not in specimen.report(with_batches=False).names


def test_a_model_that_answers_is_silent() -> None:
    specimen = healthy("ResNet")
    specimen.model.eval()
    assert CHECK not in specimen.report(with_batches=False).names


def test_where_others_train_the_modes_are_mixed_and_nothing_is_said_twice() -> None:
    specimen = healthy("ResNet")
    norms_of(specimen)[0].layer.eval()
    names = specimen.report(with_batches=False).names
    assert CHECK not in names
    assert "modes mixed" in names
